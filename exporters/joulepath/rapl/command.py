# SPDX-License-Identifier: Apache-2.0
"""`joulepath rapl`: binds source, unwrapping and collector."""

import argparse
import logging
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import exporter
from joulepath.errors import JoulepathError
from joulepath.metrics import filled
from joulepath.rapl.collector import collect
from joulepath.rapl.source import PowercapSource
from joulepath.rapl.unwrap import Snapshot, Unwrapper
from joulepath.reader import ScrapeReader
from joulepath.telemetry import polls

PORT = 10473
GUARD_SECONDS = 30.0
"""A counter of 262 kJ wraps in 4 minutes at 1 kW; the guard reads well before."""

logger = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `joulepath rapl`."""
    parser.add_argument(
        "--path.sysfs", dest="sysfs", type=Path, default=Path("/sys"), help="where sysfs is mounted (default /sys)"
    )
    exporter.add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves or prints the host's RAPL counters."""
    return exporter.run(RaplExporter(PowercapSource(args.sysfs)), args)


class RaplExporter:
    """The one host's RAPL counters, read at the scrape."""

    name = "rapl"
    reads = "Energy counters of this host's processors (RAPL)"
    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True

    def __init__(self, source: PowercapSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._unwrapper = Unwrapper()
        self._reported: set[str] = set()
        self._reader = ScrapeReader(self._read, guard_interval=GUARD_SECONDS, clock=clock)

    def collect(self) -> Iterable[Metric]:
        """The readings' own families and the host's; only the former where there is no RAPL."""
        found: Iterable[Metric] = ()
        try:
            found = filled(collect(self._reader.get()))
        except JoulepathError as fault:
            self._report([str(fault)])
        return [*polls(*self._reader.totals), *found]

    def probe(self, target: str) -> Iterable[Metric]:
        """There are no targets but the host itself."""
        raise KeyError(target)

    def once(self) -> Iterable[Metric]:
        """One reading; counters start at 0 here. Raises JoulepathError when no zone can be read."""
        snapshot = self._reader.get()
        if not snapshot.zones:
            raise JoulepathError(sorted(self._reported))
        return list(filled(collect(snapshot)))

    def start(self) -> None:
        """Reads once, so that counting begins now, and starts the guard."""
        self.collect()
        self._reader.start()

    def reload(self) -> None:
        """There is no configuration but the arguments."""

    def stop(self) -> None:
        """Ends the guard."""
        self._reader.stop()

    def _read(self) -> Snapshot:
        reading = self._source.read()
        self._report(reading.unreadable.values())
        return self._unwrapper.add(self._clock(), reading)

    def _report(self, faults: Iterable[str]) -> None:
        """One line per fault, not one per scrape."""
        for fault in faults:
            if fault not in self._reported:
                self._reported.add(fault)
                logger.warning(fault)
