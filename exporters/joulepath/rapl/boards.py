# SPDX-License-Identifier: Apache-2.0
"""Board sensors into counters: registers as they advance, power integrated over the reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulepath.energy import Energy, Integrator
from joulepath.rapl.hwmon import MAX_WATTS, HwmonReading
from joulepath.rapl.hwmon_layout import Sensor
from joulepath.rapl.source import Count
from joulepath.rapl.unwrap import Register

MAX_HOLE_SECONDS = 15.0


@dataclass(frozen=True)
class BoardSnapshot:
    """What the sensors that are there now measure, and what each came to since the start."""

    watts: Mapping[Sensor, float]
    energy: Mapping[Sensor, Energy]


@dataclass
class Boards:
    """Turns readings into a snapshot."""

    _registers: dict[Sensor, Register] = field(default_factory=dict)
    _integrators: dict[Sensor, Integrator] = field(default_factory=dict)

    def add(self, at: float, reading: HwmonReading) -> BoardSnapshot:
        """Takes the reading of monotonic instant `at` [s]."""
        energy: dict[Sensor, Energy] = {}
        for sensor, joules in reading.joules.items():
            count = Count(joules, None, reading.origins.get(sensor, ""))
            if sensor in self._registers:
                self._registers[sensor].advance(at, count)
            else:
                self._registers[sensor] = Register(at, count, MAX_WATTS)
            energy[sensor] = self._registers[sensor].energy
        for sensor, watts in reading.watts.items():
            integrator = self._integrators.setdefault(sensor, Integrator(MAX_HOLE_SECONDS))
            integrator.add(at, watts)
            energy[sensor] = integrator.energy
        return BoardSnapshot(reading.watts, energy)
