# SPDX-License-Identifier: Apache-2.0
"""Hosts that follow a known law. Nothing here imports the code under test but its plain `Window`."""

import math
import random
from collections.abc import Callable, Mapping, Sequence

from joulepath_calibrate.windows import Window

LENGTH = 120.0
DAY = 720
"""Windows."""
IDLE, BUSY = 100.0, 150.0
"""Watts at no load, and from there to full load."""
POWER_ERROR, LOAD_ERROR = 0.02, 0.005

Law = Callable[[float], float]


def straight(load: float) -> float:
    return IDLE + BUSY * load


def bent(watts: float) -> Law:
    """A parabola with the same power at no load."""
    return lambda load: straight(load) + watts * load**2


def power_law(exponent: float) -> Law:
    """Steep at no load, or flat."""
    return lambda load: IDLE + BUSY * max(load, 0) ** exponent


def _waves(drawn: random.Random, number: int, phase: float) -> float:
    return 0.5 + 0.35 * math.sin(number / 40 + phase) + max(-0.1, min(0.1, drawn.gauss(0, 0.05)))


def _jobs(drawn: random.Random, number: int, phase: float) -> float:
    return (0.8 if (number // 30 + int(phase)) % 2 else 0.2) + drawn.gauss(0, 0.03)


def _day(drawn: random.Random, number: int, phase: float) -> float:
    return 0.45 + 0.35 * math.sin(2 * math.pi * number / DAY + phase) + drawn.gauss(0, 0.05)


def _any(drawn: random.Random, number: int, phase: float) -> float:
    return drawn.uniform(0.1, 0.9)


LOADS: Mapping[str, Callable[[random.Random, int, float], float]] = {
    "waves": _waves,
    "jobs": _jobs,
    "day": _day,
    "any": _any,
}
"""Loads by their change: some times a day, by steps, once a day, from window to window."""


def windows(
    seed: int, law: Law = straight, *, count: int = DAY, memory: float = 0.0, load: str = "waves", scale: float = 1.0
) -> Sequence[Window]:
    """Windows with 2 % noise in power, of which each window remembers `memory`, and 0.005 in load.

    `scale` shrinks the changes of the load about 0.5.
    """
    drawn = random.Random(seed)
    phase, noise, made = 6 * drawn.random(), drawn.gauss(0, 1), []
    for number in range(count):
        busy = 0.5 + scale * (LOADS[load](drawn, number, phase) - 0.5)
        noise = memory * noise + math.sqrt(1 - memory**2) * drawn.gauss(0, 1)
        watts = law(busy) * (1 + POWER_ERROR * noise)
        made.append(Window(number * LENGTH, watts, busy + drawn.gauss(0, LOAD_ERROR)))
    return made


def quiet(seed: int, count: int = DAY, memory: float = 0.0) -> Sequence[Window]:
    """Windows of an idle host that draws 100 W, with 2 % noise."""
    return [Window(one.at, one.watts, 0.005) for one in windows(seed, lambda _: IDLE, count=count, memory=memory)]
