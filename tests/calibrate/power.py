# SPDX-License-Identifier: Apache-2.0
"""Hosts of which a power model is fitted: a known law with terms for memory and disks, and 2 % noise."""

import math
import random
from collections.abc import Sequence

from joulepath_calibrate.load import LoadWindow
from tests.calibrate import hosts

IDLE, WATTS_PER_GIGABYTE, JOULES_PER_GIGABYTE = 100.0, 0.5, 20.0
POINTS = ((0.5, 90.0), (1.0, 140.0))
"""Watts beyond idle."""


def bent(load: float) -> float:
    """A line from 0 to POINTS, without the idle watts."""
    (half, first), (whole, last) = POINTS
    return first * load / half if load <= half else first + (last - first) * (load - half) / (whole - half)


def windows(
    seed: int,
    law: hosts.Law = hosts.straight,
    *,
    count: int = hosts.DAY,
    memory: float = 0.0,
    load: str = "any",
    terms: bool = False,
    rest: int = 0,
) -> Sequence[LoadWindow]:
    """Windows, each with `memory` of the noise before. In `rest` of them, at three times, the host is idle.

    With `terms`, 8 to 56 GB of memory are in use and disks do 0 to 2 GB/s.
    """
    drawn = random.Random(seed)
    phase, noise, made = 6 * drawn.random(), drawn.gauss(0, 1), []
    for number in range(count):
        busy = 0.0 if number % (count // 3) < rest // 3 else max(0.0, hosts.LOADS[load](drawn, number, phase))
        used = drawn.uniform(8e9, 56e9) if terms else 0.0
        octets = drawn.uniform(0, 2e9) if terms else 0.0
        noise = memory * noise + math.sqrt(1 - memory**2) * drawn.gauss(0, 1)
        watts = law(busy) + WATTS_PER_GIGABYTE * used / 1e9 + JOULES_PER_GIGABYTE * octets / 1e9
        made.append(LoadWindow(number * hosts.LENGTH, watts * (1 + hosts.POWER_ERROR * noise), busy, used, octets))
    return made
