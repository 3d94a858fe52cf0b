# SPDX-License-Identifier: Apache-2.0
"""Turns the account of a host into the families of `metrics.py`."""

from collections.abc import Iterable

from joulepath.metrics import Family
from joulepath.workload import metrics
from joulepath.workload.account import Snapshot
from joulepath.workload.perf import CACHE_MISSES, CYCLES, INSTRUCTIONS

_EVENTS = {
    INSTRUCTIONS: metrics.INSTRUCTIONS,
    CACHE_MISSES: metrics.CACHE_MISSES,
    CYCLES: metrics.CYCLES,
}


def collect(snapshot: Snapshot) -> Iterable[Family]:
    """One sample for each workload, and for each mode of the host."""
    cpu = metrics.CPU.family()
    for workload, seconds in snapshot.cpu.items():
        cpu.add_metric([workload], seconds)
    host = metrics.HOST_CPU.family()
    for mode, seconds in snapshot.modes.items():
        host.add_metric([mode], seconds)
    measured = metrics.MEASURED.family()
    measured.add_metric([], snapshot.measured_seconds)
    memory = metrics.MEMORY.family()
    for workload, octets in snapshot.memory.items():
        memory.add_metric([workload], octets)
    io = metrics.IO.family()
    for labels, octets in snapshot.io.items():
        io.add_metric([*labels], octets)
    yield from (cpu, host, measured, memory, io)
    yield from _hardware(snapshot)


def _hardware(snapshot: Snapshot) -> Iterable[Family]:
    for event, counts in snapshot.hardware.items():
        if event in _EVENTS:
            family = _EVENTS[event].family()
            for workload, count in counts.items():
                family.add_metric([workload], count)
            yield family
    if snapshot.hardware:
        measured = metrics.HARDWARE_MEASURED.family()
        measured.add_metric([], snapshot.hardware_seconds)
        yield measured
