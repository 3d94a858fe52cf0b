# SPDX-License-Identifier: Apache-2.0
"""Groups of counters of the processor or the kernel on one CPU: perf_event_open(2), include/uapi/linux/perf_event.h."""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from joulepath.errors import JoulepathError

_HARDWARE, _SOFTWARE = 0, 1  # enum perf_type_id


class Event(NamedTuple):
    """The event that a counter counts. `name` is for people."""

    name: str
    type: int
    config: int


INSTRUCTIONS = Event("instructions", _HARDWARE, 1)
CACHE_MISSES = Event("cache misses", _HARDWARE, 3)
CYCLES = Event("cycles", _HARDWARE, 0)
CPU_CLOCK = Event("CPU clock", _SOFTWARE, 0)
TASK_CLOCK = Event("task clock", _SOFTWARE, 1)
CONTEXT_SWITCHES = Event("context switches", _SOFTWARE, 3)

HOST = -1
"""In place of a cgroup's descriptor: all that runs on the CPU, its idle loop and interrupts too."""

# By machine: include/uapi/asm-generic/unistd.h and the architectures' own tables.
_NUMBERS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "loongarch64": 241, "ppc64le": 319, "s390x": 331}
_SIZE = 112
"""Octets of struct perf_event_attr up to `aux_sample_size`, which all supported kernels know."""
_ATTRIBUTES = struct.Struct("=IIQ QQQ")
_TIMES_AND_GROUP = 1 | 2 | 8  # enum perf_event_read_format: both times, the group
_OF_CGROUP, _CLOEXEC = 4, 8

_MENDS = {
    errno.ENOENT: "the processor, or the hypervisor of a virtual machine, does not offer them (KVM: `pmu=on`)",
    errno.EOPNOTSUPP: "the processor, or the hypervisor of a virtual machine, does not offer them (KVM: `pmu=on`)",
    errno.ENODEV: "the kernel has no driver for this processor's counters",
    errno.EACCES: "needs the capability CAP_PERFMON, or `sysctl kernel.perf_event_paranoid=0`",
    errno.EPERM: "a container's seccomp profile, or systemd's SystemCallFilter, forbids perf_event_open",
    errno.ENOSYS: "the kernel has no perf_event_open (CONFIG_PERF_EVENTS)",
    errno.EINVAL: "this processor does not count them together",
    errno.EBUSY: "another program holds them for itself",
}


class PerfError(JoulepathError):
    """The kernel refused a counter; `number` is the errno."""

    def __init__(self, event: Event, number: int) -> None:
        super().__init__(f"{event.name}: {_MENDS.get(number) or os.strerror(number)}")
        self.number = number


class Values(NamedTuple):
    """One reading of a group [ns, counts]: `running` is the part of `enabled` in which the group had counters."""

    enabled: int
    running: int
    counts: tuple[int, ...]


class PerfGroup:
    """Counters of several events on one CPU that count at the same time, from now until `close`."""

    def __init__(self, events: Sequence[Event], cpu: int, cgroup: int = HOST) -> None:
        """`cgroup` is the descriptor of a cgroup's folder, and may be closed after. Raises PerfError."""
        self._descriptors: list[int] = []
        self._layout = struct.Struct(f"={3 + len(events)}Q")
        for event in events:
            try:
                self._descriptors.append(_open(event, cpu, cgroup, self._descriptors[0] if self._descriptors else -1))
            except PerfError:
                self.close()
                raise

    def read(self) -> Values:
        """The counts since the beginning. Raises OSError where the kernel took the counters away."""
        _, enabled, running, *counts = self._layout.unpack(os.read(self._descriptors[0], self._layout.size))
        return Values(enabled, running, tuple(counts))

    def close(self) -> None:
        """Ends the counting."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def _open(event: Event, cpu: int, cgroup: int, leader: int) -> int:
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        raise PerfError(event, errno.ENOSYS)
    attributes = ctypes.create_string_buffer(
        _ATTRIBUTES.pack(event.type, _SIZE, event.config, 0, 0, _TIMES_AND_GROUP), _SIZE
    )
    flags = _CLOEXEC if cgroup == HOST else _CLOEXEC | _OF_CGROUP
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(
        ctypes.c_long(number),
        attributes,
        ctypes.c_int(cgroup),
        ctypes.c_int(cpu),
        ctypes.c_int(leader),
        ctypes.c_ulong(flags),
    )
    if descriptor < 0:
        raise PerfError(event, ctypes.get_errno())
    return descriptor
