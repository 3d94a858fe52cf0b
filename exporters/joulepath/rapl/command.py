# SPDX-License-Identifier: Apache-2.0
"""`joulepath rapl`: binds source, unwrapping and collector."""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from joulepath.errors import AbsentError
from joulepath.rapl.boards import Boards, BoardSnapshot
from joulepath.rapl.collector import collect, collect_boards
from joulepath.rapl.hwmon import HwmonSource
from joulepath.rapl.metrics import SHOWN
from joulepath.rapl.source import PowercapSource
from joulepath.rapl.unwrap import Unwrapper
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.host import HostExporter, Section
from joulepath.serving.run import serve

PORT = 10473
GUARD_SECONDS = 10.0
"""A counter of 65 kJ, the shortest, wraps in 65 s at 1 kW and a platform's in 13 s at 5 kW; the guard reads before."""

BOARD_SECONDS = 5.0
"""Power sensors of boards are integrated over reads so far apart, and over scrapes."""

NO_SENSOR = "nor has the board a power sensor (class/hwmon)"
"""Ends the message of RAPL's fault if no other sensor can be read."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `joulepath rapl`."""
    parser.add_argument(
        "--path.sysfs", dest="sysfs", type=Path, default=Path("/sys"), help="where sysfs is mounted (default /sys)"
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the host's counters."""
    # root owns energy_uj; another user may have been given this right in place of the files.
    capabilities = () if os.geteuid() == 0 else (rights.CAP_DAC_READ_SEARCH,)
    return serve(RaplExporter(PowercapSource(args.sysfs), HwmonSource(args.sysfs)), args, capabilities=capabilities)


class RaplExporter(HostExporter):
    """The one host's RAPL counters and board sensors."""

    shown = SHOWN

    def __init__(
        self, powercap: PowercapSource, hwmon: HwmonSource, clock: Callable[[], float] = time.monotonic
    ) -> None:
        unwrapper, boards = Unwrapper(), Boards()

        def read_boards() -> BoardSnapshot:
            snapshot = boards.add(clock(), hwmon.read())
            if not snapshot.energy and not snapshot.beyond:
                raise AbsentError(NO_SENSOR)
            return snapshot

        zones = Section(
            lambda: unwrapper.add(clock(), powercap.read()),
            collect,
            faults=lambda snapshot: [*snapshot.unread, *snapshot.doubts],
            empty=lambda snapshot: not snapshot.zones,
            guard_seconds=GUARD_SECONDS,
        )
        sensors = Section(read_boards, collect_boards, guard_seconds=BOARD_SECONDS)
        reads = "Energy counters of this host's processors (RAPL) and power sensors of its board (hwmon)"
        super().__init__("rapl", reads, [zones, sensors], clock)
