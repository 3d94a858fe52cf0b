# SPDX-License-Identifier: Apache-2.0
"""Watts into joules: the trapezoid rule on the poller's clock, with the time it covers beside it.

Both counters advance in the same step, so that `rate(energy) / rate(measured_seconds)` is the mean power of the
measured time, whatever was missed.
"""

from typing import NamedTuple

MAX_WATTS = 1e6
"""More than any outlet, branch, rack or host carries: a device that says so was not measuring."""

MAX_HOLE_SECONDS = 15.0
"""The longest time [s] without a reading that is bridged where readings are a few seconds apart."""


class Energy(NamedTuple):
    """Energy of one power reading since the start: joules, and the seconds that were measured."""

    joules: float = 0.0
    measured_seconds: float = 0.0


class Integrator:
    """Integrates one power reading [W] over a monotonic clock [s].

    A hole longer than `max_hole_seconds` between two readings is not bridged: neither counter advances over it.
    Energy fed back (negative watts) lowers no counter: such a step counts its time and no joules.
    """

    def __init__(self, max_hole_seconds: float) -> None:
        self._max_hole = max_hole_seconds
        self._last: tuple[float, float] | None = None
        self.energy = Energy()

    def interrupt(self, max_hole_seconds: float) -> None:
        """The time between the last reading and the next is not bridged: they may be of different meters."""
        self._max_hole = max_hole_seconds
        self._last = None

    def widen(self, max_hole_seconds: float) -> None:
        """From now on holes of that length are bridged: the device takes longer to answer than was thought."""
        self._max_hole = max_hole_seconds

    def add(self, at: float, watts: float) -> None:
        """Takes the reading `watts` of the instant `at`; an instant not after the last one only replaces its value."""
        if self._last is not None:
            then, before = self._last
            step = at - then
            if 0 < step <= self._max_hole:
                joules = max(0.0, (before + watts) / 2 * step)
                self.energy = Energy(self.energy.joules + joules, self.energy.measured_seconds + step)
            elif step <= 0:
                at = then
        self._last = (at, watts)
