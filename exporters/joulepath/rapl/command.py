# SPDX-License-Identifier: Apache-2.0
"""`joulepath rapl`: binds source, unwrapping and collector."""

import argparse
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from prometheus_client.core import Metric

from joulepath.errors import JoulepathError
from joulepath.metrics import Family, filled
from joulepath.rapl.boards import Boards, BoardSnapshot
from joulepath.rapl.collector import collect, collect_boards
from joulepath.rapl.hwmon import HwmonSource
from joulepath.rapl.source import MaskedError, PowercapSource
from joulepath.rapl.unwrap import Snapshot, Unwrapper
from joulepath.reading.at_scrape import ScrapeReader
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.run import serve
from joulepath.serving.telemetry import polls

PORT = 10473
GUARD_SECONDS = 10.0
"""A counter of 65 kJ, the shortest, wraps in 65 s at 1 kW and a platform's in 13 s at 5 kW; the guard reads before."""

BOARD_SECONDS = 5.0
"""Power sensors of boards are integrated over reads so far apart, and over scrapes."""

NO_SENSOR = "; nor has the board a power sensor (class/hwmon)"
"""Ends the message of RAPL's fault if no other sensor can be read."""

logger = logging.getLogger(__name__)


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
    made = RaplExporter(PowercapSource(args.sysfs), HwmonSource(args.sysfs))
    return serve(made, args, capabilities=capabilities)


class RaplExporter:
    """The one host's RAPL counters and board sensors, read at the scrape."""

    name = "rapl"
    reads = "Energy counters of this host's processors (RAPL) and power sensors of its board (hwmon)"
    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True

    def __init__(
        self,
        source: PowercapSource,
        hwmon: HwmonSource | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._hwmon = hwmon
        self._clock = clock
        self._unwrapper = Unwrapper()
        self._reported: set[str] = set()
        self._reader = ScrapeReader(self._read, guard_interval=GUARD_SECONDS, clock=clock)
        self._boards = Boards()
        self._board_reader = ScrapeReader(self._read_boards, guard_interval=BOARD_SECONDS, clock=clock)

    def collect(self) -> Iterable[Metric]:
        """The readings' own families and the host's; only the former where there is neither RAPL nor a sensor."""
        boards = self._board_reader.get()
        found: Iterable[Family] = ()
        try:
            found = collect(self._reader.get())
        except JoulepathError as fault:
            if not boards.energy:
                self._report([f"{fault}{NO_SENSOR}"])
            elif isinstance(fault, MaskedError):
                self._report([str(fault)])
        return [*polls(*self._reader.totals), *filled([*found, *collect_boards(boards)])]

    def probe(self, target: str) -> Iterable[Metric]:
        """There are no targets but the host itself."""
        raise KeyError(target)

    def once(self) -> Iterable[Metric]:
        """One reading; counters start at 0 here. Raises JoulepathError when neither zone nor sensor can be read."""
        boards = self._board_reader.get()
        try:
            snapshot = self._reader.get()
        except JoulepathError as fault:
            if not boards.energy:
                raise JoulepathError(f"{fault}{NO_SENSOR}") from None
            if isinstance(fault, MaskedError):
                self._report([str(fault)])
            return list(filled(collect_boards(boards)))
        if not snapshot.zones and not boards.energy:
            raise JoulepathError(sorted(self._reported))
        return list(filled([*collect(snapshot), *collect_boards(boards)]))

    def start(self) -> None:
        """Reads once, so that counting begins now, and starts the guards."""
        self.collect()
        self._reader.start()
        self._board_reader.start()

    def reload(self) -> None:
        """There is no configuration but the arguments."""

    def stop(self) -> None:
        """Ends the guards."""
        self._reader.stop()
        self._board_reader.stop()

    def _read(self) -> Snapshot:
        reading = self._source.read()
        snapshot = self._unwrapper.add(self._clock(), reading)
        self._report([*reading.unreadable.values(), *filter(None, [reading.masked]), *snapshot.doubts])
        return snapshot

    def _read_boards(self) -> BoardSnapshot:
        return BoardSnapshot({}, {}) if self._hwmon is None else self._boards.add(self._clock(), self._hwmon.read())

    def _report(self, faults: Iterable[str]) -> None:
        """One line per fault, not one per scrape."""
        for fault in faults:
            if fault not in self._reported:
                self._reported.add(fault)
                logger.warning(fault)
