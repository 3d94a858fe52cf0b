# SPDX-License-Identifier: Apache-2.0
"""The known means and times of hosts, and of their rows, in each slot of a period."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
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


def rows(questions: Questions) -> Iterator[Mapping[Row, Known]]:
    """By row, for each slot in turn: a month has too many to be held at once. Raises PrometheusError.

    A row that had two sites or segments in a slot has those of most of its time.
    """
    means, counts = questions.over("avg", ROWS, ROW), questions.over("count", ROWS, ROW)
    seen = _Before(questions, ROWS, ROW, counts, own=_OWN)
    # The rest of a host has no segment.
    named = {key: Row(*(word or UNATTRIBUTED for word in key)) for key in counts}
    for number in range(len(questions.slots)):
        found: dict[Key, list[tuple[Row, Known]]] = defaultdict(list)
        for key, row in counts.items():
            if number in row and number in means.get(key, {}):
                own = key[:_OWN]
                known = Known(means[key][number], _seconds(questions, number, row[number]), seen(own, number))
                found[own].append((named[key], known))
        yield dict(_one(parts) for parts in found.values())


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
        self._slots, self._counts = questions.slots, defaultdict[Key, list[Mapping[int, float]]](list)
        for key, row in counts.items():
            self._counts[key[:own]].append(row)
        # The hour before a slot is the slot before, but for the first one, and for one after a part of an hour.
        self._asked = {
            number: {key[:own] for key in questions.before(series, by, slot)}
            for number, slot in enumerate(self._slots)
            if number == 0 or not self._slots[number - 1].hour
        }

    def __call__(self, own: Key, number: int) -> bool:
        return own in self._asked.get(number, ()) or any(number - 1 in row for row in self._counts.get(own, ()))
