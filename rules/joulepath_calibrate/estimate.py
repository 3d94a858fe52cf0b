# SPDX-License-Identifier: Apache-2.0
"""A number from measurements, with its 95 % interval."""

from dataclasses import dataclass

NORMAL_95 = 1.96
"""Two-sided 95 % quantile of the normal law, in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval, in the same unit."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The standard error for which a normal law has an interval of this length."""
        return (self.high - self.low) / 2 / NORMAL_95
