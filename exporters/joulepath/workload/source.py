# SPDX-License-Identifier: Apache-2.0
"""One reading of a host: its CPU time, and that of every cgroup and process that belongs to a workload.

Only these cgroups are read. The time of all others is the rest of the host's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from joulepath.workload import host
from joulepath.workload.cgroup import Tree
from joulepath.workload.counting import Counting, Hardware, Named
from joulepath.workload.host import HostTimes
from joulepath.workload.naming import Match, Naming
from joulepath.workload.process import Processes


class Step(NamedTuple):
    """A counter at the last reading and now. One that began since was 0."""

    before: float
    now: float


@dataclass(frozen=True)
class Usage:
    """The CPU time of one cgroup or process, which the cgroup `within` counts, too."""

    workload: str
    seconds: Step
    within: int | None = None
    """The place of that cgroup in `Reading.groups`: the next one outside that belongs to another workload."""
    memory: float | None = None
    io: tuple[Step, Step] | None = None
    """Bytes read and written."""


@dataclass(frozen=True)
class Reading:
    """A host at one instant. A cgroup stands behind the one that it is within."""

    host: HostTimes
    groups: Sequence[Usage]
    processes: Sequence[Usage]
    hardware: Hardware | None = None


_Key = tuple[str, int]


class _Counters(NamedTuple):
    """The counters of one cgroup."""

    seconds: float
    io: tuple[float, float] | None


@dataclass
class History:
    """The last reading of a tree of cgroups."""

    walked: frozenset[_Key] | None = None
    counters: Mapping[_Key, _Counters] = field(default_factory=dict)

    def before(self, key: _Key, now: _Counters) -> _Counters:
        """The counters at the last reading: as they are now if the cgroup was there, and nothing read its counters."""
        if key in self.counters:
            return self.counters[key]
        return now if self.walked is None or key in self.walked else _Counters(0.0, (0.0, 0.0))


class _Place(NamedTuple):
    """A cgroup of a workload: the match that made it one, and its place in `Reading.groups`."""

    match: Match
    number: int
    key: _Key


class Source:
    """Reads a host. Counters are kept from one reading to the next, by cgroup and by process."""

    def __init__(
        self,
        naming: Naming,
        tree: Tree | None,
        processes: Processes | None,
        read_host: Callable[[], HostTimes] = host.read,
        history: History | None = None,
        *,
        counting: Counting | None = None,
    ) -> None:
        """`processes` is left out where rules name cgroups alone; `history` is an earlier source's of this tree."""
        self.history = history or History()
        self._naming = naming
        self._tree = tree
        self._processes = processes
        self._read_host = read_host
        self._counting = counting

    def read(self) -> Reading:
        """Reads everything once. Raises JoulepathError where the host's time cannot be read."""
        groups: list[Usage] = []
        inside: Mapping[str, _Place] = {}
        named: list[Named] = []
        if self._tree is not None:
            inside = self._read_groups(self._tree, groups, named)
        processes = [] if self._processes is None else list(self._read_processes(self._processes, inside))
        # Last, so that what the others count has been counted here, too.
        hardware = None if self._counting is None else self._counting.read(named)
        return Reading(self._read_host(), groups, processes, hardware)

    def _read_groups(self, tree: Tree, groups: list[Usage], named: list[Named]) -> Mapping[str, _Place]:
        """Appends the cgroups of workloads. Returns the places of all cgroups that are in one."""
        inside: dict[str, _Place] = {}
        walked: set[_Key] = set()
        counters: dict[_Key, _Counters] = {}
        for key in tree.walk():
            walked.add(key)
            path, _ = key
            around = inside.get(path.rpartition("/")[0])
            match = self._naming.group(path)
            if match is not None and match.over(around.match if around else None):
                seconds = tree.cpu_seconds(path)
                if seconds is not None:
                    now = counters[key] = _Counters(seconds, tree.io_bytes(path))
                    inside[path] = _Place(match, len(groups), key)
                    named.append(Named(key, match.workload, around.key if around else None))
                    within = around.number if around else None
                    before = self.history.before(key, now)
                    steps = Step(before.seconds, seconds), _io_steps(before, now)
                    groups.append(Usage(match.workload, steps[0], within, tree.memory_bytes(path), steps[1]))
                    continue
            if around is not None:
                inside[path] = around
        self._naming.keep({path for path, _ in walked})
        self.history = History(frozenset(walked), counters)
        return inside

    def _read_processes(self, processes: Processes, inside: Mapping[str, _Place]) -> Sequence[Usage]:
        found = []
        for process in processes.read(self._naming):
            around: _Place | None = None
            if self._tree is not None and inside:
                membership = processes.membership(process.pid)
                if membership is None:
                    continue  # it has ended: its cgroup counts the rest of its time
                around = _around(self._tree.path_of(membership), inside)
            if around is None or process.match.over(around.match):
                step = Step(process.before, process.seconds)
                found.append(Usage(process.match.workload, step, around.number if around else None))
        return found


def _around(path: str | None, inside: Mapping[str, _Place]) -> _Place | None:
    """The place of the cgroup at `path`, or of the next one outside where it is new, or has gone."""
    while path:
        if path in inside:
            return inside[path]
        path = path.rpartition("/")[0]
    return None


def _io_steps(before: _Counters, now: _Counters) -> tuple[Step, Step] | None:
    if now.io is None:
        return None
    last = before.io or now.io
    return Step(last[0], now.io[0]), Step(last[1], now.io[1])
