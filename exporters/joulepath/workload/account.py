# SPDX-License-Identifier: Apache-2.0
"""Divides the host's CPU time among workloads: every second that the host was busy belongs to exactly one.

Cgroups and processes are counted by the scheduler's clock, and the host in most kernels by the timer's ticks. Where
both disagree the host's time holds, since it is the whole that shares are taken of; the difference is made up for in
later intervals.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from joulepath.reading.bounds import TELL_AGAIN_SECONDS, Rows
from joulepath.workload.host import MODES, HostTimes
from joulepath.workload.perf import Event
from joulepath.workload.settings import IRQ, OTHER, SOFTIRQ, STEAL, Settings
from joulepath.workload.source import Reading, Usage
from joulepath.workload.tally import Tally

logger = logging.getLogger(__name__)

TASKS = ("user", "nice", "system")
"""The modes in which processes run."""
_IDLE = ("idle", "iowait")
_ALONE = {IRQ: "irq", SOFTIRQ: "softirq", STEAL: "steal"}
"""Workloads that are a mode of the host."""
DIRECTIONS = ("read", "written")

SLACK = 1.25
"""No counter of CPU time grows by more than this times the CPUs and the time, ..."""
SLACK_SECONDS = 1.0
"""... and this for each CPU. So much is also made up for later, at most."""
MOST_BYTES = 1e12
"""In a second: more than any host's disks take."""


@dataclass(frozen=True)
class Snapshot:
    """Counts since the start."""

    cpu: Mapping[str, float]
    """CPU seconds by workload."""
    modes: Mapping[str, float]
    """CPU seconds of the host by mode."""
    measured_seconds: float
    memory: Mapping[str, float]
    """Bytes in use now, by workload."""
    io: Mapping[tuple[str, str], float]
    """Bytes by workload and direction."""
    hardware: Mapping[Event, Mapping[str, float]] = field(default_factory=dict)
    """Events of the processor by workload; empty where they are not counted."""
    hardware_seconds: float = 0.0
    """The time that they cover."""


