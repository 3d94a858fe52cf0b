# SPDX-License-Identifier: Apache-2.0
"""Board sensors into counters: registers as they advance, power integrated over the reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulepath.rapl.hwmon import MOST_BOARD_WATTS, HwmonReading
from joulepath.rapl.hwmon_layout import Sensor
from joulepath.rapl.source import ZoneCount
from joulepath.rapl.unwrap import ZoneRegister
from joulepath.reading.bounds import Rows, Teller
from joulepath.reading.energy import MAX_HOLE_SECONDS, Energy, Integrator


@dataclass(frozen=True)
class BoardSnapshot:
    """The readings of the sensors that are there now, and the energy of each since the start."""

    watts: Mapping[Sensor, float]
    energy: Mapping[Sensor, Energy]
    beyond: int = 0
    """Readings so far of sensors that were too many."""


@dataclass
class Boards:
    """Turns readings into a snapshot."""

    _registers: dict[Sensor, ZoneRegister] = field(default_factory=dict)
    _integrators: dict[Sensor, Integrator] = field(default_factory=dict)
    _rows: Rows[Sensor] = field(default_factory=Rows)
    _teller: Teller = field(default_factory=lambda: Teller("hwmon"))
    _beyond: int = 0

    def add(self, at: float, reading: HwmonReading) -> BoardSnapshot:
        """Takes the reading of monotonic instant `at` [s]."""
        energy: dict[Sensor, Energy] = {}
        beyond = self._rows.take([*reading.watts, *reading.joules], at)
        self._teller.tell(beyond, at)
        self._beyond += len(beyond)
        for sensor in self._rows.forgotten:
            self._registers.pop(sensor, None)
            self._integrators.pop(sensor, None)
        for sensor, joules in reading.joules.items():
            if sensor in beyond:
                continue
            count = ZoneCount(joules, None, reading.origins.get(sensor, ""))
            if sensor in self._registers:
                self._registers[sensor].advance(at, count)
            else:
                self._registers[sensor] = ZoneRegister(at, count, MOST_BOARD_WATTS)
            energy[sensor] = self._registers[sensor].energy
        for sensor, watts in reading.watts.items():
            if sensor in beyond:
                continue
            integrator = self._integrators.setdefault(sensor, Integrator(MAX_HOLE_SECONDS))
            integrator.add(at, watts)
            energy[sensor] = integrator.energy
        watts_of = {sensor: watts for sensor, watts in reading.watts.items() if sensor not in beyond}
        return BoardSnapshot(watts_of, energy, self._beyond)
