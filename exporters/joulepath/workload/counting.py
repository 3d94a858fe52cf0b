# SPDX-License-Identifier: Apache-2.0
"""Counts events of the processor in cgroups, each on every CPU, and on the host as a whole.

A cgroup's counters count the cgroups inside, too. They outlive it: what it counted until its end is read once more.
"""

import contextlib
import errno
import os
import resource
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from joulepath.errors import JoulepathError
from joulepath.workload.kernelfile import content
from joulepath.workload.perf import CACHE_MISSES, CYCLES, HOST, INSTRUCTIONS, Event, PerfError, PerfGroup, Values

EVENTS = (INSTRUCTIONS, CACHE_MISSES, CYCLES)
"""In the order of their worth: where a processor cannot count all of them at once, the last ones are left out."""
RESERVED_DESCRIPTORS = 512
"""For connections and files."""
MOST_PER_NANOSECOND = 100
"""No CPU counts more events than this in a nanosecond; a larger step does not count."""

Key = tuple[str, int]
"""Path and inode of a cgroup."""
Counts = tuple[float, ...]
"""By event."""


class Named(NamedTuple):
    """A cgroup of a workload, and the next one around it that is one, too."""

    key: Key
    workload: str
    within: Key | None


class Step(NamedTuple):
    """The counts of one cgroup; `within` is the workload around it, which counted that, too."""

    workload: str
    within: str | None
    counts: Counts


@dataclass(frozen=True)
class Hardware:
    """One reading: counts of these events since the last one."""

    events: Sequence[Event]
    host: Counts
    steps: Sequence[Step]


class Group(Protocol):
    """A group of counters, as PerfGroup."""

    def read(self) -> Values:
        """The counts since the beginning. Raises OSError where the kernel took the counters away."""

    def close(self) -> None:
        """Ends the counting."""


Begin = Callable[[Sequence[Event], int, int], Group]
"""Begins to count events on a CPU, in the cgroup of a descriptor. Raises PerfError."""


@dataclass
class _Counter:
    """A group on one CPU, and its last reading."""

    group: Group
    last: Values

    def step(self) -> Counts:
        """Counts since the last reading, scaled to the time in which other groups had the processor's counters."""
        now = self.group.read()
        enabled, running = now.enabled - self.last.enabled, now.running - self.last.running
        if running <= 0:
            return ()  # it had none: the time is part of the next step
        steps = [after - before for after, before in zip(now.counts, self.last.counts, strict=True)]
        self.last = now
        if not all(0 <= step <= running * MOST_PER_NANOSECOND for step in steps):
            return ()
        return tuple(step * max(enabled, running) / running for step in steps)


@dataclass
class _Counters:
    """The counters of one cgroup, or of the host, by CPU."""

    by_cpu: dict[int, _Counter] = field(default_factory=dict)

    def step(self, events: int) -> Counts:
        total = [0.0] * events
        for counter in self.by_cpu.values():
            with contextlib.suppress(OSError):
                for place, count in enumerate(counter.step()):
                    total[place] += count
        return tuple(total)

    def close(self, cpus: Iterable[int] | None = None) -> None:
        """Ends the counting on these CPUs, or on all."""
        for cpu in list(self.by_cpu) if cpus is None else cpus:
            self.by_cpu.pop(cpu).group.close()