class Account:
    """Takes readings, and gives what they add up to."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.limit
        self._rows: Rows[str] = Rows(settings.limit)
        self._told = float("-inf")
        self._cpu: dict[str, float] = dict.fromkeys((OTHER, *_ALONE), 0.0)
        self._modes = dict.fromkeys(MODES, 0.0)
        self._io: dict[tuple[str, str], float] = {}
        self._owed: dict[str, float] = defaultdict(float)
        self._io_owed: dict[tuple[str, str], float] = defaultdict(float)
        self._measured = 0.0
        self._last: tuple[float, HostTimes] | None = None
        self._highest: dict[str, float] = {}
        self._fixed: tuple[str, ...] = ()
        self._tally: Tally | None = None
        self._tallied_at = 0.0
        self._tallied = 0.0
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Other rules hold from now on: counters go on."""
        self._fixed = settings.fixed
        if settings.limit != self._limit:
            self._limit = settings.limit
            self._rows = Rows(settings.limit, self._rows.known)

    def add(self, at: float, reading: Reading) -> Snapshot:
        """Takes the reading of monotonic instant `at` [s]."""
        admitted = self._admit(at, reading)
        for workload in admitted:
            self._cpu.setdefault(workload, 0.0)
        elapsed = at - self._last[0] if self._last else 0.0
        cpus = max(reading.host.cpus, self._last[1].cpus if self._last else 1)
        most = cpus * (SLACK * elapsed + SLACK_SECONDS)
        modes = self._advance(reading.host, most, cpus)
        self._last = at, reading.host
        if modes is not None:
            self._measured += elapsed
            for mode, seconds in modes.items():
                self._modes[mode] += seconds
            for workload, mode in _ALONE.items():
                self._cpu[workload] += modes[mode]
            self._divide(sum(modes[mode] for mode in TASKS), self._claims(reading, most, admitted), cpus)
        self._count_io(reading.groups, admitted, MOST_BYTES * (elapsed + 1))
        self._count_hardware(at, reading, admitted)
        memory = _memory(reading.groups, admitted)
        events = {} if self._tally is None else self._tally.counts()
        counted = dict(self._cpu), dict(self._modes), self._measured, memory, dict(self._io)
        return Snapshot(*counted, events, self._tallied)

    def _admit(self, at: float, reading: Reading) -> frozenset[str]:
        """The workloads that have series. Those that nothing was seen of for an hour lose theirs."""
        seen = dict.fromkeys(usage.workload for usage in (*reading.groups, *reading.processes) if usage.seconds.now)
        for workload in self._fixed:
            seen.pop(workload, None)
        beyond = self._rows.take(seen, at)
        forgotten = self._rows.forgotten.difference(self._fixed)
        if self._tally is not None:
            self._tally.forget(forgotten)
        for workload in forgotten:
            for counts in (self._cpu, self._owed):
                counts.pop(workload, None)
            for direction in DIRECTIONS:
                self._io.pop((workload, direction), None)
                self._io_owed.pop((workload, direction), None)
        if beyond and at - self._told >= TELL_AGAIN_SECONDS:
            self._told = at
            logger.warning(
                "more than %d workloads within an hour (`limit`): %d of them count as %s, such as %s",
                self._limit,
                len(beyond),
                OTHER,
                min(beyond),
            )
        return frozenset(self._fixed) | (seen.keys() - beyond)

    def _advance(self, now: HostTimes, most: float, cpus: int) -> Mapping[str, float] | None:
        """Seconds by mode since the last reading; None for an interval that cannot be known.

        A counter that falls back by little, as the kernel's at times do, is waited for.
        """
        steps: dict[str, float] = {}
        wrong = self._last is None
        for mode, seconds in now.modes.items():
            highest = self._highest.get(mode, seconds)
            steps[mode] = max(0.0, seconds - highest)
            fell = highest - seconds > cpus * SLACK_SECONDS
            if mode in (*_IDLE, STEAL) and (fell or steps[mode] > most):
                # The idle times fall at times; a hypervisor says what was stolen, and after a migration another one.
                self._highest[mode], steps[mode] = seconds, 0.0
            else:
                wrong = wrong or fell
                self._highest[mode] = max(highest, seconds)
        if wrong or sum(steps[mode] for mode in (*TASKS, IRQ, SOFTIRQ)) > most:
            self._highest = dict(now.modes)
            return None
        return steps

    def _claims(self, reading: Reading, most: float, admitted: frozenset[str]) -> Mapping[str, float]:
        """CPU seconds by workload as cgroups and processes count them, without what is another's inside."""
        claims: dict[str, float] = defaultdict(float)
        valid: list[bool] = []
        for usage in (*reading.groups, *reading.processes):
            step = usage.seconds.now - usage.seconds.before
            valid.append(0 <= step <= most)
            if not valid[-1]:
                continue  # it was reset, or cannot be
            claims[usage.workload] += step
            if usage.within is not None and valid[usage.within]:
                claims[reading.groups[usage.within].workload] -= step
        return {workload: seconds for workload, seconds in claims.items() if workload in admitted}

    def _divide(self, pool: float, claims: Mapping[str, float], cpus: int) -> None:
        """Gives out all of `pool` [CPU seconds]: to the claims, less where they are more, and the rest to `other`."""
        for workload, seconds in claims.items():
            self._owed[workload] += seconds
        wanted = sum(seconds for seconds in self._owed.values() if seconds > 0)
        part = min(1.0, pool / wanted) if wanted else 0.0
        given = 0.0
        bound = cpus * SLACK_SECONDS
        for workload, seconds in self._owed.items():
            granted = max(0.0, seconds) * part
            self._cpu[workload] += granted
            given += granted
            self._owed[workload] = min(bound, max(-bound, seconds - granted))
        self._cpu[OTHER] += max(0.0, pool - given)

    def _count_io(self, groups: Sequence[Usage], admitted: frozenset[str], most: float) -> None:
        for usage in groups:
            around = None if usage.within is None else groups[usage.within]
            for direction, step in zip(DIRECTIONS, usage.io or (), strict=False):
                grown = step.now - step.before
                if not 0 <= grown <= most:
                    grown = 0.0
                if usage.workload in admitted:
                    self._io.setdefault((usage.workload, direction), 0.0)
                    self._io_owed[usage.workload, direction] += grown
                if around is not None and around.io is not None and around.workload in admitted:
                    self._io_owed[around.workload, direction] -= grown
        for key, owed in self._io_owed.items():
            if owed > 0:
                self._io[key] += owed
                self._io_owed[key] = 0.0

    def _count_hardware(self, at: float, reading: Reading, admitted: Iterable[str]) -> None:
        if reading.hardware is None:
            return
        if self._tally is None:
            self._tally = Tally(reading.hardware.events)
        else:
            self._tally.add(reading.hardware, admitted)
            self._tallied += at - self._tallied_at
        self._tallied_at = at


def _memory(groups: Sequence[Usage], admitted: frozenset[str]) -> Mapping[str, float]:
    memory: dict[str, float] = defaultdict(float)
    for usage in groups:
        if usage.memory is None:
            continue
        memory[usage.workload] += usage.memory
        around = None if usage.within is None else groups[usage.within]
        if around is not None and around.memory is not None:
            memory[around.workload] -= usage.memory
    return {workload: max(0.0, octets) for workload, octets in memory.items() if workload in admitted}
