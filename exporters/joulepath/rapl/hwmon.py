# SPDX-License-Identifier: Apache-2.0
"""Reads power and energy sensors of boards (`/sys/class/hwmon`), where there is no RAPL or more than it sees.

`hwmon_layout.py` says which files they are. It looks once, again when chips come, go or are probed anew, and every
minute, since a driver may add files to a chip.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joulepath.rapl.hwmon_layout import Channel, Sensor, channels, number

MOST_BOARD_WATTS = 1e5
"""No board draws more. ACPI's power meter says 4 MW, 32 bits all set, where it knows nothing."""

LOOK_SECONDS = 60.0

_Marks = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class HwmonReading:
    """Power [W] and energy registers [J] by sensor."""

    watts: Mapping[Sensor, float]
    joules: Mapping[Sensor, float]
    origins: Mapping[Sensor, str] = field(default_factory=dict)
    """Identifies the register: a device that is probed again may count from elsewhere."""


class HwmonSource:
    """The sensors under `sysfs`/class/hwmon. Chips that come and go are followed."""

    def __init__(self, sysfs: Path = Path("/sys"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root = str(sysfs / "class" / "hwmon")
        self._clock = clock
        self._looked_at = -LOOK_SECONDS
        self._marks: _Marks = ()
        self._channels: Sequence[Channel] = ()

    def read(self) -> HwmonReading:
        """Reads every sensor once; one that cannot be read is left out."""
        watts: dict[Sensor, float] = {}
        joules: dict[Sensor, float] = {}
        origins: dict[Sensor, str] = {}
        measured: set[str] = set()
        for channel in self._current():
            if channel.instead and channel.sensor.chip in measured:
                continue
            if any(number(path) == 0 for path in channel.enables):
                continue
            value = _product(channel.sources)
            if value is None or value < 0:
                continue
            if channel.register:
                joules[channel.sensor], origins[channel.sensor] = value, channel.origin
            elif value <= MOST_BOARD_WATTS:
                watts[channel.sensor] = value
            else:
                continue
            if not channel.instead:
                measured.add(channel.sensor.chip)
        return HwmonReading(watts, joules, origins)

    def _current(self) -> Sequence[Channel]:
        """The channels; looked for again only if needed, since a scrape pays for each file."""
        marks, now = self._marked(), self._clock()
        if marks != self._marks or now - self._looked_at >= LOOK_SECONDS:
            self._marks, self._looked_at = marks, now
            self._channels = channels(Path(self._root, name) for name, _, _ in marks)
        return self._channels

    def _marked(self) -> _Marks:
        """The chips with the attributes that change when one is probed again, by the same number or another."""
        try:
            names = sorted(os.listdir(self._root))  # noqa: PTH208  # names alone, and all of this is about being quick
        except OSError:
            return ()
        return tuple(_found(self._root, names))


def _found(root: str, names: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    for name in names:
        try:
            status = os.stat(f"{root}/{name}")  # noqa: PTH116  # as above
        except OSError:
            continue  # it goes while it is looked at
        yield name, status.st_dev, status.st_ino


def _product(sources: Sequence[Sequence[str]]) -> float | None:
    """The value [W or J] of the first source with only readable files: millionths, or mV times mA."""
    for paths in sources:
        value = 1
        for path in paths:
            factor = number(path)
            if factor is None:
                break
            value *= factor
        else:
            return value / 1e6
    return None
