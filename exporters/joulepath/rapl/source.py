# SPDX-License-Identifier: Apache-2.0
"""Reads the powercap tree (`/sys/class/powercap`): which RAPL zones there are and what their counters say.

Zone names come from drivers/powercap/intel_rapl_common.c: `package-N`, `package-N-die-M`, `psys`, and below a package
`core`, `uncore`, `dram`. The same package may appear under several control types (`intel-rapl-mmio`): one is kept.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from joulepath.errors import AbsentError, JoulepathError

_PACKAGE = re.compile(r"package-(?P<package>\d+)(-die-(?P<die>\d+))?")
_PSYS = re.compile(r"psys(-(?P<package>\d+))?")
_PREFERRED_CONTROL_TYPE = "intel-rapl"
_ONE_REGISTER = re.compile(r"ven000[29]")
"""AMD and Hygon, with one register for a package; Linux 6.9 and 6.10 show them once for each of its dies."""


_MASKED = (
    "a container's runtime hides it (/sys/devices/virtual/powercap is one of its masked paths): mount the host's /sys "
    "and give --path.sysfs, or unmask it"
)


class MaskedError(JoulepathError):
    """Zones exist, but none can be read."""


class _MaskedError(ValueError):
    """A file that /dev/null is mounted over."""


class Zone(NamedTuple):
    """The place that a counter measures: `kind` is package, core, uncore, dram or psys."""

    kind: str
    package: str
    die: str


@dataclass(frozen=True)
class ZoneCount:
    """A zone's raw counter [J], and where it wraps [J]; None where the kernel does not say."""

    joules: float
    wraps_at: float | None
    origin: str = ""
    """Which register it is: another control type may take a zone over, and counts from elsewhere."""


@dataclass(frozen=True)
class RaplReading:
    """Counters of the zones that could be read, and one line for each zone that is there and could not."""

    counts: Mapping[Zone, ZoneCount]
    unreadable: Mapping[Zone, str]
    masked: str = ""
    """The same for zones that are listed and cannot be looked into, not even for their names."""


@dataclass(frozen=True)
class _Counter:
    """Where a zone's counter is, and where it wraps [J], which the hardware never changes."""

    path: str
    wraps_at: float | None


class PowercapSource:
    """The RAPL zones under `sysfs`/class/powercap. Zones that come and go are followed."""

    def __init__(self, sysfs: Path = Path("/sys")) -> None:
        self._root = sysfs / "class" / "powercap"
        self._modalias = sysfs / "devices" / "system" / "cpu" / "modalias"
        self._listing: list[str] = []
        self._counters: dict[Zone, _Counter] = {}
        self._masked = ""

    def read(self) -> RaplReading:
        """Reads every zone once. Raises AbsentError if no zone exists, MaskedError if a container hides them all."""
        counts: dict[Zone, ZoneCount] = {}
        unreadable: dict[Zone, str] = {}
        for zone, counter in self._current().items():
            try:
                counts[zone] = ZoneCount(_integer(counter.path) / 1e6, counter.wraps_at, counter.path)
            except PermissionError:
                unreadable[zone] = f"{counter.path}: only root may read it; run as root or chmod it at boot"
            except OSError as error:
                unreadable[zone] = f"{counter.path}: cannot be read: {error.strerror}"
            except _MaskedError:
                unreadable[zone] = f"{counter.path}: is not a number but empty: {_MASKED}"
            except ValueError:
                unreadable[zone] = f"{counter.path}: cannot be read: is not a number"
        if unreadable:
            self._listing = []  # something has changed, or may yet
        if not counts and not unreadable:
            if self._masked:
                raise MaskedError(self._masked)
            raise AbsentError(
                f"{self._root}: no RAPL zones: virtual machines and ARM have none, others need intel_rapl_msr"
            )
        return RaplReading(counts, unreadable, self._masked)

    def _current(self) -> Mapping[Zone, _Counter]:
        """The zones; looked at anew only where other folders are there, since a scrape pays for each file."""
        try:
            listing = os.listdir(self._root)  # noqa: PTH208  # names alone, and all of this is about being quick
        except OSError:
            listing = []
        if listing != self._listing or not listing:
            self._listing = listing
            self._counters = {zone: _counter(folder) for zone, folder in self._zones()}
        return self._counters

    def _zones(self) -> Iterable[tuple[Zone, Path]]:
        """Each zone once, from the preferred control type where several repeat it."""
        folder_of: dict[Zone, Path] = {}
        names: dict[str, str] = {}
        repeats = _ONE_REGISTER.search(_text(self._modalias)) if self._modalias.is_file() else None
        listed = list(self._root.glob("*rapl*:*"))
        folders = [folder for folder in listed if (folder / "name").is_file()]
        masked = sorted(folder.name for folder in listed if not folder.exists())
        self._masked = f"{self._root}: {', '.join(masked)}: cannot be looked into: {_MASKED}" if masked else ""
        folders.sort(key=lambda folder: (_control_type(folder) != _PREFERRED_CONTROL_TYPE, folder.name))
        for folder in folders:
            try:
                names[folder.name] = _text(folder / "name")
            except OSError:
                self._listing = []  # it goes while it is looked at
                continue
            zone = _zone(names[folder.name], names.get(folder.name.rpartition(":")[0], ""))
            if zone is not None:
                folder_of.setdefault(zone._replace(die="0") if repeats else zone, folder)
        return folder_of.items()


def _control_type(folder: Path) -> str:
    return folder.name.partition(":")[0]


def _zone(name: str, parent: str) -> Zone | None:
    """The zone of a powercap name, with its parent's package; None for names that RAPL does not use."""
    if match := _PSYS.fullmatch(name):
        return Zone("psys", match["package"] or "0", "0")
    if match := _PACKAGE.fullmatch(name):
        return Zone("package", match["package"], match["die"] or "0")
    if name in {"core", "uncore", "dram"} and (match := _PACKAGE.fullmatch(parent)):
        return Zone(name, match["package"], match["die"] or "0")
    return None


def _counter(folder: Path) -> _Counter:
    try:
        wraps_at = _integer(str(folder / "max_energy_range_uj")) / 1e6
    except (OSError, ValueError):
        wraps_at = 0.0
    return _Counter(str(folder / "energy_uj"), wraps_at or None)


def _integer(path: str) -> int:
    """A file with a number. Raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(descriptor, 64)
    finally:
        os.close(descriptor)
    if not text:
        raise _MaskedError
    return int(text)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()
