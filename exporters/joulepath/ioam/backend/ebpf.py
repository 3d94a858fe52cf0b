# SPDX-License-Identifier: Apache-2.0
"""The source: programs on every point, their maps read at the scrape."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from joulepath.errors import JoulepathError
from joulepath.ioam.backend.health import ARRIVAL_SECONDS
from joulepath.ioam.backend.source import Opened, TrafficReading, ignore_backend
from joulepath.ioam.backend.taps import Taps
from joulepath.ioam.bpf import kernel
from joulepath.ioam.bpf.layout import Key
from joulepath.ioam.settings import Flow, Point, Settings
from joulepath.ioam.table.counters import Table
from joulepath.ioam.wire.decode import Options, Trace
from joulepath.reading.at_scrape import ScrapeReader

logger = logging.getLogger(__name__)

BACKEND = "ebpf"
GUARD_SECONDS = 5.0
"""The maps are emptied this often even without scrapes, so that they have room."""
LIMITS = ("request_id", "sequence_number", "timestamp")
"""Information that stays in the packets: ids beyond the application's part by `key`, sequence gaps, hop latencies."""


class EbpfSource:
    """Programs on every point. An interface that goes away is taken up again when it returns."""

    name = BACKEND

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.monotonic, opened: Opened = ignore_backend
    ) -> None:
        self._opened = opened
        self._settings = settings
        self._table = Table(settings, clock)
        self._clock = clock
        self._points = [(point, self._table.node(point.node_id, point.direction)) for point in settings.points]
        self._seen = [0] * len(self._points)
        """Packets on the wire that the programs have seen, counted or not."""
        self._kernel: kernel.Kernel | None = None
        self._reserved = {(number, key) for number, namespace in settings.namespaces.items() for key in namespace.ids}
        self._taps: Taps | None = None
        self._flows: Sequence[Flow] = settings.flows
        self._reading = threading.Lock()
        """Held while counts are taken from the kernel, or its flows change."""
        self._reader = ScrapeReader(self._read, guard_interval=GUARD_SECONDS)

    def start(self) -> None:
        """Attaches a program to every point. Raises JoulepathError; UnavailableError where BPF cannot be used here."""
        self._kernel = kernel.Kernel(self._settings)
        points, read = self._settings.points, self._reader.get
        self._taps = Taps(points, self._kernel, self._seen, read, self._clock, changed=self._changed)
        try:
            self._taps.start(self._settings.before.interfaces, partial(self._opened, BACKEND))
        except BaseException:
            self._close()
            raise
        self._reader.start()

    def stop(self) -> None:
        """Detaches the programs and takes what they have counted."""
        if self._kernel is not None and self._taps is not None:
            self._taps.detach()
            self._table.end()
            try:
                self._reader.finish()  # a scrape may be reading, too: the maps go after it
            except JoulepathError as fault:
                logger.warning("what was counted since the last scrape is lost: %s", fault)
            self._close()

    def finish(self, seconds: float) -> None:
        """Counts for a moment: packets that have not yet come cannot be read."""
        time.sleep(seconds)

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on, without a gap. Raises JoulepathError and changes nothing."""
        with self._reading:
            if self._kernel is not None:
                self._merge(self._kernel, self._kernel.read())
                self._kernel.follow(flows)
            self._table.follow(flows)
            self._flows = flows

    def reading(self) -> TrafficReading:
        """The counts so far."""
        return self._reader.get()

    def _read(self) -> TrafficReading:
        taps = self._taps
        interfaces = taps.ask() if taps is not None else {}
        counted = self._clock()
        if self._kernel is not None:
            self._take(self._kernel)
            if taps is not None and taps.suspects(interfaces):
                time.sleep(ARRIVAL_SECONDS)
                counted = self._clock()
                self._take(self._kernel)
        limits = (*LIMITS, *(taps.check(interfaces) if taps is not None else ()))
        return TrafficReading(
            self._table.snapshot(counted),
            0,
            tuple((name, BACKEND) for name in sorted(taps.counting if taps is not None else ())),
            tuple((BACKEND, limit) for limit in limits),
            taps.unseen if taps is not None else {},
        )

    def _take(self, programs: kernel.Kernel) -> None:
        with self._reading:
            self._merge(programs, programs.read())
            if self._flows and programs.cgroups_moved:
                programs.follow(self._flows)

    def _changed(self, point: Point) -> None:
        """Packets are counted at the point from now on, or are not."""
        with self._table.lock:
            captured = self._taps is not None and self._taps.counts(point)
            self._table.measured.set(point, self._clock(), captured=captured)

    def _merge(self, programs: kernel.Kernel, news: kernel.NewCounts) -> None:
        table = self._table
        with table.lock:
            for number, ((_, node), counts) in enumerate(zip(self._points, news.points, strict=True)):
                self._seen[number] += counts.packets
                node.user.add(*counts.user)
                node.other.add(*counts.other)
                table.add(
                    counts.faults,
                    overflow_packets=counts.overflow_packets,
                    option_octets=counts.option_octets,
                    fragments=counts.fragments,
                    jumbograms=counts.jumbograms,
                    skipped=counts.skipped,
                )
            # Traces with reserved entries first: others must not take the labels of path nodes before them.
            for key, packets, octets in sorted(news.traces, key=self._is_unlisted):
                point, node = self._points[key.point]
                trace = Trace(key.namespace, key.trace_id, key.nodes, overflow=False)
                admitted = table.count_trace(node, Options((trace,), 0), packets, octets, path=point.path)
                if admitted and self._settings.bounds is not None:
                    self._reserve(programs, key)

            for (_, node), flows in zip(self._points, news.flows, strict=True):
                for name, (packets, octets) in flows.items():
                    table.count_flow(node, name, packets, octets)

    def _is_unlisted(self, news: kernel.TracePackets) -> bool:
        return (news.key.namespace, news.key.trace_id or b"") not in self._reserved

    def _reserve(self, programs: kernel.Kernel, key: Key) -> None:
        """A trace with labels of its own stays exact from now on, however many others come."""
        name = key.namespace, key.trace_id or b""
        if name not in self._reserved:
            self._reserved.add(name)
            programs.reserve(*name)

    def _close(self) -> None:
        if self._taps is not None:
            self._taps.close()
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
