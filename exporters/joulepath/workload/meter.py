# SPDX-License-Identifier: Apache-2.0
"""Reads a host again and again, by rules that may change in between."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from joulepath.errors import JoulepathError
from joulepath.workload import cgroup, host
from joulepath.workload.account import Account, Snapshot
from joulepath.workload.counting import Counting, online
from joulepath.workload.names import Names
from joulepath.workload.naming import Naming
from joulepath.workload.perf import Event
from joulepath.workload.places import Places
from joulepath.workload.process import Processes
from joulepath.workload.settings import Settings
from joulepath.workload.source import Source


@dataclass
class Meter:
    """The account of one host. `read` is never called twice at once; `apply` may be called meanwhile."""

    settings: Settings
    places: Places = field(default_factory=Places)
    clock: Callable[[], float] = time.monotonic
    events: Sequence[Event] = ()
    """Events of the processor that are counted."""

    def __post_init__(self) -> None:
        self._disks = cgroup.Disks(self.places.sysfs)
        self._names = Names(self.places.rootfs, self.clock)
        self._processes: Processes | None = None
        self._account = Account(self.settings)
        self._applied: Settings | None = None
        self._source: Source | None = None
        self._root: str | None = None
        self._faults: Sequence[str] = ()
        self._counting: Counting | None = None
        self._perf_root: str | None = None

    @property
    def faults(self) -> Sequence[str]:
        """One line for each part that the last reading lacks."""
        return [*self._faults, *(() if self._counting is None else self._counting.faults)]

    def apply(self, settings: Settings) -> None:
        """Other rules hold from the next reading on."""
        self.settings = settings

    def read(self) -> Snapshot:
        """Reads once. Raises JoulepathError."""
        settings = self.settings
        mounted_since = self._root is None and self._tree(settings) is not None
        if self._source is None or self._applied is not settings or mounted_since:
            self._source = self._made(settings, self._source)
            self._account.apply(settings)
            self._applied = settings
        reading = self._source.read()
        return self._account.add(self.clock(), reading)

    def _tree(self, settings: Settings) -> cgroup.Tree | None:
        return cgroup.find(self.places.cgroup, settings.hierarchy, self._disks)

    def _made(self, settings: Settings, earlier: Source | None) -> Source:
        tree = self._tree(settings)
        version = "" if settings.hierarchy == "auto" else f" (hierarchy: {settings.hierarchy})"
        self._faults = (
            ()
            if tree is not None
            else (f"{self.places.cgroup}: no cgroups that count CPU time{version}: is --path.cgroup their mount?",)
        )
        if self.events and tree is not None:
            self._count(tree.perf_root)
        if not settings.looks_at_processes:
            self._processes = None
        elif self._processes is None:
            self._processes = Processes(self.places.procfs)
        else:
            self._processes.look_again()
        naming = Naming(settings, self._names)
        root = None if tree is None else tree.root
        history = earlier.history if earlier is not None and root == self._root else None
        self._root = root
        return Source(naming, tree, self._processes, self._read_host, history, counting=self._counting)

    def _read_host(self) -> host.HostTimes:
        return host.read(self.places.procfs)

    def _count(self, root: str | None) -> None:
        """Counts events in the cgroups below `root`, in the same ones as before if it is the same root."""
        if self._counting is not None and root == self._perf_root:
            return
        self.close()
        self._perf_root = root
        if root is None:
            self._faults = [*self._faults, f"{self.places.cgroup}: no cgroups with the controller perf_event"]
            return
        try:
            self._counting = Counting(root, self.events, cpus=lambda: online(self.places.sysfs))
        except JoulepathError as fault:
            self._faults = [*self._faults, *fault.messages]

    def close(self) -> None:
        """Ends the counting of events."""
        if self._counting is not None:
            self._counting.close()
        self._counting = None
