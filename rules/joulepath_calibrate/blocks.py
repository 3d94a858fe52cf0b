# SPDX-License-Identifier: Apache-2.0
"""The error of an estimate from windows that follow each other: the jackknife that leaves out one block at a time.

Neighbouring windows are alike: a fan or a room changes over many of them. A formula for independent points would make
the interval too narrow. Blocks much longer than such a change are as good as independent, and the jackknife needs no
law of the noise: it may grow with power. Künsch, Annals of Statistics 17 (1989), 1217.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

BLOCKS = 20
T_95 = 2.1009
"""Two-sided 95 % quantile of Student's t with BLOCKS - 2 degrees of freedom."""
MOST_CORRELATION = 2 / math.sqrt(BLOCKS)
"""Of neighbouring blocks: about two standard errors of the correlation of independent ones."""

T = TypeVar("T")


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, in the same unit."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - T_95 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + T_95 * self.error

    @property
    def is_zero(self) -> bool:
        """Whether 0 lies in the interval."""
        return self.low <= 0 <= self.high


def split(items: Sequence[T], count: int = BLOCKS) -> Sequence[Sequence[T]]:
    """Consecutive blocks. Their lengths differ by at most one."""
    cuts = [len(items) * number // count for number in range(count + 1)]
    return [items[begin:end] for begin, end in pairwise(cuts)]


def jackknife(items: Sequence[T], estimator: Callable[[Sequence[T]], Sequence[float]]) -> Sequence[Estimate]:
    """Each value of the estimator over all items, with the error that its values without one block give."""
    parts = split(items)
    without = [
        estimator([one for number, part in enumerate(parts) if number != left for one in part])
        for left in range(len(parts))
    ]
    estimates = []
    for value, others in zip(estimator(items), zip(*without, strict=True), strict=True):
        mean = math.fsum(others) / len(others)
        variance = (len(others) - 1) / len(others) * math.fsum((other - mean) ** 2 for other in others)
        estimates.append(Estimate(value, math.sqrt(variance)))
    return estimates


def correlation(residuals: Sequence[float]) -> float:
    """Of the mean residuals of neighbouring blocks."""
    means = [math.fsum(part) / len(part) for part in split(residuals)]
    mean = math.fsum(means) / len(means)
    total = math.fsum((one - mean) ** 2 for one in means)
    if total == 0:
        return 0.0
    return math.fsum((one - mean) * (after - mean) for one, after in pairwise(means)) / total
