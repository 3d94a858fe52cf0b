# SPDX-License-Identifier: Apache-2.0
"""Hosts that follow a known law. Nothing here imports the code under test but its plain `Window`."""

import math
import random
from collections.abc import Callable, Sequence

from joulepath_calibrate.windows import Window

LENGTH = 120.0
IDLE, SLOPE = 100.0, 150.0


def straight(load: float) -> float:
    return IDLE + SLOPE * load


def windows(
    seed: int, law: Callable[[float], float] = straight, count: int = 360, memory: float = 0.0, swing: float = 0.35
) -> Sequence[Window]:
    """Windows of a load that swings about 0.5: 2 % noise in power, correlated by `memory`, and 0.005 in load."""
    drawn = random.Random(seed)
    phase, noise, made = 6 * drawn.random(), 0.0, []
    for number in range(count):
        load = 0.5 + swing * math.sin(number / 40 + phase) + max(-0.1, min(0.1, drawn.gauss(0, 0.05)))
        noise = memory * noise + math.sqrt(1 - memory**2) * drawn.gauss(0, 1)
        made.append(Window(number * LENGTH, law(load) * (1 + 0.02 * noise), load + drawn.gauss(0, 0.005)))
    return made


def quiet(seed: int, count: int = 200) -> Sequence[Window]:
    """Windows of an idle host that draws 100 W, with 2 % noise."""
    drawn = random.Random(seed)
    return [Window(number * LENGTH, IDLE * (1 + drawn.gauss(0, 0.02)), 0.005) for number in range(count)]
