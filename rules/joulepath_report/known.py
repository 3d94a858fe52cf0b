# SPDX-License-Identifier: Apache-2.0
"""What was known of hosts, and of their rows, in each slot of a period."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from joulepath_report.model import UNATTRIBUTED
from joulepath_report.questions import Key, Questions, Rows
from joulepath_rules.history import LEAST

ROW = ("application", "component", "host", "site", "segment")
_OWN = 3
"""The first labels of a row say which one it is: its site or its segment may change within an hour."""

ROWS = "application_component:power_watts"
HOSTS = "host:power_watts"


class Row(NamedTuple):
    """The labels of a row; `unattributed` is an application, and a component, and the segment of the latter."""

    application: str
    component: str
    host: str
    site: str
    segment: str


@dataclass(frozen=True)
class Known:
    """Mean and known seconds of a row in a slot, and whether it was there in the hour before the slot."""

    mean: float
    seconds: float
    before: bool

    def charged(self, length: float) -> float:
        """The seconds that are charged: all, where half was known and it was there before; else the known ones."""
        return length if self.before and self.seconds >= LEAST * length else self.seconds


def hosts(questions: Questions) -> Sequence[Mapping[str, Known]]:
    """By host, in each slot; without the mean. Raises PrometheusError."""
    by = ("host", "site")
    counts = questions.over("count", HOSTS, by)
    seen = _Before(questions, HOSTS, by, counts, own=1)
    found: list[dict[str, Known]] = [{} for _ in questions.slots]
    for (host, *_), row in counts.items():
        for number, count in row.items():
            earlier = found[number].get(host)
            seconds = _seconds(questions, number, count) + (earlier.seconds if earlier else 0.0)
            found[number][host] = Known(
                0.0, min(seconds, questions.slots[number].seconds), before=seen((host,), number)
            )
    return found


def rows(questions: Questions) -> Sequence[Mapping[Row, Known]]:
    """By row, in each slot. One that had two sites or segments there has those of most of its time.

    Raises PrometheusError.
    """
    means, counts = questions.over("avg", ROWS, ROW), questions.over("count", ROWS, ROW)
    seen = _Before(questions, ROWS, ROW, counts, own=_OWN)
    slots: list[dict[Key, list[tuple[Row, Known]]]] = [defaultdict(list) for _ in questions.slots]
    for key, row in counts.items():
        named = Row(*(word or UNATTRIBUTED for word in key))  # the rest of a host has no segment
        for number, count in row.items():
            if number in means.get(key, {}):
                before = seen(key[:_OWN], number)
                known = Known(means[key][number], _seconds(questions, number, count), before)
                slots[number][named[:_OWN]].append((named, known))
    return [dict(_one(parts) for parts in slot.values()) for slot in slots]


def _one(parts: Sequence[tuple[Row, Known]]) -> tuple[Row, Known]:
    """A row of which the parts had different sites or segments, one after the other."""
    if len(parts) == 1:
        return parts[0]
    row, longest = max(parts, key=lambda part: part[1].seconds)
    seconds = sum(known.seconds for _, known in parts)
    return row, Known(sum(known.mean * known.seconds for _, known in parts) / seconds, seconds, longest.before)


def _seconds(questions: Questions, number: int, count: float) -> float:
    return min(count * questions.topology.interval, questions.slots[number].seconds)


class _Before:
    """Whether something was there in the hour before a slot, by its first labels."""

    def __init__(self, questions: Questions, series: str, by: Key, counts: Rows, own: int) -> None:
        self._seen: list[set[Key]] = [set() for _ in questions.slots]
        for key, row in counts.items():
            for number in row:
                if number + 1 < len(self._seen):
                    self._seen[number + 1].add(key[:own])
        for number, slot in enumerate(questions.slots):
            # The hour before a slot is the slot before, but for the first one, and for one after a part of an hour.
            if number == 0 or not questions.slots[number - 1].hour:
                self._seen[number] |= {key[:own] for key in questions.before(series, by, slot)}

    def __call__(self, own: Key, number: int) -> bool:
        return own in self._seen[number]
