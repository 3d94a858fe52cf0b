# SPDX-License-Identifier: Apache-2.0
"""Which workload a process belongs to, for meters that count by process id, as a GPU's does."""

from joulepath.workload import cgroup
from joulepath.workload.names import Names
from joulepath.workload.naming import Match, Naming
from joulepath.workload.places import Places
from joulepath.workload.process import Processes
from joulepath.workload.settings import OTHER, Settings

MOST_PATHS = 4096
"""Cgroups with names that are kept from one question to the next."""


class Pids:
    """Names the workloads of processes by the same rules as `joulepath workload`."""

    def __init__(self, settings: Settings, places: Places | None = None) -> None:
        places = places or Places()
        self._tree = cgroup.find(places.cgroup, settings.hierarchy, cgroup.Disks(places.sysfs))
        self._naming = Naming(settings, Names(places.rootfs))
        self._processes = Processes(places.procfs)
        self._looks_at_processes = settings.looks_at_processes

    @property
    def kept(self) -> int:
        """How many cgroups have names that are kept."""
        return self._naming.kept

    def workload(self, pid: int) -> str:
        """The workload of a process; `other` if no rule names it, or if it has ended."""
        found: Match | None = None
        membership = self._processes.membership(pid)
        path = self._tree.path_of(membership) if self._tree is not None and membership is not None else None
        self._naming.bound(MOST_PATHS)
        for outer in _outer_first(path or ""):
            match = self._naming.group(outer)
            if match is not None and match.over(found):
                found = match
        if self._looks_at_processes:
            match = self._processes.match(pid, self._naming)
            if match is not None and match.over(found):
                found = match
        return OTHER if found is None else found.workload


def _outer_first(path: str) -> list[str]:
    """The cgroup at `path` and those around it, without the root."""
    words = path.split("/")[1:]
    return ["/" + "/".join(words[: count + 1]) for count in range(len(words))]