class Counting:
    """The counters of one host. It needs to be closed."""

    def __init__(
        self,
        root: str,
        events: Sequence[Event] = EVENTS,
        *,
        cpus: Callable[[], Collection[int]] | None = None,
        descriptors: int | None = None,
        begin: Begin = PerfGroup,
    ) -> None:
        """`root` has the cgroups; `descriptors` bounds those that are open. Raises JoulepathError without any event."""
        self._root = root
        self._cpus = cpus or online
        self._most = available() if descriptors is None else descriptors
        self._begin = begin
        self.events, self._missing = _offered(events, min(self._cpus()), begin)
        self._host = _Counters()
        self._cgroups: dict[Key, tuple[Named, _Counters]] = {}
        self._beyond = 0
        self._refused: str | None = None
        try:
            self._follow(self._host, self._cpus())
        except PerfError as fault:
            self.close()
            raise JoulepathError(f"no hardware counters: {fault}") from None

    @property
    def faults(self) -> Sequence[str]:
        """A line for each thing that is not counted."""
        lines = [f"hardware counters: {line}" for line in (*self._missing, self._refused) if line is not None]
        if self._beyond:
            lines.append(
                f"hardware counters: the limit of open files (LimitNOFILE, {self._most} for this) leaves out"
                " cgroups, which count as the workload around them or as other"
            )
        return lines

    @property
    def descriptors(self) -> int:
        """How many are open."""
        counters = (self._host, *(counters for _, counters in self._cgroups.values()))
        return len(self.events) * sum(len(each.by_cpu) for each in counters)

    def read(self, groups: Sequence[Named]) -> Hardware:
        """Reads all counters. Those of new cgroups and CPUs begin now; those of others are closed after it."""
        steps = [
            Step(named.workload, self._around(named), counters.step(len(self.events)))
            for named, counters in self._cgroups.values()
        ]
        host = self._host.step(len(self.events))
        wanted = {group.key: group for group in groups}
        for key in self._cgroups.keys() - wanted.keys():
            self._cgroups.pop(key)[1].close()
        cpus = self._cpus()
        self._beyond, self._refused = 0, None
        try:
            self._follow(self._host, cpus)
        except PerfError as fault:
            self._refused = str(fault)
        for key, named in wanted.items():
            _, counters = self._cgroups.get(key, (named, _Counters()))
            self._cgroups[key] = named, counters
            if counters.by_cpu.keys() != cpus:
                self._count(key, counters, cpus)
        return Hardware(self.events, host, steps)

    def close(self) -> None:
        """Ends all counting."""
        self._host.close()
        for _, counters in self._cgroups.values():
            counters.close()
        self._cgroups.clear()

    def _around(self, named: Named) -> str | None:
        """The workload around this cgroup, in which it counts, too."""
        while named.within is not None:
            named, counters = self._cgroups[named.within]
            if counters.by_cpu:
                return named.workload
        return None

    def _count(self, key: Key, counters: _Counters, cpus: Collection[int]) -> None:
        """Counts in a cgroup on all CPUs or, where it has gone or is one too many, on none."""
        if self.descriptors + len(self.events) * (len(cpus) - len(counters.by_cpu)) > self._most:
            self._beyond += 1
            return
        try:
            folder = os.open(self._root + key[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self._follow(counters, cpus, folder)
        except PerfError as fault:
            counters.close()
            if fault.number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                self._beyond += 1
            elif Path(self._root + key[0]).exists():  # it has not gone meanwhile
                self._refused = f"not of cgroups below {self._root}: {os.strerror(fault.number)}"
        finally:
            os.close(folder)

    def _follow(self, counters: _Counters, cpus: Collection[int], folder: int = HOST) -> None:
        """Counts on these CPUs and no others. Raises PerfError."""
        counters.close(counters.by_cpu.keys() - cpus)
        for cpu in cpus:
            if cpu not in counters.by_cpu:
                group = self._begin(self.events, cpu, folder)
                counters.by_cpu[cpu] = _Counter(group, Values(0, 0, (0,) * len(self.events)))


def _offered(events: Sequence[Event], cpu: int, begin: Begin) -> tuple[tuple[Event, ...], Sequence[str]]:
    """The events that this host counts in one group, and a line for each other one. Raises JoulepathError."""
    found: tuple[Event, ...] = ()
    missing: dict[str, None] = {}
    for event in events:
        try:
            begin((*found, event), cpu, HOST).close()
        except PerfError as fault:
            missing[str(fault)] = None
        else:
            found = (*found, event)
    if not found:
        raise JoulepathError(f"no hardware counters: {next(iter(missing), 'no event is asked for')}")
    return found, list(missing)


def online(sysfs: Path = Path("/sys")) -> frozenset[int]:
    """The CPUs that are on: ranges as in 0-3,8 in devices/system/cpu/online."""
    text = (content(str(sysfs / "devices/system/cpu/online")) or b"0").decode("ascii", "replace")
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        with contextlib.suppress(ValueError):
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found or {0})


def available() -> int:
    """Descriptors for counters: the limit of this process, raised as far as it may be, less those for other uses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(0, soft - RESERVED_DESCRIPTORS)
