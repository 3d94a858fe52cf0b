# SPDX-License-Identifier: Apache-2.0
"""An exporter of this host's own counters and sensors, which are read when a scrape asks."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client.core import Metric

from joulepath.errors import AbsentError, JoulepathError
from joulepath.exporter import Condition
from joulepath.log import Once
from joulepath.metrics import Family, filled
from joulepath.reading.at_scrape import ScrapeReader
from joulepath.serving.one_host import THIS_HOST, OneHost
from joulepath.serving.telemetry import polls

logger = logging.getLogger(__name__)

T = TypeVar("T")


def _no_faults(_: object) -> Iterable[str]:
    return ()


def _never_empty(_: object) -> bool:
    return False


@dataclass(frozen=True)
class Section(Generic[T]):
    """A part of a host's `/metrics` that is read at once."""

    read: Callable[[], T]
    """Reads it; calls never overlap. Raises AbsentError if this host has nothing of the kind, JoulepathError if it has
    but nothing can be read."""
    collect: Callable[[T], Iterable[Family]]
    """The families of what was read."""
    faults: Callable[[T], Iterable[str]] = _no_faults
    """One line for each part that could not be read or cannot be right, though others could."""
    empty: Callable[[T], bool] = _never_empty
    """Whether none of its parts could be read; `faults` then says why."""
    guard_seconds: float | None = None
    """It is read at least this often, for counters that wrap and for watts that are integrated."""


class HostExporter(OneHost):
    """Reads its sections when a scrape asks, at most every 0.5 s, and logs each fault once.

    An exporter is a subclass that binds its parts, as `RaplExporter` does:

        class WorkloadExporter(HostExporter):
            shown = SHOWN

            def __init__(self, source: CgroupSource) -> None:
                super().__init__("workload", "CPU time of this host's workloads", [Section(source.read, collect)])

    Its `configure` calls `add_arguments(parser, PORT)`; its `run` returns `serve(WorkloadExporter(...), args)`. State
    that spans reads (counters that wrap, integrators) belongs to what `Section.read` calls. An exporter with a
    configuration file sets `files` and overrides `reload`.

    The reads of the first section are the exporter's polls in `joulepath_polls_total`.
    """

    def __init__(
        self,
        name: str,
        reads: str,
        sections: Sequence[Section[Any]],
        clock: Callable[[], float] = time.monotonic,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.reads = reads
        self._wall_clock = wall_clock
        self._condition = Condition(THIS_HOST)
        self._readers = [(section, self._reader(section, clock)) for section in sections]
        self._lock = threading.Lock()  # guards and scrapes log from threads of their own
        self._logged = Once()

    def collect(self) -> Iterable[Metric]:
        """The families of every section that could be read, and the polls."""
        readings, faults = self._read()
        self._condition = self._now(readings, faults)
        self._log(_reported(faults) if readings else [_joined(faults)])
        _, first = self._readers[0]
        return [*polls(*first.totals), *_families(readings)]

    def condition(self, target: str = "") -> Condition:
        """As of the last `collect`. Raises KeyError as `probe` does."""
        if target:
            raise KeyError(target)
        return self._condition

    def once(self) -> Iterable[Metric]:
        """One reading; counters start at 0 here. Raises JoulepathError if nothing could be read."""
        readings, faults = self._read()
        if not readings:
            raise JoulepathError(_joined(faults))
        self._log(_reported(faults))
        if all(section.empty(reading) for section, reading in readings):
            lines = {line for section, reading in readings for line in section.faults(reading)}
            raise JoulepathError(sorted(lines.union(_reported(faults))))
        return list(_families(readings))

    def start(self) -> None:
        """Reads once, so that counting begins now, and starts the guards."""
        self.collect()
        for _, reader in self._readers:
            reader.start()

    def stop(self) -> None:
        """Ends the guards."""
        for _, reader in self._readers:
            reader.stop()

    def _reader(self, section: Section[T], clock: Callable[[], float]) -> ScrapeReader[T]:
        def read() -> T:
            reading = section.read()
            self._log(section.faults(reading))
            return reading

        return ScrapeReader(read, guard_interval=section.guard_seconds, clock=clock)

    def _read(self) -> tuple[Sequence[tuple[Section[Any], Any]], Sequence[JoulepathError]]:
        """The reading of each section that has one, and the faults of the others."""
        readings: list[tuple[Section[Any], Any]] = []
        faults: list[JoulepathError] = []
        for section, reader in self._readers:
            try:
                readings.append((section, reader.get()))
            except JoulepathError as fault:
                faults.append(fault)
        return readings, faults

    def _now(self, readings: Sequence[tuple[Section[Any], Any]], faults: Sequence[JoulepathError]) -> Condition:
        last, now = self._condition, self._wall_clock()
        lines = [line for section, reading in readings for line in section.faults(reading)]
        lines += _reported(faults) if readings else [_joined(faults)]
        return Condition(
            THIS_HOST,
            up=bool(readings),
            read_timestamp=now if readings else last.read_timestamp,
            fault="; ".join(lines) or last.fault,
            fault_timestamp=now if lines else last.fault_timestamp,
        )

    def _log(self, faults: Iterable[str]) -> None:
        """One line per fault, not one per scrape."""
        for fault in faults:
            with self._lock:
                is_new = self._logged.is_new(fault)
            if is_new:
                logger.warning(fault)


def _families(readings: Iterable[tuple[Section[Any], Any]]) -> Iterable[Family]:
    return filled(family for section, reading in readings for family in section.collect(reading))


def _reported(faults: Iterable[JoulepathError]) -> Sequence[str]:
    """The faults beside a section that was read: a host need not have all that an exporter can read."""
    return [line for fault in faults if not isinstance(fault, AbsentError) for line in fault.messages]


def _joined(faults: Iterable[JoulepathError]) -> str:
    """The faults of all sections as one line."""
    return "; ".join(line for fault in faults for line in fault.messages)
