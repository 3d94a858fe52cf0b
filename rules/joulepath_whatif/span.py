# SPDX-License-Identifier: Apache-2.0
"""A number with its 95 % interval, where that is known."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A value and the ends of its interval; both None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def __add__(self, other: "Span") -> "Span":
        """Ends are added: right where errors go together, and else too wide."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return Span(self.value + other.value)
        return Span(self.value + other.value, self.low + other.low, self.high + other.high)

    def __bool__(self) -> bool:
        """Whether it is anything but 0, without an error."""
        return self != NOTHING

    def times(self, factor: float) -> "Span":
        """Each number times a factor."""
        if self.low is None or self.high is None:
            return Span(self.value * factor if factor else 0.0) if factor else NOTHING
        ends = sorted((self.low * factor, self.high * factor))
        return Span(self.value * factor, *ends)


def exactly(value: float) -> Span:
    """A value without an error."""
    return Span(value, value, value)


NOTHING = exactly(0.0)
"""0, without an error."""


def total(spans: Iterable[Span]) -> Span:
    """The sum."""
    result = NOTHING
    for span in spans:
        result += span
    return result
