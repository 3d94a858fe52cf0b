# SPDX-License-Identifier: Apache-2.0
"""Keeps the levels of one chassis consistent: the devices inside it never add up to more than its own power."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import TypeVar

from joulepath.bmc.reading import ChassisComponent, ChassisPart

ROUNDING = 1e-9
"""The largest rounding error allowed in a sum of floating-point numbers."""

P = TypeVar("P", ChassisPart, ChassisComponent)
K = TypeVar("K", str, ChassisPart)


def within(chassis: Mapping[str, float], parts: Mapping[P, float], rejected: Counter[str]) -> dict[P, float]:
    """The parts of one level [W] without those of a chassis that add up to more than its power.

    The meters are not read in the same instant: while the load changes such a poll is a gap.
    """
    return _within(chassis, parts, lambda part: part.chassis, "above_chassis", rejected)


def inside(
    subsystems: Mapping[ChassisPart, float], components: Mapping[ChassisComponent, float], rejected: Counter[str]
) -> dict[ChassisComponent, float]:
    """The components [W] without those of a subsystem that add up to more than its power."""
    return _within(
        subsystems, components, lambda one: ChassisPart(one.chassis, one.subsystem), "above_subsystem", rejected
    )


def _within(
    wholes: Mapping[K, float], parts: Mapping[P, float], holder: Callable[[P], K], reason: str, rejected: Counter[str]
) -> dict[P, float]:
    sums: dict[K, float] = defaultdict(float)
    for part, watts in parts.items():
        sums[holder(part)] += watts
    above = {whole for whole, watts in sums.items() if whole in wholes and watts > wholes[whole] * (1 + ROUNDING)}
    rejected.update(reason for part in parts if holder(part) in above)
    return {part: watts for part, watts in parts.items() if holder(part) not in above}
