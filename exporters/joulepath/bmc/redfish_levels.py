# SPDX-License-Identifier: Apache-2.0
"""Levels of one chassis add up: what is inside it never comes to more than its own power."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TypeVar

from joulepath.bmc.reading import Component, Part

ROUNDING = 1e-9
"""What the sum of floating-point numbers may be off by."""

P = TypeVar("P", Part, Component)


def within(chassis: Mapping[str, float], parts: Mapping[P, float], rejected: Counter[str]) -> dict[P, float]:
    """The parts of one level [W] without those of a chassis that add up to more than its power.

    The meters are not read in the same instant: while the load changes such a poll is a gap.
    """
    sums: dict[str, float] = defaultdict(float)
    for part, watts in parts.items():
        sums[part.chassis] += watts
    above = {name for name, watts in sums.items() if name in chassis and watts > chassis[name] * (1 + ROUNDING)}
    rejected.update("above_chassis" for part in parts if part.chassis in above)
    return {part: watts for part, watts in parts.items() if part.chassis not in above}
