# SPDX-License-Identifier: Apache-2.0
"""Prepares the time series for its chart: a bar for each step and name, and the times without any."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joulepath_report.model import Step
from joulepath_report.page.looks import Looks

WHOLE = 0.9
"""Known part of a step from which on it counts as whole: a few evaluations that are missing do not show."""


@dataclass(frozen=True)
class Gap:
    """A time that was not measured, or only in part."""

    begin: float
    end: float


def bars(steps: Iterable[Step], looks: Looks) -> Sequence[Step]:
    """The steps by the keys of `looks`, in the order of time."""
    watts: defaultdict[tuple[float, float, str, float], float] = defaultdict(float)
    for step in steps:
        watts[step.begin, step.seconds, looks.key(step.application), step.known] += step.watts
    return [
        Step(begin, seconds, name, amount, known) for (begin, seconds, name, known), amount in sorted(watts.items())
    ]


def gaps(steps: Iterable[Step], begin: float, end: float) -> Sequence[Gap]:
    """The times of a period that no whole step covers, where one would have found room.

    Steps begin at full hours, minutes, and so on, and a period does not.
    """
    found = []
    drawn = sorted({(step.begin, step.seconds, step.known) for step in steps if step.begin < end})
    times = [(start, seconds) for start, seconds, known in drawn if known >= WHOLE]
    for start, seconds in [*times, (end, drawn[-1][1] if drawn else 0.0)]:
        if start - begin >= seconds and start > begin:
            found.append(Gap(begin, start))
        begin = max(begin, start + seconds)
    return found
