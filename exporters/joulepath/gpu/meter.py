# SPDX-License-Identifier: Apache-2.0
"""The energy of one GPU: its hardware's counter where that counts, else its power integrated over the readings."""

from joulepath.reading.energy import MAX_HOLE_SECONDS, Energy, Integrator

MOST_WATTS = 5000.0
"""More than any GPU draws: what says more was not measured."""
STILL_SECONDS = 10.0
"""A GPU always draws power: a counter that stands still for so long does not count."""
TICK_JOULES = 100.0
"""Counter and clock are not read in one instant, and some counters move every 100 ms only."""

COUNTER, POWER = "counter", "power"


class Meter:
    """Adds up a GPU's energy. Its counter restarts when the driver is loaded, and may jump: such steps add nothing."""

    def __init__(self) -> None:
        self.energy = Energy()
        self.source = ""
        """counter or power: where the last reading's energy comes from; empty where it has neither."""
        self._base: tuple[float, float] | None = None
        """When the counter last moved [s], and its value then [J]."""
        self._power = Integrator(MAX_HOLE_SECONDS)
        self._integrated = Energy()
        """Of the integrator, as far as it is in `energy`."""

    def interrupt(self) -> None:
        """The time until the next reading is not measured."""
        self._base = None
        self._power.interrupt(MAX_HOLE_SECONDS)

    def add(self, at: float, joules: float | None, watts: float | None) -> None:
        """Takes the reading of monotonic instant `at` [s]."""
        if joules is None:
            self._base = None
        elif self._counts(at, joules):
            self.source = COUNTER
            self._power.interrupt(MAX_HOLE_SECONDS)
            return
        self.source = "" if watts is None else POWER
        if watts is None:
            return
        self._power.add(at, watts)
        before, self._integrated = self._integrated, self._power.energy
        self._count(
            self._integrated.joules - before.joules, self._integrated.measured_seconds - before.measured_seconds
        )

    def _counts(self, at: float, joules: float) -> bool:
        """Adds a step of the counter; whether it still moves."""
        if self._base is None:
            self._base = (at, joules)
            return True
        seconds, step = at - self._base[0], joules - self._base[1]
        if step == 0:
            return seconds < STILL_SECONDS
        # A step that ends a long stand adds nothing: power was integrated meanwhile.
        if 0 < step <= seconds * MOST_WATTS + TICK_JOULES and self.source == COUNTER:
            self._count(step, seconds)
        self._base = (at, joules)
        return True

    def _count(self, joules: float, seconds: float) -> None:
        self.energy = Energy(self.energy.joules + joules, self.energy.measured_seconds + seconds)
