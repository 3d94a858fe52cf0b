# SPDX-License-Identifier: Apache-2.0
"""The time between two nodes of a recorded path: RFC 9197, sections 4.4.2.3, 4.4.2.4 and 5."""

from bisect import bisect_left
from dataclasses import dataclass, field

from joulepath.ioam.settings import TimeFormat

BOUNDS = (1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)
"""Upper bounds of the histogram's buckets in seconds."""

FRACTIONS: dict[TimeFormat, int] = {"posix": 10**6, "ptp": 10**9, "ntp": 1 << 32}
"""How many of its fraction a second has."""
_WORD = 0xFFFFFFFF
_HALF = 1 << 31


@dataclass(slots=True)
class Latency:
    """A histogram of seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """Packets by bucket, each in one; the last is beyond every bound."""
    seconds: float = 0.0

    def observe(self, seconds: float, packets: int) -> None:
        """Adds packets that took so long."""
        self.buckets[bisect_left(BOUNDS, seconds)] += packets
        self.seconds += seconds * packets

    def copy(self) -> "Latency":
        """A histogram that stays as it is now."""
        return Latency(list(self.buckets), self.seconds)


def between(earlier: int, later: int, whole: int) -> float | None:
    """Seconds between two timestamps, each seconds << 32 | fraction, of which `whole` are a second.

    Negative where the clocks contradict each other, or the fraction does not fit that format; None where one is all
    ones in either half, which says that the node had no timestamp (RFC 9197, section 4.4.1).
    """
    first, second = earlier & _WORD, later & _WORD
    if _WORD in {first, second, earlier >> 32, later >> 32}:
        return None
    if first >= whole or second >= whole:
        return -1.0
    # The seconds wrap, in 2036 (NTP) or 2106.
    seconds = ((later >> 32) - (earlier >> 32) + _HALF & _WORD) - _HALF
    return seconds + (second - first) / whole
