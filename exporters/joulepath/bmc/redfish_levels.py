# SPDX-License-Identifier: Apache-2.0
"""Levels of one chassis add up: parts never to more than the whole that holds them."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from joulepath.bmc.reading import Component, Part

ROUNDING = 1e-9
"""What the sum of floating-point numbers may be off by."""


def drop_above(
    chassis: Mapping[str, float],
    subsystems: dict[Part, float],
    components: dict[Component, float],
    rejected: Counter[str],
) -> None:
    """Drops the subsystems of a chassis, and the components of a subsystem, that add up to more than its power.

    The meters are not read in the same instant: while the load changes such a poll is a gap.
    """
    devices: dict[Part, list[Component]] = defaultdict(list)
    for component in components:
        devices[Part(component.chassis, component.subsystem)].append(component)
    parts: dict[str, list[Part]] = defaultdict(list)
    for part in subsystems:
        parts[part.chassis].append(part)

    def drop(inner: list[Component], reason: str) -> None:
        rejected[reason] += len(inner)
        for one in inner:
            del components[one]

    for part, inner in list(devices.items()):
        if part in subsystems and _above(sum(components[one] for one in inner), subsystems[part]):
            drop(devices.pop(part), "above_subsystem")
    for name, held in parts.items():
        if name in chassis and _above(sum(subsystems[part] for part in held), chassis[name]):
            rejected["above_chassis"] += len(held)
            for part in held:
                del subsystems[part]
                drop(devices.pop(part, []), "above_chassis")


def _above(parts: float, whole: float) -> bool:
    return parts > whole * (1 + ROUNDING)
