# SPDX-License-Identifier: Apache-2.0
"""Asks for recorded series in the slots of a period: one question for a week of hours, one for each part of an hour.

A row of the rules is the mean of a window, so it stands for the time half a window before it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from joulepath_prometheus.client import Prometheus
from joulepath_report.period import HOUR, Slot
from joulepath_rules import reads
from joulepath_rules.history import EDGE, recorded
from joulepath_topology import Topology
from joulepath_topology.durations import duration

Key = tuple[str, ...]
Rows = dict[Key, dict[int, float]]
"""By the values of the labels that were asked for: the value in each slot, by its number; absent where not known."""

MOST_HOURS = 168
"""Of one question: a server reads all samples of it at once."""

Function = Literal["avg", "count", "sum"]


class Questions:
    """The questions of one report. Each raises PrometheusError."""

    def __init__(self, prometheus: Prometheus, topology: Topology, slots: Sequence[Slot]) -> None:
        self.prometheus, self.topology, self.slots = prometheus, topology, slots

    def over(self, function: Function, series: str, by: Key, matchers: str = "") -> Rows:
        """A function over the time of each slot, by labels. Two servers that evaluate the same rules count once."""
        selected = reads.selector(self.topology, series, matchers)

        def expr(seconds: float) -> str:
            reach = f"[{duration(seconds - EDGE)}] offset -{duration(self.topology.window / 2)}"
            return f"{function}_over_time({selected}{reach})"

        return self._slotwise(expr, by)

    def rate(self, expr: str, by: Key) -> Rows:
        """The mean of an expression that is evaluated as the rules are, in the same time."""
        step, shift = duration(self.topology.interval), duration(self.topology.window / 2)
        return self._slotwise(
            lambda seconds: f"avg_over_time(({expr})[{duration(seconds - EDGE)}:{step}] offset -{shift})", by
        )

    def hourly(self, series: str, by: Key) -> Rows:
        """The records of the rules for each full hour after it closed; nothing for parts of hours."""
        found: Rows = {}
        expr = recorded(self.topology, reads.selector(self.topology, series, ""), "last", 1, 0)
        for first, last in self._runs():
            self._ask(found, by, expr, first, last)
        return found

    def before(self, series: str, by: Key, slot: Slot) -> set[Key]:
        """The rows that were there in the hour before a slot."""
        reach = f"[{duration(HOUR - EDGE)}] offset -{duration(self.topology.window / 2)}"
        expr = f"present_over_time({reads.selector(self.topology, series, '')}{reach})"
        answer = self.prometheus.query(_max(by, expr), slot.begin)
        return {_key(sample.labels, by) for sample in answer}

    def at_end(self, series: str, by: Key) -> dict[Key, float]:
        """The last value at the end of the period, as far as it is fresh."""
        reach = f"[{duration(2 * max(60.0, self.topology.interval))}]"
        expr = f"last_over_time({reads.selector(self.topology, series, '')}{reach})"
        answer = self.prometheus.query(_max(by, expr), self.slots[-1].end)
        return {_key(sample.labels, by): sample.value for sample in answer}

    def _slotwise(self, expr: Callable[[float], str], by: Key) -> Rows:
        """The values of an expression that is made for the length of a slot."""
        found: Rows = {}
        for number, slot in enumerate(self.slots):
            if not slot.hour:
                for sample in self.prometheus.query(_max(by, expr(slot.seconds)), slot.end):
                    if math.isfinite(sample.value):
                        found.setdefault(_key(sample.labels, by), {})[number] = sample.value
        for first, last in self._runs():
            self._ask(found, by, expr(HOUR), first, last)
        return found

    def _runs(self) -> Iterator[tuple[float, float]]:
        """The ends of full hours, first and last of each question. Full hours follow one another."""
        ends = [slot.end for slot in self.slots if slot.hour]
        for first in range(0, len(ends), MOST_HOURS):
            of_one = ends[first : first + MOST_HOURS]
            yield of_one[0], of_one[-1]

    def _ask(self, found: Rows, by: Key, expr: str, first: float, last: float) -> None:
        numbers = {slot.end: number for number, slot in enumerate(self.slots)}
        for series in self.prometheus.query_range(_max(by, expr), first, last, HOUR):
            if values := {numbers[at]: value for at, value in series.points if math.isfinite(value)}:
                found.setdefault(_key(series.labels, by), {}).update(values)


def _max(by: Key, expr: str) -> str:
    return f"max by ({', '.join(by)}) (\n  {expr})"


def _key(labels: Mapping[str, str], by: Key) -> Key:
    return tuple(labels.get(name, "") for name in by)
