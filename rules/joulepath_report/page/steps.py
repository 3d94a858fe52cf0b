# SPDX-License-Identifier: Apache-2.0
"""Prepares the time series for its chart: a bar for each step, by day where steps are too many, and the gaps."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joulepath_report.model import Step
from joulepath_report.page.looks import Looks

DAY = 86400.0
MOST = 24 * 16
"""Bars of a chart: of more steps than this, each day is one bar."""


@dataclass(frozen=True)
class Gap:
    """A time in which nothing is known."""

    begin: float
    end: float


def bars(steps: Sequence[Step], looks: Looks) -> Sequence[Step]:
    """The steps by the keys of `looks`."""
    if len({step.begin for step in steps}) > MOST:
        steps = _by_day(steps)
    watts: defaultdict[tuple[float, float, str], float] = defaultdict(float)
    for step in steps:
        watts[step.begin, step.seconds, looks.key(step.application)] += step.watts
    return [Step(begin, seconds, name, amount) for (begin, seconds, name), amount in sorted(watts.items())]


def _by_day(steps: Iterable[Step]) -> Sequence[Step]:
    """The mean power of each UTC day, over the time in which it is known."""
    joules: defaultdict[tuple[float, str], float] = defaultdict(float)
    known: defaultdict[tuple[float, str], float] = defaultdict(float)
    for step in steps:
        key = step.begin // DAY * DAY, step.application
        joules[key] += step.watts * step.seconds
        known[key] += step.seconds
    return [Step(day, DAY, name, joules[day, name] / known[day, name]) for day, name in joules]


def gaps(steps: Iterable[Step], begin: float, end: float) -> Sequence[Gap]:
    """The times of a period that no step covers."""
    found = []
    for start, seconds in sorted({(step.begin, step.seconds) for step in steps if step.begin < end}):
        if start > begin:
            found.append(Gap(begin, start))
        begin = max(begin, start + seconds)
    if begin < end:
        found.append(Gap(begin, end))
    return found
