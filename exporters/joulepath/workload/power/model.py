# SPDX-License-Identifier: Apache-2.0
"""A power model: watts of a machine from its load.

The curve over the busy part of the processor is a line from point to point, as published measurements at graduated
loads have it (SPECpower_ssj2008 measures idle and ten loads).
"""

from collections.abc import Sequence
from dataclasses import dataclass

GIGABYTE = 1e9


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that its power depends on. None: not known, or any."""

    cpu_model: str | None
    cpus: int | None
    """That are on."""
    memory_bytes: float | None = None
    product_name: str | None = None
    """As the board's firmware (DMI) or the device tree says it."""
    governor: str | None = None
    """Of the processor's frequency."""


@dataclass(frozen=True)
class PowerModel:
    """Coefficients, and the machine that they hold for."""

    name: str
    machine: Machine
    idle_watts: float
    cpu: Sequence[tuple[float, float]]
    """Busy part of the processor, rising to 1, and the watts that are added at it."""
    watts_per_gigabyte: float | None = None
    """Of memory in use."""
    joules_per_gigabyte: float | None = None
    """Read from and written to disks."""

    def watts(self, busy_ratio: float, memory_bytes: float = 0.0, disk_bytes_per_second: float = 0.0) -> float:
        """Watts at a load. A busy part a little above 1, as clocks give it, goes on in the last line."""
        return (
            self.idle_watts
            + self._cpu_watts(busy_ratio)
            + (self.watts_per_gigabyte or 0.0) * memory_bytes / GIGABYTE
            + (self.joules_per_gigabyte or 0.0) * disk_bytes_per_second / GIGABYTE
        )

    def _cpu_watts(self, busy_ratio: float) -> float:
        before = (0.0, 0.0)
        for point in self.cpu[:-1]:
            if busy_ratio <= point[0]:
                break
            before = point
        after = next(point for point in self.cpu if point[0] > before[0])
        slope = (after[1] - before[1]) / (after[0] - before[0])
        return max(0.0, before[1] + slope * (busy_ratio - before[0]))
