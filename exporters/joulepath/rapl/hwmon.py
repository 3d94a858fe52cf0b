# SPDX-License-Identifier: Apache-2.0
"""Reads power and energy sensors of boards (`/sys/class/hwmon`), where there is no RAPL or more than it sees.

Units and names are those of Documentation/hwmon/sysfs-interface.rst: `powerN_average` and `powerN_input` in uW,
`energyN_input` in uJ, `inN_input` in mV, `currN_input` in mA, `*_enable` 0 for a channel that is switched off.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from joulepath.bounds import label as cut

MAX_WATTS = 1e6
"""ACPI's power meter says 4 MW, 32 bits all set, where it knows nothing."""

MOST_DIGITS = 20
"""Of a number of 64 bits with its sign."""

_CHANNEL = re.compile(r"(?P<kind>power|energy|curr)(?P<number>\d+)_(?:input|average)")

# Which voltage belongs to which current, where a chip's channels have no labels: the bus voltage, never the shunt's.
PAIRS: Mapping[str, Mapping[int, int]] = {
    "ina3221": {1: 1, 2: 2, 3: 3},  # Documentation/hwmon/ina3221.rst: in4 to in7 are shunt voltages
    "ina226": {1: 1},  # Documentation/hwmon/ina2xx.rst: in0 is the shunt voltage
    "max20730": {1: 2},  # Documentation/hwmon/max20730.rst: in1 is the input's, in2 and curr1 the output's
}


class Sensor(NamedTuple):
    """One channel: its chip, its name in sysfs, and what the board calls it."""

    chip: str
    channel: str
    label: str


@dataclass(frozen=True)
class HwmonReading:
    """Power [W] and energy registers [J] by sensor."""

    watts: Mapping[Sensor, float]
    joules: Mapping[Sensor, float]


class HwmonSource:
    """The sensors under `sysfs`/class/hwmon. Chips that come and go are followed."""

    def __init__(self, sysfs: Path = Path("/sys")) -> None:
        self._root = sysfs / "class" / "hwmon"

    def read(self) -> HwmonReading:
        """Reads every sensor once; one that cannot be read is left out."""
        watts: dict[Sensor, float] = {}
        joules: dict[Sensor, float] = {}
        for folder in sorted(_found(self._root, "*")):
            chip = _Chip(folder)
            watts.update(chip.found("power", chip.power))
            joules.update(chip.found("energy", chip.energy))
            if not any(sensor.chip == chip.name for sensor in (*watts, *joules)):
                watts.update(chip.found("curr", chip.volts_times_amperes))
        return HwmonReading(watts, joules)


class _Chip:
    """One folder of hwmon."""

    def __init__(self, folder: Path) -> None:
        device = folder / "device"
        # Drivers of the old way have their files at the device: ACPI's power meters, as on NVIDIA Grace.
        old = not (folder / "name").exists() and bool(_found(device, "power[0-9]*_*"))
        self._folder = device if old else folder
        self.kind = _text(self._folder / "name") or folder.name
        # hwmonN changes from boot to boot, the device's address does not.
        self.name = f"{self.kind}-{device.resolve().name if device.exists() else folder.name}"

    def found(self, kind: str, value: Callable[[int], float | None]) -> Iterator[tuple[Sensor, float]]:
        """The channels of a kind with their values, None and negative ones left out."""
        names = (_CHANNEL.fullmatch(file.name) for file in _found(self._folder, f"{kind}*"))
        for number in sorted({int(match["number"]) for match in names if match}):
            if self._number(f"{kind}{number}_enable") == 0:
                continue
            measured = value(number)
            if measured is None or measured < 0 or (kind == "power" and measured > MAX_WATTS):
                continue
            label = _text(self._folder / f"{kind}{number}_label") or _text(self._folder / f"{kind}{number}_oem_info")
            yield Sensor(cut(self.name), f"{kind}{number}", cut(label)), measured

    def power(self, number: int) -> float | None:
        """Watts; the mean over the chip's interval where it has one, since an instant between polls is luck."""
        average = self._number(f"power{number}_average")
        microwatts = self._number(f"power{number}_input") if average is None else average
        return None if microwatts is None else microwatts / 1e6

    def energy(self, number: int) -> float | None:
        """Joules."""
        microjoules = self._number(f"energy{number}_input")
        return None if microjoules is None else microjoules / 1e6

    def volts_times_amperes(self, number: int) -> float | None:
        """Watts of direct current, where the voltage that belongs to the current is known."""
        voltage = self._voltage(number)
        if voltage is None or self._number(f"in{voltage}_enable") == 0:
            return None
        for suffix in ("average", "input"):
            millivolts, milliamperes = self._number(f"in{voltage}_{suffix}"), self._number(f"curr{number}_{suffix}")
            if millivolts is not None and milliamperes is not None:
                return millivolts * milliamperes / 1e6
        return None

    def _voltage(self, number: int) -> int | None:
        label = _text(self._folder / f"curr{number}_label")
        if label:
            alike = [file.name for file in _found(self._folder, "in*_label") if _text(file) == label]
            return int(alike[0].removeprefix("in").removesuffix("_label")) if len(alike) == 1 else None
        return PAIRS.get(self.kind, {}).get(number)

    def _number(self, name: str) -> int | None:
        written = _text(self._folder / name)
        try:
            return int(written) if len(written) <= MOST_DIGITS else None
        except ValueError:
            return None


def _found(folder: Path, pattern: str) -> list[Path]:
    """What is there; nothing of a chip that goes while it is looked at."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
