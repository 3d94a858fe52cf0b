# SPDX-License-Identifier: Apache-2.0
"""Components that draw so many joules for a byte of each application. Nothing here imports the code under test."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LENGTH = 120.0
COUNT = 360
"""Windows of half a day."""
BASE, CAMERA, ROBOT = 90.0, 2e-5, 5e-5
"""Watts without traffic, J for a byte of the camera and of the robot."""
MOST = 1e6
"""Bytes/s of each."""


@dataclass(frozen=True)
class Run:
    """Watts and bytes/s of each application, by window."""

    watts: Sequence[float]
    rates: Mapping[str, Sequence[float]]


def run(
    seed: int,
    *,
    memory: float = 0.0,
    together: float = 0.0,
    robot: float = ROBOT,
    least: float = 0.1,
    bend: float = 0.0,
) -> Run:
    """Half a day with 2 % noise in power. Both rates change every ten windows, from `least` of the most to the most.

    `together` is the part of the robot's traffic that follows the camera's; `bend` is added to the power, in watts for
    the squared part of the most.
    """
    drawn = random.Random(seed)
    noise, both, watts = drawn.gauss(0, 1), [], []
    for number in range(COUNT):
        if number % 10 == 0:
            one, two = drawn.uniform(least, 1), drawn.uniform(least, 1)
            parts = one, together * one + (1 - together) * two
        camera, moved = (MOST * part * drawn.uniform(0.95, 1.05) for part in parts)
        noise = memory * noise + math.sqrt(1 - memory**2) * drawn.gauss(0, 1)
        more = CAMERA * camera + robot * moved
        both.append((camera, moved))
        watts.append((BASE + more + bend * (more / (MOST * (CAMERA + robot))) ** 2) * (1 + 0.02 * noise))
    cameras, robots = zip(*both, strict=True)
    return Run(watts, {"camera": cameras, "robot": robots})
