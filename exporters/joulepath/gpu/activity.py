# SPDX-License-Identifier: Apache-2.0
"""Shares of processes and of MIG instances, integrated into seconds of activity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulepath.gpu.naming import Naming
from joulepath.gpu.source import Instance, Shares

OTHER = "other"
"""The workload of processes without a name, and of names that are too many."""
MOST_WORKLOADS = 256
"""Names with series, for each GPU."""
MOST_PROCESSES = 4096
"""Processes whose names are remembered, in case they have ended when their last activity is read."""


@dataclass
class Activity:
    """The activity of each workload on one GPU [s], and the time that it covers. It never exceeds that time."""

    seconds: float = 0.0
    of: dict[str, float] = field(default_factory=lambda: {OTHER: 0.0})
    _names: dict[int, str] = field(default_factory=dict)

    def add(self, shares: Shares, naming: Naming) -> None:
        """Takes the shares of one time."""
        self.seconds += shares.seconds
        for pid, share in shares.of.items():
            workload = self._workload(pid, naming)
            self.of[workload] = self.of.get(workload, 0.0) + share * shares.seconds

    def _workload(self, pid: int, naming: Naming) -> str:
        name = naming.name_of(pid) or self._names.get(pid) or OTHER
        self._names.pop(pid, None)
        self._names[pid] = name
        if len(self._names) > MOST_PROCESSES:
            del self._names[next(iter(self._names))]
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
