# SPDX-License-Identifier: Apache-2.0
"""`joulepath workload`: binds the meter of this host's workloads and the collector."""

import argparse
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.host import HostExporter, Section
from joulepath.serving.run import serve
from joulepath.workload.collector import collect
from joulepath.workload.counting import EVENTS
from joulepath.workload.meter import Meter
from joulepath.workload.perf import Event
from joulepath.workload.places import Places
from joulepath.workload.settings import Settings

PORT = 10475
GUARD_SECONDS = 10.0
"""Readings are at most this far apart: the time of a cgroup after its last reading is lost to its workload."""

ONCE_SECONDS = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `joulepath workload`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="which workloads there are (docs/guides/workload.md); without it each unit, pod, container and machine",
    )
    parser.add_argument(
        "--perf",
        action="store_true",
        help="also count instructions, cache misses and cycles of workloads' cgroups, where the processor offers them",
    )
    for name, default, what in (
        ("procfs", "/proc", "proc is mounted"),
        ("cgroup", "/sys/fs/cgroup", "cgroups are mounted"),
        ("sysfs", "/sys", "sysfs is mounted"),
        ("rootfs", "/", "the host's root is mounted, for names of pods and containers"),
    ):
        parser.add_argument(
            f"--path.{name}", dest=name, type=Path, default=Path(default), help=f"where {what} (default {default})"
        )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the CPU time of this host's workloads."""
    places = Places(args.procfs, args.cgroup, args.sysfs, args.rootfs)
    events = EVENTS if args.perf else ()
    exporter = WorkloadExporter(lambda: _settings(args.config), args.config, places, events=events)
    return serve(exporter, args, capabilities={*needed(exporter.settings), *((rights.CAP_PERFMON,) if events else ())})


def needed(settings: Settings) -> Collection[int]:
    """The capabilities that these settings need."""
    found = set()
    if any(rule.kind == "executable" for rule in settings.rules):
        found.add(rights.CAP_SYS_PTRACE)  # to see the program of another user's process
    names = any(rule.kind in ("pod", "container") for rule in settings.rules) or settings.rest == "each"
    if names and os.geteuid() != 0:
        found.add(rights.CAP_DAC_READ_SEARCH)  # Docker and Podman keep names in folders that are root's alone
    return found


class WorkloadExporter(HostExporter):
    """The CPU time of one host's workloads."""

    def __init__(
        self,
        read: Callable[[], Settings],
        file: Path | None = None,
        places: Places | None = None,
        clock: Callable[[], float] = time.monotonic,
        once_seconds: float = ONCE_SECONDS,
        *,
        events: Sequence[Event] = (),
    ) -> None:
        """`read` reads the settings, now and again when `file` has changed; `events` of the processor are counted."""
        self.files = () if file is None else (file,)
        self.settings = read()
        self._read_settings = read
        self._once_seconds = once_seconds
        self._meter = meter = Meter(self.settings, places or Places(), clock, events)
        section = Section(meter.read, collect, faults=lambda _: meter.faults, guard_seconds=GUARD_SECONDS)
        super().__init__("workload", "CPU time of this host's workloads", [section], clock)

    def once(self) -> Iterable[Metric]:
        """The counts of a moment: the counters begin at its start."""
        self._meter.read()
        time.sleep(self._once_seconds)
        return super().once()

    def reload(self) -> None:
        """Counts by the settings as they are now; counters go on. Raises UsageError and changes nothing."""
        self._meter.apply(self._read_settings())


def _settings(file: Path | None) -> Settings:
    if file is None:
        return Settings()
    read: Settings = apart.read("joulepath.workload.config", file)
    return read
