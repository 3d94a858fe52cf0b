# SPDX-License-Identifier: Apache-2.0
"""The readings of one poll, in the form that the checks take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from joulepath.pdu.profiles.quantity import LevelName, QuantityName


class ReadingKey(NamedTuple):
    """Names a reading."""

    level: LevelName
    label: str
    quantity: QuantityName

    def __str__(self) -> str:
        return f"{self.level} {self.label} {self.quantity}"


@dataclass(frozen=True)
class MeterReading:
    """A value in the metric's unit."""

    key: ReadingKey
    value: float
    step: float
    """One step of the object in the metric's unit."""
    column: int = 0
    """The same for all rows of a column: they are all in one unit."""
    bounded: bool = False
    """Whether the profile states bounds of its own."""
    derived: bool = False
    """Whether it is volts times amperes, which then confirm nothing."""
    bus: ReadingKey | None = None
    """For such power: the reading of its voltage, if that is published."""

    @property
    def steps(self) -> float:
        """The number that the object holds."""
        return self.value / self.step


@dataclass
class PollReadings:
    """The readings of one poll, and the findings about them so far."""

    readings: dict[ReadingKey, MeterReading]
    last: Mapping[ReadingKey, float]
    """The latest values that were accepted."""
    in_unit: set[ReadingKey] = field(default_factory=set)
    """Power that once was more than a tenth of its volts times amperes: its step is right."""
    mains: Sequence[float] = ()
    """Voltages [V] that the device states in another unit than its profile says."""
    rejected: dict[ReadingKey, str] = field(default_factory=dict)
    """Those that are left out, and why."""
    confirmed: set[ReadingKey] = field(default_factory=set)
    """Power that volts times amperes agree with."""

    def reject(self, keys: Sequence[ReadingKey], why: str) -> None:
        """Leaves readings out."""
        for key in keys:
            if self.readings.pop(key, None) is not None:
                self.rejected[key] = why

    def of(self, level: LevelName, label: str, quantity: QuantityName) -> MeterReading | None:
        """A reading that is not rejected."""
        return self.readings.get(ReadingKey(level, label, quantity))

    @cached_property
    def volts(self) -> Sequence[float]:
        """Voltages [V] of the device, but for those that leapt."""
        voltages = [reading for key, reading in self.readings.items() if key.quantity == "voltage"]
        return [one.value for one in voltages if one.value > 0 and not self.leapt(one.key, 20.0)]

    @cached_property
    def counting(self) -> set[int]:
        """Columns that measure something: where all of a column is 0, the device may not have it."""
        return {reading.column for reading in self.readings.values() if reading.value}

    def power(self, level: LevelName) -> Mapping[ReadingKey, float]:
        """Magnitudes of active power [W] of a level."""
        return {
            key: abs(reading.value)
            for key, reading in self.readings.items()
            if key.level == level and key.quantity == "power"
        }

    def leapt(self, key: ReadingKey, least: float) -> bool | None:
        """Whether a reading is far from its last accepted value, by `least` at least; None before the first."""
        reading, before = self.readings.get(key), self.last.get(key)
        if reading is None or before is None:
            return None
        low, high = sorted((abs(reading.value), abs(before)))
        return high > LEAP * low + least


LEAP = 4.0
"""A load seldom changes by such a factor between two polls; a wrong value and one in another unit mostly do."""
