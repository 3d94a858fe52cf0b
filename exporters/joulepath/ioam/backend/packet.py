# SPDX-License-Identifier: Apache-2.0
"""The `packet` backend: counts in a thread of its own what AF_PACKET sockets capture."""

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from joulepath.errors import JoulepathError
from joulepath.ioam.backend.capture import Tap
from joulepath.ioam.backend.health import ARRIVAL_SECONDS, Gap, Health
from joulepath.ioam.backend.interface import InterfaceDownError, NoInterfaceError
from joulepath.ioam.backend.source import Opened, TrafficReading, ignore_backend, refuse_cgroups
from joulepath.ioam.backend.statistics import Statistics
from joulepath.ioam.settings import Flow, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.directions import place
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.wire.link import NOT_IP

logger = logging.getLogger(__name__)

BACKEND = "packet"
_RETRY_SECONDS = 1.0


class PacketSource:
    """AF_PACKET on every point. An interface that goes away is taken up again when it returns."""

    name = BACKEND

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        opened: Opened = ignore_backend,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Packets say by `wall_clock` when they came."""
        self._opened = opened
        self._clock, self._wall_clock = clock, wall_clock
        self._table = Table(settings, clock)
        self._counter = PacketCounter(self._table, Classifier(settings.other), settings.clt)
        self._points = settings.points
        self._known = settings.before.interfaces
        self._taps: dict[Point, Tap] = {}
        self._drops = 0
        self._health: Health | None = None
        self._gaps: dict[Tap, Gap] = {}
        self._selector: selectors.BaseSelector
        self._wake = self._woken = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Opens every interface and begins to count. Raises JoulepathError where one cannot be captured at all."""
        # Not before: a source that is never started has nothing to close.
        self._selector = selectors.DefaultSelector()
        self._health = Health()
        self._wake, self._woken = os.pipe()[::-1]
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for point in self._points:
            try:
                self._open(point)
            except InterfaceDownError as fault:
                logger.warning("%s; counting begins when it is up", fault)
            except JoulepathError as fault:
                if not isinstance(fault, NoInterfaceError) or point.interface not in self._known:
                    self._close()
                    raise
                logger.warning("%s: is away; counting begins when it is back", point.interface)
        self._opened(BACKEND)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Counts what has arrived and ends."""
        if self._thread is not None:
            os.write(self._wake, b"\0")
            self._thread.join()
            self._thread = None
            self._close()
            self._table.end()

    def finish(self, seconds: float) -> None:
        """Counts for a moment: packets that have not yet come cannot be read."""
        time.sleep(seconds)

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on. Raises UsageError where only the kernel could."""
        refuse_cgroups(flows)
        self._table.follow(flows)

    def reading(self) -> TrafficReading:
        """The counts so far."""
        with self._table.lock:
            names = {point.interface for point in self._taps}
            interfaces = self._health.ask(names) if self._health is not None else {}
            self._collect_all()
            if self._health is not None and any(
                self._health.suspects(tap.point, gap, interfaces[tap.point.interface], tap.seen, unread=tap.unread)
                for tap, gap in self._gaps.items()
                if tap.point.interface in interfaces
            ):
                time.sleep(ARRIVAL_SECONDS)
                self._collect_all()
            limits = self._check(interfaces)
            alive = self._thread is not None and self._thread.is_alive()
            captures = {(name, BACKEND) for name in names} if alive else set()
            unseen = dict(self._health.unseen) if self._health is not None else {}
            counts = self._table.snapshot(behind=self._behind())
            return TrafficReading(counts, self._drops, tuple(sorted(captures)), limits, unseen)

    def _behind(self) -> dict[int, float]:
        """By node id, for how many seconds its packets have waited to be counted."""
        now, behind = self._wall_clock(), dict[int, float]()
        for point, tap in self._taps.items():
            behind[point.node_id] = max(behind.get(point.node_id, 0.0), tap.behind(now))
        return behind

    def _collect_all(self) -> None:
        for tap in self._taps.values():
            self._collect(tap)

    def _collect(self, tap: Tap) -> None:
        """Takes the counts that the kernel keeps for a tap."""
        frames, lost = tap.arrivals()
        self._drops += lost
        self._table.measured.add(tap.point, frames, lost)
        self._table.skipped[NOT_IP] += tap.passed_over()

    def _check(self, interfaces: Mapping[str, Statistics]) -> tuple[tuple[str, str], ...]:
        """Compares with the interfaces' own counters. Returns the reasons why packets may be missing."""
        if self._health is None:
            return ()
        self._health.limits.clear()
        for tap, gap in self._gaps.items():
            if (now := interfaces.get(tap.point.interface)) is not None:
                self._health.check(tap.point, gap, now, tap.seen, unread=tap.unread)
        return tuple((BACKEND, limit) for limit in sorted(self._health.limits))

    def _run(self) -> None:
        try:
            self._count()
        except BaseException:
            ended = self._clock()
            with self._table.lock:
                for point in self._taps:
                    self._table.measured.end(point, ended)
            raise

    def _count(self) -> None:
        stopping = False
        while not stopping:
            missing = len(self._taps) < len(self._points)
            for key, _ in self._selector.select(_RETRY_SECONDS if missing else None):
                if key.data is None:
                    stopping = True
                else:
                    self._read(key.data)
            if missing:
                self._reopen()

    def _read(self, tap: Tap) -> None:
        try:
            with self._table.lock:
                tap.read()
        except InterfaceDownError as fault:
            ended = self._clock()
            logger.warning("%s; its counts stand still until it is back", fault)
            self._drop(tap, ended)

    def _reopen(self) -> None:
        for point in self._points:
            if point not in self._taps:
                try:
                    self._open(point)
                except JoulepathError:
                    continue  # said once, when it went
                logger.info("%s: is back, packets %s are counted", point.interface, point.way)

    def _open(self, point: Point) -> None:
        tap = Tap(point, place(self._table, point), self._counter)
        began = self._clock()
        with self._table.lock:
            self._taps[point] = tap
            self._table.measured.begin(point, began)
            if self._health is not None:
                self._gaps[tap] = self._health.begin(point, 0)
        self._selector.register(tap, selectors.EVENT_READ, tap)

    def _drop(self, tap: Tap, ended: float | None = None) -> None:
        """Ends a capture that has taken in nothing since `ended`, by default one that still does."""
        self._selector.unregister(tap)
        with self._table.lock:
            del self._taps[tap.point]
            del self._gaps[tap]
            tap.finish()
            self._collect(tap)
            self._table.measured.end(tap.point, self._clock() if ended is None else ended)
        tap.close()

    def _close(self) -> None:
        for tap in list(self._taps.values()):
            self._drop(tap)
        self._selector.close()
        if self._health is not None:
            self._health.close()
        os.close(self._wake)
        os.close(self._woken)
