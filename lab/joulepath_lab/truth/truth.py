# SPDX-License-Identifier: Apache-2.0
"""The truth over an interval: the law's joules, split by the declared policy applied to what the senders sent.

Hence errors against it are reconstruction errors under the declared policy: static by packets (a model: by requests),
dynamic by octets (a model: by its tokens or requests).
"""

import bisect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from joulepath_lab.scenarios import native
from joulepath_lab.scenarios.scenario import OCTETS, PACKETS, UNATTRIBUTED, Amounts, Scenario
from joulepath_lab.scenarios.streams import answer_of

HOUSEKEEPING = "housekeeping"
"""Dynamic work of a machine that no component does."""


@dataclass(frozen=True)
class Share:
    """Mean watts of one application on one component."""

    static: float
    dynamic: float

    @property
    def total(self) -> float:
        """Both parts."""
        return self.static + self.dynamic


class Truth:
    """History of the plant, asked for means over intervals [seconds since the epoch]."""

    def __init__(self, history: Path, scenario: Scenario = native.SCENARIO) -> None:
        self._scenario = scenario
        lines = history.read_text(encoding="utf-8").splitlines()
        self._records: list[dict[str, float]] = [json.loads(line) for line in lines if line.endswith("}")]
        self._times: Sequence[float] = [record["at"] for record in self._records]
        self._step = cache(self._difference)

    def component(self, component: str, begin: float, end: float, meter_lag: float = 0.0) -> dict[str, Share]:
        """Watts per application on a component, with `unattributed`, over an interval.

        A real plug shows older power than a packet counter shows packets. With `meter_lag` [s] the machine's watts are
        of an interval so much earlier than the work and the packets by which they are split.
        """
        found: dict[str, Share] = {}
        for host in self._scenario.hosts_of(component):
            for name, share in self._on(host, component, begin, end, meter_lag).items():
                known = found.get(name, Share(0.0, 0.0))
                found[name] = Share(known.static + share.static, known.dynamic + share.dynamic)
        return found

    def _on(self, host: str, component: str, begin: float, end: float, meter_lag: float) -> dict[str, Share]:
        """The part of `component` that is on one machine."""
        step = self._step(begin, end)
        static, dynamic = self._machine(host, begin - meter_lag, end - meter_lag)
        static *= self._scenario.machines[host].reserved[component]
        dynamic *= _part(self._work(host, begin, end), component)
        supported = self._scenario.supports.get(component)
        if supported is not None:
            counts = volumes = self._supported_watts(supported, begin, end, meter_lag)
        else:
            counts, volumes = (
                self._amounts(component, step, each)
                for each in self._scenario.amounts.get(component, (PACKETS, OCTETS))
            )
        shares = {
            name: Share(static * _part(counts, name), dynamic * _part(volumes, name))
            for name in sorted({*counts, *volumes} - {UNATTRIBUTED})
        }
        rest = Share(
            static - sum(share.static for share in shares.values()),
            dynamic - sum(share.dynamic for share in shares.values()),
        )
        return {**shares, UNATTRIBUTED: rest}

    def _amounts(self, component: str, step: Mapping[str, float], weights: Amounts) -> dict[str, float]:
        """The weighted counts of the senders for each application: 0 for one that does not pass the component."""
        amounts = dict.fromkeys((*self._scenario.applications, UNATTRIBUTED), 0.0)
        for stream in self._scenario.passing_streams(component):
            name = stream.application or UNATTRIBUTED
            for sender in (stream.name, answer_of(stream)):
                counted = sum(weight * step.get(f"{sender}:{field}", 0.0) for field, weight in weights.items())
                amounts[name] += counted
        return amounts

    def _supported_watts(
        self, components: Sequence[str], begin: float, end: float, meter_lag: float
    ) -> dict[str, float]:
        """The shares of a supporting component: the applications' watts in the components that it supports."""
        watts: dict[str, float] = {}
        for component in components:
            for name, share in self.component(component, begin, end, meter_lag).items():
                watts[name] = watts.get(name, 0.0) + share.total
        return watts

    def sent(self, sender: str, field: str, begin: float, end: float) -> float:
        """The count of a sender in an interval; `field` is one of the ledger's."""
        return self._step(begin, end)[f"{sender}:{field}"]

    def host(self, host: str, begin: float, end: float) -> float:
        """Mean watts at a machine's plug."""
        return sum(self._machine(host, begin, end))

    def host_unattributed(self, host: str, begin: float, end: float, meter_lag: float = 0.0) -> float:
        """Mean watts of a machine that belong to none of its components; see `component`."""
        static, dynamic = self._machine(host, begin - meter_lag, end - meter_lag)
        reserved = sum(self._scenario.machines[host].reserved.values())
        return static * (1 - reserved) + dynamic * _part(self._work(host, begin, end), HOUSEKEEPING)

    def _machine(self, host: str, begin: float, end: float) -> tuple[float, float]:
        """Mean static and dynamic watts of a machine."""
        seconds = end - begin
        dynamic = sum(self._work(host, begin, end).values())
        return self._step(begin, end)[f"{host}:static"] / seconds, dynamic / seconds

    def _work(self, host: str, begin: float, end: float) -> dict[str, float]:
        """Dynamic joules of a machine by component, with HOUSEKEEPING."""
        step = self._step(begin, end)
        parts = (*self._scenario.machines[host].components, HOUSEKEEPING)
        return {part: step[f"{host}:{part}"] for part in parts}

    def _difference(self, begin: float, end: float) -> dict[str, float]:
        """How far every cumulative number went between two instants."""
        first, last = self._at(begin), self._at(end)
        return {key: last[key] - first[key] for key in last}

    def _at(self, instant: float) -> dict[str, float]:
        """The cumulative numbers at an instant, interpolated between two ticks."""
        after = bisect.bisect_left(self._times, instant)
        if not 0 < after < len(self._times):
            raise LookupError(f"no history at {instant}: it reaches from {self._times[0]} to {self._times[-1]}")
        earlier, later = self._records[after - 1], self._records[after]
        weight = (instant - earlier["at"]) / (later["at"] - earlier["at"])
        return {key: earlier[key] + (value - earlier[key]) * weight for key, value in later.items()}


def _part(amounts: Mapping[str, float], name: str) -> float:
    whole = sum(amounts.values())
    return amounts.get(name, 0.0) / whole if whole else 0.0
