# SPDX-License-Identifier: Apache-2.0
"""Finds the files of power and energy of hwmon chips, and the board's names for them.

Units and names are those of Documentation/hwmon/sysfs-interface.rst: `powerN_average` and `powerN_input` in uW,
`energyN_input` in uJ, `inN_input` in mV, `currN_input` in mA, `*_enable` 0 for a channel that is switched off.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from joulepath.reading.bounds import label as cut

_CHANNEL = re.compile(r"(?P<kind>power|energy|curr)(?P<number>\d+)_(?:input|average)")

# The voltage of each current, where a chip's channels have no labels: the bus voltage, never the shunt's.
PAIRS: Mapping[str, Mapping[int, int]] = {
    "ina3221": {1: 1, 2: 2, 3: 3},  # Documentation/hwmon/ina3221.rst: in4 to in7 are shunt voltages
    "ina226": {1: 1},  # Documentation/hwmon/ina2xx.rst: in0 is the shunt voltage
    "max20730": {1: 2},  # Documentation/hwmon/max20730.rst: in1 is the input's, in2 and curr1 the output's
}


class Sensor(NamedTuple):
    """One channel: its chip, its name in sysfs, and the board's name for it."""

    chip: str
    channel: str
    label: str


@dataclass(frozen=True)
class Channel:
    """Where a sensor is read."""

    sensor: Sensor
    sources: Sequence[Sequence[str]]
    """Files to multiply, in millionths; the first of these that can be read is taken."""
    enables: Sequence[str]
    """Files that hold 0 while it is switched off."""
    register: bool
    """Energy, not power."""
    origin: str
    """The chip as it was probed."""
    instead: bool = False
    """Counts only while no other channel of the chip can be read."""


def channels(folders: Iterable[Path]) -> Sequence[Channel]:
    """The channels of these chips, each under a name of its own."""
    chips = [
        (chip, chip_channels)
        for chip in (_Chip(folder) for folder in folders)
        if (chip_channels := list(chip.channels()))
    ]
    for level in (_Chip.longer, _Chip.longest):
        names = Counter(chip.name for chip, _ in chips)
        for chip, _ in chips:
            if names[chip.name] > 1:
                chip.name = level(chip)
    return [
        replace(each, sensor=each.sensor._replace(chip=cut(chip.name)))
        for chip, chip_channels in chips
        for each in chip_channels
    ]


def number(path: str) -> int | None:
    """The number in a file; None where it cannot be read or holds something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return int(os.read(descriptor, 64))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


class _Chip:
    """One folder of hwmon."""

    def __init__(self, folder: Path) -> None:
        device = folder / "device"
        # Drivers of the old way have their files at the device: ACPI's power meters, as on NVIDIA Grace.
        old = not (folder / "name").exists() and any(name.startswith("power") for name in _names(device))
        self._folder = device if old else folder
        self._files = _names(self._folder)
        driver = device / "driver"
        self._kind = _text(self._folder / "name") or (driver.resolve().name if driver.exists() else folder.name)
        self._number = folder.name
        self._device = device.resolve() if device.exists() else folder
        # hwmonN changes from boot to boot, the device's address does not.
        self.name = f"{self._kind}-{self._device.name}"

    def longer(self) -> str:
        """For devices of one address on different buses."""
        return f"{self._kind}-{self._device.parent.name}-{self._device.name}"

    def longest(self) -> str:
        """For two chips of one device."""
        return f"{self.longer()}-{self._number}"

    def channels(self) -> Iterator[Channel]:
        """Power and energy; volts times amperes where neither can be read."""
        meters = [*self._of("power"), *self._of("energy")]
        yield from meters
        if not any(number(path) is not None for each in meters for (path,) in each.sources):
            yield from (replace(each, instead=bool(meters)) for each in self._of("curr"))

    def _of(self, kind: str) -> Iterator[Channel]:
        names = (_CHANNEL.fullmatch(name) for name in self._files)
        for index in sorted({int(match["number"]) for match in names if match and match["kind"] == kind}):
            voltage = self._voltage(index) if kind == "curr" else PAIRS.get(self._kind, {}).get(index)
            sources = list(self._sources(kind, index, voltage))
            if not sources:
                continue
            enabled = [f"{kind}{index}_enable", *([f"in{voltage}_enable"] if kind == "curr" else [])]
            yield Channel(
                Sensor(self.name, f"{kind}{index}", cut(self._label(kind, index, voltage))),
                sources,
                [self._path(name) for name in enabled if name in self._files],
                register=kind == "energy",
                origin=self._origin(),
            )

    def _sources(self, kind: str, index: int, voltage: int | None) -> Iterator[Sequence[str]]:
        """The mean over the chip's interval first, where it has one: an instant between polls is luck."""
        for suffix in ("average", "input"):
            names = [f"{kind}{index}_{suffix}"]
            if kind == "curr":
                names = [] if voltage is None else [*names, f"in{voltage}_{suffix}"]
            if names and all(name in self._files for name in names):
                yield [self._path(name) for name in names]

    def _label(self, kind: str, index: int, voltage: int | None) -> str:
        """Its own, ACPI's, or that of the voltage that belongs to it: ina3221 names its rails there."""
        names = [f"{kind}{index}_label", f"{kind}{index}_oem_info"]
        if voltage is not None and kind != "energy":
            names.append(f"in{voltage}_label")
        return next((label for name in names if name in self._files and (label := _text(self._folder / name))), "")

    def _voltage(self, index: int) -> int | None:
        """The voltage of a current: the one of its label, else as the chip's documentation says."""
        label = _text(self._folder / f"curr{index}_label")
        alike = [name for name in self._files if label and re.fullmatch(r"in\d+_label", name)]
        alike = [name for name in alike if _text(self._folder / name) == label]
        if len(alike) == 1:
            return int(alike[0].removeprefix("in").removesuffix("_label"))
        return PAIRS.get(self._kind, {}).get(index)

    def _origin(self) -> str:
        try:
            return str(self._folder.stat().st_ino)
        except OSError:
            return ""

    def _path(self, name: str) -> str:
        return str(self._folder / name)


def _names(folder: Path) -> frozenset[str]:
    """The names in a folder; none of a chip that goes while it is looked at."""
    try:
        return frozenset(entry.name for entry in os.scandir(folder))
    except OSError:
        return frozenset()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
