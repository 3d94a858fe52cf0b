# SPDX-License-Identifier: Apache-2.0
"""The load of a host at an instant, as a power model takes it: CPU time, memory in use, bytes of its disks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath.workload import host
from joulepath.workload.cgroup import Disks
from joulepath.workload.host import HostTimes
from joulepath.workload.kernelfile import content
from joulepath.workload.places import Places
from joulepath.workload.power import machine

SECTOR = 512
"""Octets, whatever the disk's own are (Documentation/block/stat.rst)."""
_IN_MEMORY = (b"ram", b"zram")


@dataclass(frozen=True)
class Load:
    """Counters and gauges of one instant."""

    host: HostTimes
    memory_bytes: float = 0.0
    """In use."""
    disks: Mapping[bytes, float] = field(default_factory=dict)
    """Bytes read and written so far, by disk."""


class LoadSource:
    """Reads what a model needs, and nothing else."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._stacked = Disks(places.sysfs)
        self._parts: dict[bytes, bool] = {}

    def read(self, *, memory: bool, disks: bool) -> Load:
        """Reads once. Raises JoulepathError when a part that is asked for cannot be read."""
        times = host.read(self._places.procfs)
        return Load(times, self._memory() if memory else 0.0, self._disks() if disks else {})

    def _memory(self) -> float:
        found = machine.memory(self._places.procfs)
        if "MemTotal" not in found or "MemAvailable" not in found:
            raise JoulepathError(f"{self._places.procfs}/meminfo: has no MemTotal and MemAvailable")
        return max(0.0, found["MemTotal"] - found["MemAvailable"])

    def _disks(self) -> Mapping[bytes, float]:
        path = self._places.procfs / "diskstats"
        text = content(str(path))
        if text is None:
            raise JoulepathError(f"{path}: cannot be read")
        found = {}
        for line in text.splitlines():
            words = line.split()
            if len(words) < 10 or not (words[5].isdigit() and words[9].isdigit()):
                continue
            number = words[0] + b":" + words[1]
            if not (words[2].startswith(_IN_MEMORY) or self._stacked.is_stacked(number) or self._is_part(number)):
                found[number + b" " + words[2]] = float((int(words[5]) + int(words[9])) * SECTOR)
        return found

    def _is_part(self, number: bytes) -> bool:
        """Whether it is a partition: its bytes count at the disk."""
        found = self._parts.get(number)
        if found is None:
            place: Path = self._places.sysfs / "dev" / "block" / number.decode("ascii", "replace") / "partition"
            found = self._parts[number] = place.is_file()
        return found
