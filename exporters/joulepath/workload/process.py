# SPDX-License-Identifier: Apache-2.0
"""CPU time of single processes (/proc/PID/stat), for rules that name a program or a command line.

A process is its id and the instant at which it started, since ids are used again.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joulepath.workload.kernelfile import content, number
from joulepath.workload.naming import Match, Naming

TICKS = os.sysconf("SC_CLK_TCK")
"""Per second: the unit of times in /proc, the same on every machine that runs this."""
_UTIME, _STIME, _START = 11, 12, 19
"""Fields behind the name in /proc/PID/stat, counted from 0 (proc_pid_stat(5))."""
MOST_OCTETS = 4096
"""Of a command line, which any user of the host may choose; rules see no more."""
_DELETED = " (deleted)"


@dataclass(frozen=True)
class ProcessTime:
    """A process that a rule names, and its CPU time [s] now and at the last reading."""

    pid: int
    match: Match
    seconds: float
    before: float


@dataclass
class _Known:
    start: bytes
    name: bytes
    seconds: float
    match: Match | None
    settled: bool = False
    """Whether its program was looked up at a second reading: the first may have come between fork and exec."""


class Processes:
    """The processes of one host. The last reading of each is kept, matched or not."""

    def __init__(self, procfs: Path = Path("/proc")) -> None:
        self._root = str(procfs)
        self._known: dict[int, _Known] | None = None

    def read(self, naming: Naming) -> Iterator[ProcessTime]:
        """Every process that a rule names."""
        before, now = self._known, dict[int, _Known]()
        self._known = now
        for entry in os.listdir(self._root):  # noqa: PTH208  # names alone
            if not entry.isdecimal():
                continue
            pid = int(entry)
            text = content(f"{self._root}/{entry}/stat")
            seen = None if text is None else _seen(text)
            if seen is None:
                continue  # it has ended meanwhile
            now[pid] = seen
            last = None if before is None else before.get(pid)
            if last is None or last.start != seen.start:
                since = seen.seconds if before is None else 0.0
                seen.match = self.match(pid, naming)
            else:
                since = last.seconds
                seen.settled = last.name == seen.name
                seen.match = last.match if last.settled and seen.settled else self.match(pid, naming)
            if seen.match is not None:
                yield ProcessTime(pid, seen.match, seen.seconds, since)

    def look_again(self) -> None:
        """Other rules hold from now on."""
        for known in (self._known or {}).values():
            known.settled = False

    def match(self, pid: int, naming: Naming) -> Match | None:
        """The rule's match for the program and command line of a process."""
        folder = f"{self._root}/{pid}"
        words = (content(f"{folder}/cmdline") or b"").rstrip(b"\0").split(b"\0")
        command = b" ".join(words)[:MOST_OCTETS].decode("utf-8", "replace")
        if not command:  # a thread of the kernel, which ps shows so
            comm = content(f"{folder}/comm")
            if comm is None:
                return None  # it has ended
            name = comm.strip().decode("utf-8", "replace")
            return naming.process(f"[{name}]", f"[{name}]")
        try:
            executable = os.readlink(f"{folder}/exe").removesuffix(_DELETED)  # noqa: PTH115  # quicker
        except OSError:  # another user's, and this process lacks CAP_SYS_PTRACE
            executable = os.fsdecode(words[0])
        return naming.process(executable, command)

    def membership(self, pid: int) -> bytes | None:
        """The text of /proc/PID/cgroup; None if the process has ended."""
        return content(f"{self._root}/{pid}/cgroup")


def _seen(text: bytes) -> _Known | None:
    """A line of /proc/PID/stat. The name in it may hold spaces and parentheses."""
    name, _, rest = text.rpartition(b") ")
    fields = rest.split(None, _START + 1)
    if len(fields) <= _START:
        return None
    user, system = number(fields[_UTIME], TICKS), number(fields[_STIME], TICKS)
    return None if user is None or system is None else _Known(fields[_START], name, user + system, None)
