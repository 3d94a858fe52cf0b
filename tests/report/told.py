# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002  # the interface is that of Questions
"""Answers without a server: rows by series, as `Questions` gives them."""

from collections.abc import Mapping, Sequence

from joulepath_prometheus.client import Prometheus
from joulepath_report.period import Slot
from joulepath_report.questions import Function, Key, Questions, Rows
from joulepath_topology import Topology


class Told(Questions):
    """Rows by function and series; all others have none.

    Matchers are a part of the name, and labels can be: `series{matchers} by host,tier`.
    """

    def __init__(
        self,
        topology: Topology,
        slots: Sequence[Slot],
        rows: Mapping[tuple[str, str], Rows],
        before: Mapping[str, set[Key]] | None = None,
        early: Sequence[Slot] = (),
    ) -> None:
        super().__init__(Prometheus("http://127.0.0.1:9"), topology, slots)
        self._early = (*slots[:1], *early)
        self._rows, self._before = rows, before or {}

    def over(self, function: Function, series: str, by: Key, matchers: str = "") -> Rows:
        """The rows of a function and a series."""
        name = f"{series}{{{matchers}}}" if matchers else series
        return self._rows.get((function, f"{name} by {','.join(by)}"), self._rows.get((function, name), {}))

    def rate(self, expr: str, by: Key) -> Rows:
        """The rows of an expression that has the series' name in it."""
        return next((rows for (kind, series), rows in self._rows.items() if kind == "rate" and series in expr), {})

    def hourly(self, series: str, by: Key) -> Rows:
        """The rows of a series of closed hours."""
        return self._rows.get(("hourly", series), {})

    def before(self, series: str, by: Key, slot: Slot) -> set[Key]:
        """The rows before the first slot, and before those that are `early`."""
        return self._before.get(series, set()) if slot in self._early else set()

    def at_end(self, series: str, by: Key) -> dict[Key, float]:
        """The rows at the end."""
        return {key: next(iter(values.values())) for key, values in self._rows.get(("end", series), {}).items()}
