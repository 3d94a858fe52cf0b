# SPDX-License-Identifier: Apache-2.0
"""Reads a host again and again, by rules that may change in between."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from joulepath.workload import cgroup, host
from joulepath.workload.account import Account, Snapshot
from joulepath.workload.names import Names
from joulepath.workload.naming import Naming
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
    faults: Sequence[str] = ()
    """One line for each part that the last reading lacks."""

    def __post_init__(self) -> None:
        self._disks = cgroup.Disks(self.places.sysfs)
        self._names = Names(self.places.rootfs, self.clock)
        self._processes: Processes | None = None
        self._account = Account(self.settings)
        self._applied: Settings | None = None
        self._source: Source | None = None
        self._root: str | None = None

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
        self.faults = (
            ()
            if tree is not None
            else (f"{self.places.cgroup}: no cgroups that count CPU time{version}: is --path.cgroup their mount?",)
        )
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
        return Source(naming, tree, self._processes, lambda: host.read(self.places.procfs), history)
