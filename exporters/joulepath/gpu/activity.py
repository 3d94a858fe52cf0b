# SPDX-License-Identifier: Apache-2.0
"""Shares of processes and of MIG instances, integrated into seconds of activity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from joulepath.gpu.source import Instance, Shares
from joulepath.workload.settings import OTHER

MOST_WORKLOADS = 256
"""Workloads with series, for each GPU; what is beyond counts as `other`."""
ENDED_SECONDS = 10.0
"""The last activity of a process may be read after its end; its id is not used again so soon."""


class Naming(Protocol):
    """Names workloads, as `joulepath.workload.pids` does."""

    @property
    def fixed(self) -> Sequence[str]:
        """Workloads that have a series from the start, running or not."""

    def workload(self, pid: int) -> str:
        """The workload of a process; `other` if it has none, or if it has ended."""


@dataclass
class Activity:
    """The activity of each workload on one GPU [s], and the time that it covers. It never exceeds that time."""

    seconds: float = 0.0
    of: dict[str, float] = field(default_factory=lambda: {OTHER: 0.0})
    _named: dict[int, tuple[str, float]] = field(default_factory=dict)
    """The workload of each process that was active lately, and when."""

    def add(self, at: float, shares: Shares, naming: Naming) -> None:
        """Takes the shares of a time that ended before monotonic `at` seconds."""
        self.seconds += shares.seconds
        for name in naming.fixed:
            self.of.setdefault(name, 0.0)
        self._named = {pid: named for pid, named in self._named.items() if at - named[1] < ENDED_SECONDS}
        for pid, share in shares.of.items():
            workload = self._workload(at, pid, naming)
            self.of[workload] = self.of.get(workload, 0.0) + share * shares.seconds

    def _workload(self, at: float, pid: int, naming: Naming) -> str:
        name = naming.workload(pid)
        if name == OTHER and pid in self._named:
            name, _ = self._named[pid]  # it has ended
        else:
            self._named[pid] = (name, at)
        return name if name in self.of or len(self.of) <= MOST_WORKLOADS else OTHER


@dataclass
class InstanceActivity:
    """The activity of one MIG instance [s], and the time that it covers."""

    instance: Instance
    seconds: float = 0.0
    active: float = 0.0


def add_instances(activities: dict[str, InstanceActivity], instances: Mapping[str, Instance]) -> None:
    """Takes a reading of all instances. One that has gone, or was made anew under its id, begins at 0."""
    for identity in activities.keys() - instances.keys():
        del activities[identity]
    for identity, instance in instances.items():
        activity = activities.get(identity)
        if activity is None or activity.instance.uuid != instance.uuid:
            activity = activities[identity] = InstanceActivity(instance)
        activity.instance = instance
        if instance.seconds is not None:
            activity.seconds += instance.seconds
            activity.active += instance.share * instance.seconds
