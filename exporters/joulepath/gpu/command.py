# SPDX-License-Identifier: Apache-2.0
"""`joulepath gpu`: binds libraries, counters and collector."""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.errors import JoulepathError
from joulepath.gpu.collector import collect
from joulepath.gpu.gpus import Gpus
from joulepath.gpu.metrics import SHOWN
from joulepath.gpu.source import Library
from joulepath.gpu.vendors.amd import AmdLibrary
from joulepath.gpu.vendors.intel import IntelLibrary
from joulepath.gpu.vendors.loading import preload
from joulepath.gpu.vendors.nvidia import NvidiaLibrary
from joulepath.serving.arguments import add_arguments
from joulepath.serving.host import HostExporter, Section
from joulepath.serving.run import serve
from joulepath.workload.command import add_paths, needed, places
from joulepath.workload.pids import Pids
from joulepath.workload.places import Places
from joulepath.workload.settings import Settings

PORT = 10479
GUARD_SECONDS = 1.0
"""Power is integrated over readings so far apart, and over scrapes; some drivers give the mean of just that time."""

ONCE_SECONDS = 1.5
"""The time that `--once` measures: longer than between two samples of a driver."""

VENDORS = ("nvidia", "amd", "intel")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `joulepath gpu`."""
    parser.add_argument(
        "--vendor",
        dest="vendors",
        action="append",
        choices=VENDORS,
        help="GPUs to read; may be given several times (default: those with an installed library)",
    )
    parser.add_argument(
        "--path.nvml",
        dest="nvml",
        type=Path,
        metavar="FILE",
        help="libnvidia-ml.so.1, where the loader does not find it",
    )
    parser.add_argument(
        "--path.level-zero",
        dest="level_zero",
        type=Path,
        metavar="FILE",
        help="libze_loader.so.1, where the loader does not find it",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the workloads, a file of joulepath workload; without it each unit, pod, container and machine",
    )
    add_paths(parser)
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the counters of this host's GPUs."""
    if args.nvml is not None:
        preload(args.nvml)
    libraries: dict[str, Library] = {
        "nvidia": NvidiaLibrary(),
        "amd": AmdLibrary(args.sysfs),
        "intel": IntelLibrary() if args.level_zero is None else IntelLibrary(str(args.level_zero)),
    }
    chosen = [libraries[vendor] for vendor in dict.fromkeys(args.vendors or VENDORS)]
    exporter = GpuExporter(
        chosen, lambda: _settings(args.config), args.config, places(args), required=args.vendors or ()
    )
    return serve(exporter, args, capabilities=needed(exporter.settings))


class GpuExporter(HostExporter):
    """The GPUs of this host."""

    shown = SHOWN

    def __init__(
        self,
        libraries: Sequence[Library],
        read: Callable[[], Settings],
        file: Path | None = None,
        places: Places | None = None,
        *,
        required: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        once_seconds: float = ONCE_SECONDS,
    ) -> None:
        """`read` reads the settings of workloads, now and again when `file` has changed."""
        self.files = () if file is None else (file,)
        self.settings = read()
        self._read_settings = read
        self._once_seconds = once_seconds
        self._places = places
        self._gpus = Gpus(libraries, Pids(self.settings, places), required=required, clock=clock)
        section = Section(
            self._gpus.read,
            collect,
            faults=lambda snapshot: snapshot.faults,
            empty=lambda snapshot: not any(gpu.up for gpu in snapshot.gpus),
            guard_seconds=GUARD_SECONDS,
        )
        super().__init__("gpu", "Energy and activity of this host's GPUs", [section], clock)

    def once(self) -> Iterable[Metric]:
        """The counts of a moment: the counters begin at its start."""
        try:
            self._gpus.read()
        except JoulepathError:
            pass  # the reading that counts tells
        else:
            time.sleep(self._once_seconds)
        return super().once()

    def reload(self) -> None:
        """Applies the file's rules to what comes; counters go on. Raises UsageError if the file is wrong."""
        self.settings = self._read_settings()
        self._gpus.naming = Pids(self.settings, self._places)


def _settings(file: Path | None) -> Settings:
    if file is None:
        return Settings()
    settings: Settings = apart.read("joulepath.workload.config", file)
    return settings
