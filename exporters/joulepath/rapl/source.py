# SPDX-License-Identifier: Apache-2.0
"""Reads the powercap tree (`/sys/class/powercap`): which RAPL zones there are and what their counters say.

Zone names come from drivers/powercap/intel_rapl_common.c: `package-N`, `package-N-die-M`, `psys`, and below a package
`core`, `uncore`, `dram`. The same package may appear under several control types (`intel-rapl-mmio`): one is kept.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from joulepath.errors import JoulepathError

_PACKAGE = re.compile(r"package-(?P<package>\d+)(-die-(?P<die>\d+))?")
_PSYS = re.compile(r"psys(-(?P<package>\d+))?")
_PREFERRED_CONTROL_TYPE = "intel-rapl"


class Zone(NamedTuple):
    """What a counter belongs to: `kind` is package, core, uncore, dram or psys."""

    kind: str
    package: str
    die: str


@dataclass(frozen=True)
class Count:
    """A zone's raw counter [J], and where it wraps [J]; None where the kernel does not say."""

    joules: float
    wraps_at: float | None


@dataclass(frozen=True)
class Reading:
    """Counters of the zones that could be read, and one line for each zone that is there and could not."""

    counts: Mapping[Zone, Count]
    unreadable: Mapping[Zone, str]


class PowercapSource:
    """The RAPL zones under `sysfs`/class/powercap. Zones that come and go are followed."""

    def __init__(self, sysfs: Path = Path("/sys")) -> None:
        self._root = sysfs / "class" / "powercap"

    def read(self) -> Reading:
        """Reads every zone once. Raises JoulepathError when there is none at all."""
        counts: dict[Zone, Count] = {}
        unreadable: dict[Zone, str] = {}
        for zone, folder in self._zones():
            try:
                counts[zone] = _count(folder)
            except PermissionError:
                unreadable[zone] = f"{folder / 'energy_uj'}: only root may read it; run as root or chmod it at boot"
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "is not a number"
                unreadable[zone] = f"{folder / 'energy_uj'}: cannot be read: {reason}"
        if not counts and not unreadable:
            raise JoulepathError(f"{self._root}: no RAPL zones; a virtual machine has none, others need intel_rapl_msr")
        return Reading(counts, unreadable)

    def _zones(self) -> Iterable[tuple[Zone, Path]]:
        """Each zone once, from the preferred control type where several repeat it."""
        found: dict[Zone, Path] = {}
        names: dict[str, str] = {}
        folders = [folder for folder in self._root.glob("*rapl*:*") if (folder / "name").is_file()]
        folders.sort(key=lambda folder: (_control_type(folder) != _PREFERRED_CONTROL_TYPE, folder.name))
        for folder in folders:
            names[folder.name] = _text(folder / "name")
            zone = _zone(names[folder.name], names.get(folder.name.rpartition(":")[0], ""))
            if zone is not None:
                found.setdefault(zone, folder)
        return found.items()


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


def _count(folder: Path) -> Count:
    joules = int(_text(folder / "energy_uj")) / 1e6
    try:
        wraps_at = int(_text(folder / "max_energy_range_uj")) / 1e6
    except (OSError, ValueError):
        return Count(joules, None)
    return Count(joules, wraps_at or None)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()
