# SPDX-License-Identifier: Apache-2.0
"""The activity of processes on one GPU of AMD: the compute units that their waves occupy, as the kernel's amdkfd says.

/sys/class/kfd/kfd/topology/nodes/N/gpu_id                   names the node below
/sys/class/kfd/kfd/topology/nodes/N/properties               `domain`, `location_id` (PCI), `simd_count`, `simd_per_cu`
/sys/class/kfd/kfd/proc/PID/stats_GPUID/cu_occupancy         compute units now (drivers/gpu/drm/amd/amdkfd)

This is a sample: each reading stands for the time since the last one. Graphics have no waves here.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from joulepath.gpu.source import Shares
from joulepath.workload.kernelfile import content

MOST_SECONDS = 15.0
"""Samples that are further apart do not stand for the time between them."""


class _Node(NamedTuple):
    """A GPU of amdkfd, or a partition of one."""

    identity: str
    units: float


class Occupancy:
    """Shares of the compute units of the GPU at a PCI bus (0000:05:00.0); its partitions are parts of it."""

    def __init__(self, bus: str, sysfs: Path = Path("/sys"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root = str(sysfs / "class/kfd/kfd")
        self._slot = bus.rpartition(".")[0]
        self._clock = clock
        self._nodes: list[_Node] | None = None
        self._last: float | None = None
        self._measured = False

    def forget(self) -> None:
        """The time until the next reading is not measured, and partitions may be others."""
        self._nodes, self._last = None, None

    def read(self) -> Shares | None:
        """The shares since the last reading; None where the kernel does not say them."""
        now, last = self._clock(), self._last
        self._last = now
        if self._nodes is None:
            self._nodes = list(self._found())
        total = sum(node.units for node in self._nodes)
        units = dict(self._occupied(self._nodes))
        self._measured = self._measured or bool(units)  # without any process it cannot be known whether it is
        if not self._measured or last is None or not 0 < now - last <= MOST_SECONDS:
            return None
        whole = max(total, sum(units.values()))
        return Shares(now - last, {pid: count / whole for pid, count in units.items() if count})

    def _occupied(self, nodes: Iterable[_Node]) -> Iterable[tuple[int, float]]:
        """The compute units of each process that the kernel says them of."""
        for entry in _listed(f"{self._root}/proc"):
            folder = f"{self._root}/proc/{entry}/stats_"
            read = ((node, _number(f"{folder}{node.identity}/cu_occupancy")) for node in nodes)
            counts = [float(count) for node, count in read if count is not None and 0 <= count <= node.units]
            if entry.isdecimal() and counts:
                yield int(entry), sum(counts)

    def _found(self) -> Iterable[_Node]:
        for entry in _listed(f"{self._root}/topology/nodes"):
            folder = f"{self._root}/topology/nodes/{entry}"
            identity = _number(f"{folder}/gpu_id")
            lines = (line.split() for line in (content(f"{folder}/properties") or b"").splitlines())
            found = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
            location, simds, each = (found.get(key, 0) for key in (b"location_id", b"simd_count", b"simd_per_cu"))
            slot = f"{found.get(b'domain', 0):04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}"
            if identity and simds and each and slot == self._slot:
                yield _Node(str(identity), simds / each)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names alone
    except OSError:
        return []


def _number(path: str) -> int | None:
    try:
        return int(content(path) or b"")
    except ValueError:
        return None
