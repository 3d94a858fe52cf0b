# SPDX-License-Identifier: Apache-2.0
"""Prepares the time series for its chart: a bar for each step and name, and the times without any."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joulepath_report.model import Step
from joulepath_report.page.looks import Looks


@dataclass(frozen=True)
class Gap:
    """A time in which nothing is known."""

    begin: float
    end: float


def bars(steps: Iterable[Step], looks: Looks) -> Sequence[Step]:
    """The steps by the keys of `looks`, in the order of time."""
    watts: defaultdict[tuple[float, float, str], float] = defaultdict(float)
    for step in steps:
        watts[step.begin, step.seconds, looks.key(step.application)] += step.watts
    return [Step(begin, seconds, name, amount) for (begin, seconds, name), amount in sorted(watts.items())]


def gaps(steps: Iterable[Step], begin: float, end: float) -> Sequence[Gap]:
    """The times of a period that no step covers, where a whole step would have found room.

    Steps begin at full hours, minutes, and so on, and a period does not.
    """
    found = []
    times = sorted({(step.begin, step.seconds) for step in steps if step.begin < end})
    for start, seconds in [*times, (end, times[-1][1] if times else 0.0)]:
        if start - begin >= seconds and start > begin:
            found.append(Gap(begin, start))
        begin = max(begin, start + seconds)
    return found
