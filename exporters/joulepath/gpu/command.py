# SPDX-License-Identifier: Apache-2.0
"""`joulepath gpu`: binds libraries, counters and collector."""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from joulepath.gpu.collector import collect
from joulepath.gpu.gpus import Gpus
from joulepath.gpu.naming import Naming, ProgramNaming
from joulepath.gpu.source import Library
from joulepath.gpu.vendors.amd import AmdLibrary
from joulepath.gpu.vendors.intel import IntelLibrary
from joulepath.gpu.vendors.loading import preload
from joulepath.gpu.vendors.nvidia import NvidiaLibrary
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.host import HostExporter, Section
from joulepath.serving.run import serve

PORT = 10479
GUARD_SECONDS = 1.0
"""Power is integrated over readings so far apart, and over scrapes; some drivers give the mean of just that time."""

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
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the counters of this host's GPUs."""
    if args.nvml is not None:
        preload(args.nvml)
    libraries: dict[str, Library] = {
        "nvidia": NvidiaLibrary(),
        "amd": AmdLibrary(),
        "intel": IntelLibrary() if args.level_zero is None else IntelLibrary(str(args.level_zero)),
    }
    chosen = [libraries[vendor] for vendor in dict.fromkeys(args.vendors or VENDORS)]
    made = GpuExporter(chosen, ProgramNaming(), required=args.vendors or ())
    return serve(made, args, capabilities=(rights.CAP_SYS_PTRACE,))


class GpuExporter(HostExporter):
    """The GPUs of this host."""

    def __init__(
        self,
        libraries: Sequence[Library],
        naming: Naming,
        *,
        required: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        gpus = Gpus(libraries, naming, required=required, clock=clock)
        section = Section(
            gpus.read,
            collect,
            faults=lambda snapshot: snapshot.faults,
            empty=lambda snapshot: not any(gpu.up for gpu in snapshot.gpus),
            guard_seconds=GUARD_SECONDS,
        )
        super().__init__("gpu", "Energy and activity of this host's GPUs", [section], clock)
