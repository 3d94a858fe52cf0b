# SPDX-License-Identifier: Apache-2.0
"""The tree of cgroups, and the counters of each: version 2, version 1, or both at once (systemd's hybrid layout).

Files and units: Documentation/admin-guide/cgroup-v2.rst (`cpu.stat` usage_usec, `memory.current`, `io.stat`) and
cgroup-v1/{cpuacct,memory,blkio-controller}.rst (`cpuacct.usage` in ns, `memory.usage_in_bytes`,
`blkio.throttle.io_service_bytes_recursive`). All of them count the cgroups inside, ended ones included.
"""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from joulepath.workload.kernelfile import content, number
from joulepath.workload.settings import Hierarchy

_LOOP = b"7:"
"""The major number of loop devices (Documentation/admin-guide/devices.txt): their files lie on another disk."""


@dataclass
class Disks:
    """Which block devices stand on others: their bytes count again at those."""

    sysfs: Path = Path("/sys")
    _stacked: dict[bytes, bool] = field(default_factory=dict)

    def is_stacked(self, device: bytes) -> bool:
        """Whether the device MAJOR:MINOR has others below it, as dm and md have."""
        found = self._stacked.get(device)
        if found is None:
            try:
                below = os.listdir(self.sysfs / "dev" / "block" / device.decode() / "slaves")  # noqa: PTH208
            except (OSError, UnicodeDecodeError):
                below = []
            found = self._stacked[device] = bool(below) or device.startswith(_LOOP)
        return found


@dataclass(frozen=True)
class Tree:
    """One hierarchy that counts CPU time, and where memory and IO are counted."""

    version: Literal["v1", "v2"]
    root: str
    disks: Disks
    memory_root: str | None = None
    """Of version 1."""
    io_root: str | None = None
    perf_root: str | None = None
    """The cgroups in which the kernel counts events of the processor: version 1 where it is mounted."""
    namespace: str = ""
    """The cgroup that /proc/PID/cgroup calls `/`: in a pod, the pod's own (cgroup_namespaces(7))."""

    def walk(self) -> Iterator[tuple[str, int]]:
        """Path and inode of every cgroup but the root, outer ones first. A cgroup that is made anew has a new inode."""
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                with os.scandir(self.root + above) as entries:
                    inside = [f"{above}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue  # it has gone
            for path in inside:
                try:
                    status = os.stat(self.root + path)  # noqa: PTH116  # quicker
                except OSError:
                    continue
                yield path, status.st_ino
                if status.st_nlink != 2:  # 2 and one for each folder inside, where the file system counts them
                    folders.append(path)

    def cpu_seconds(self, path: str) -> float | None:
        """CPU time of a cgroup so far; None if it has gone."""
        if self.version == "v1":
            text = content(f"{self.root}{path}/cpuacct.usage")
            return None if text is None else number(text, 1e9)
        text = content(f"{self.root}{path}/cpu.stat")
        if text is None:
            return None
        name, _, rest = text.partition(b" ")
        return number(rest.partition(b"\n")[0], 1e6) if name == b"usage_usec" else None

    def memory_bytes(self, path: str) -> float | None:
        """Memory that is charged to a cgroup, page cache included; None where it is not counted."""
        text = None
        if self.version == "v2":
            text = content(f"{self.root}{path}/memory.current")
        if text is None and self.memory_root is not None:
            text = content(f"{self.memory_root}{path}/memory.usage_in_bytes")
        return None if text is None else number(text, 1)

    def io_bytes(self, path: str) -> tuple[float, float] | None:
        """Bytes read from and written to disks so far; None where they are not counted."""
        text = None
        if self.version == "v2":
            text = content(f"{self.root}{path}/io.stat")
            if text is not None:
                return self._io_v2(text)
        if self.io_root is not None:
            text = content(f"{self.io_root}{path}/blkio.throttle.io_service_bytes_recursive")
        return None if text is None else self._io_v1(text)

    def path_of(self, membership: bytes) -> str | None:
        """The cgroup in the text of /proc/PID/cgroup. The root is the empty path, as `walk` has it."""
        for line in membership.splitlines():
            _, _, rest = line.partition(b":")
            controllers, _, path = rest.partition(b":")
            if not controllers if self.version == "v2" else b"cpuacct" in controllers.split(b","):
                # Outside of its namespace the kernel writes `..` for each step up.
                return posixpath.normpath(self.namespace + os.fsdecode(path)).rstrip("/")
        return None

    def in_namespace(self, procfs: Path = Path("/proc")) -> "Tree":
        """The same tree, for the cgroup namespace of this process. Where it cannot be found, the tree as it is."""
        shown = self.path_of(content(f"{procfs}/self/cgroup") or b"")
        if shown is None or self._has_this_process(shown):
            return self
        for path, _ in self.walk():
            if path.endswith(shown) and self._has_this_process(path):
                return replace(self, namespace=path.removesuffix(shown))
        return self

    def _has_this_process(self, path: str) -> bool:
        """The kernel writes process ids as this process sees them, and 0 for those that it does not see."""
        return str(os.getpid()).encode() in (content(f"{self.root}{path}/cgroup.procs") or b"").split()

    def _io_v2(self, text: bytes) -> tuple[float, float]:
        read = written = 0.0
        for line in text.splitlines():
            device, *pairs = line.split() or [b""]
            if self.disks.is_stacked(device):
                continue
            values = dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)
            read += number(values.get(b"rbytes", b""), 1) or 0.0
            written += number(values.get(b"wbytes", b""), 1) or 0.0
        return read, written

    def _io_v1(self, text: bytes) -> tuple[float, float]:
        counts = {b"Read": 0.0, b"Write": 0.0}
        for line in text.splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in counts and not self.disks.is_stacked(words[0]):
                counts[words[1]] += number(words[2], 1) or 0.0
        return counts[b"Read"], counts[b"Write"]


def find(root: Path, hierarchy: Hierarchy = "auto", disks: Disks | None = None) -> Tree | None:
    """The hierarchy below `root` (/sys/fs/cgroup) that counts CPU time; None if it is missing.

    `auto` takes the one with more cgroups where both versions are mounted, and version 2 if both have as many.
    """
    disks = disks or Disks()
    memory, io, perf = (_folder(root, name) for name in ("memory", "blkio", "perf_event"))
    places = [str(place) for place in (root, root / "unified") if (place / "cgroup.controllers").is_file()]
    perf = perf or next(iter(places), None)
    trees = [Tree("v2", place, disks, memory, io, perf) for place in places if hierarchy != "v1"]
    accounting = _folder(root, "cpuacct") or _folder(root, "cpu,cpuacct")
    if hierarchy != "v2" and accounting is not None:
        trees.append(Tree("v1", accounting, disks, memory, io, perf))
    if not trees:
        return None
    chosen = trees[0] if len(trees) == 1 else max(trees, key=lambda tree: sum(1 for _ in tree.walk()))
    return chosen.in_namespace()


def _folder(root: Path, name: str) -> str | None:
    return str(root / name) if (root / name).is_dir() else None
