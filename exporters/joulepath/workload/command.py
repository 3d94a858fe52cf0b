# SPDX-License-Identifier: Apache-2.0
"""`joulepath workload`: binds the meter of this host's workloads and the collector."""

import argparse
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.errors import JoulepathError, UsageError
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.host import HostExporter, Section
from joulepath.serving.run import serve
from joulepath.workload.collector import collect
from joulepath.workload.counting import EVENTS
from joulepath.workload.meter import Meter
from joulepath.workload.metrics import SHOWN
from joulepath.workload.perf import Event
from joulepath.workload.places import Places
from joulepath.workload.power import collector as power_collector
from joulepath.workload.power import machine
from joulepath.workload.power.energy import ModelledEnergy
from joulepath.workload.power.machine import Refusal
from joulepath.workload.power.model import PowerModel
from joulepath.workload.settings import Settings

PORT = 10475
GUARD_SECONDS = 10.0
"""Readings are at most this far apart: the time of a cgroup after its last reading is lost to its workload."""

POWER_SECONDS = 1.0
"""Readings for a power model are at most this far apart: its curve is bent."""
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
    parser.add_argument(
        "--power-model",
        dest="power_models",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="power model of this host, which has no meter (docs/guides/power-models.md); "
        "of several the one that holds for this machine",
    )
    parser.add_argument(
        "--power-model.force",
        dest="power_model_force",
        action="store_true",
        help="use the power model on a machine that it was not fitted for",
    )
    add_paths(parser)
    add_arguments(parser, PORT)


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say where a host's workloads are read; `places` reads them."""
    for name, default, what in (
        ("procfs", "/proc", "proc is mounted"),
        ("cgroup", "/sys/fs/cgroup", "cgroups are mounted"),
        ("sysfs", "/sys", "sysfs is mounted"),
        ("rootfs", "/", "the host's root is mounted, for names of pods and containers"),
    ):
        parser.add_argument(
            f"--path.{name}", dest=name, type=Path, default=Path(default), help=f"where {what} (default {default})"
        )


def places(args: argparse.Namespace) -> Places:
    """Where a host's workloads are read."""
    return Places(args.procfs, args.cgroup, args.sysfs, args.rootfs)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the CPU time of this host's workloads."""
    if args.power_model_force and len(args.power_models) != 1:
        raise UsageError("--power-model.force: needs one --power-model")
    events = EVENTS if args.perf else ()
    exporter = WorkloadExporter(
        lambda: _settings(args.config),
        args.config,
        places(args),
        events=events,
        power_models=args.power_models,
        force=args.power_model_force,
    )
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

    shown = SHOWN

    def __init__(
        self,
        read: Callable[[], Settings],
        file: Path | None = None,
        places: Places | None = None,
        clock: Callable[[], float] = time.monotonic,
        once_seconds: float = ONCE_SECONDS,
        *,
        events: Sequence[Event] = (),
        power_models: Sequence[Path] = (),
        force: bool = False,
    ) -> None:
        """`read` reads the settings, now and again when `file` has changed; so it is with `power_models`.

        `events` of the processor are counted. Where no power model holds for this machine and `force` is not set, only
        the modelled energy is missing. Raises UsageError.
        """
        self.files = (*(() if file is None else (file,)), *power_models)
        self.settings = read()
        self._read_settings = read
        self._once_seconds = once_seconds
        self._places = places or Places()
        self._power_models, self._force = power_models, force
        self._meter = meter = Meter(self.settings, self._places, clock, events)
        sections: list[Section[Any]] = [
            Section(meter.read, collect, faults=lambda _: meter.faults, guard_seconds=GUARD_SECONDS)
        ]
        self._power: ModelledEnergy | None = None
        if power_models:
            self._power = ModelledEnergy(self._power_model(), self._places, clock, force=force)
            sections.append(
                Section(
                    self._power.read,
                    power_collector.collect,
                    faults=lambda snapshot: snapshot.faults,
                    guard_seconds=POWER_SECONDS,
                )
            )
        super().__init__("workload", "CPU time of this host's workloads", sections, clock)

    def once(self) -> Iterable[Metric]:
        """The counts of a moment: the counters begin at its start."""
        self._meter.read()
        if self._power is not None:
            with suppress(JoulepathError):  # the next reading says it again
                self._power.read()
        time.sleep(self._once_seconds)
        return super().once()

    def reload(self) -> None:
        """Counts by the files as they are now; counters go on. Raises UsageError and changes nothing."""
        settings = self._read_settings()
        if self._power is not None:
            self._power.apply(self._power_model())
        self._meter.apply(settings)

    def _power_model(self) -> PowerModel | Refusal:
        """The model that holds for this machine, or why none does. Raises UsageError."""
        models = [(path, _model(path)) for path in self._power_models]
        return machine.chosen(models, machine.read(self._places), force=self._force)


def _settings(file: Path | None) -> Settings:
    if file is None:
        return Settings()
    read: Settings = apart.read("joulepath.workload.config", file)
    return read


def _model(file: Path) -> PowerModel:
    read: PowerModel = apart.read("joulepath.workload.power.file", file)
    return read
