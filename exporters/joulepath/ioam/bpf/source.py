# SPDX-License-Identifier: Apache-2.0
"""The source: programs on every point, their maps read at the scrape."""

import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulepath.bpf import tc
from joulepath.bpf.libbpf import BpfError
from joulepath.errors import JoulepathError
from joulepath.ioam.bpf import interface, kernel
from joulepath.ioam.bpf.layout import Key
from joulepath.ioam.capture import MissingError
from joulepath.ioam.counters import Table
from joulepath.ioam.decode import Options, Trace
from joulepath.ioam.health import Gap, Health
from joulepath.ioam.link import DEVICES
from joulepath.ioam.settings import Point, Settings
from joulepath.ioam.source import Reading
from joulepath.ioam.statistics import Statistics
from joulepath.reader import ScrapeReader

logger = logging.getLogger(__name__)

BACKEND = "ebpf"
GUARD_SECONDS = 5.0
"""The maps are emptied this often even if nobody scrapes, so that they have room."""
_WATCH_SECONDS = 1.0
"""How often the programs that run before ours are looked at: the kernel tells nobody of a change."""
_TRIALS = 10
"""How often it is looked at whether a program that has come to run before ours lets packets pass on."""
_PATIENCE_SECONDS = 3600.0
"""Who always goes before us again is followed ever more seldom, down to this often."""

LIMITS = ("request_id", "sequence_number", "timestamp")
"""What stays in the packets: of ids only what `key` makes the application's, gaps in sequences, latencies of hops."""


@dataclass
class _Tap:
    """A program that is attached."""

    link: tc.Link
    index: int
    link_octets: int
    up: bool
    gap: Gap
    ahead: int = 0
    """Programs that run before ours."""
    trials: int = 0
    moves: int = 0
    moved: float = 0.0


class EbpfSource:
    """Programs on every point. An interface that goes away is taken up again when it returns."""

    name = BACKEND

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._table = Table(settings, clock)
        self._clock = clock
        self._points = [(point, self._table.at(point.node_id, point.direction)) for point in settings.points]
        self._seen = [0] * len(self._points)
        """Packets on the wire that the programs have seen, counted or not."""
        self._health: Health | None = None
        self._kernel: kernel.Kernel | None = None
        self._placed = {(number, key) for number, namespace in settings.namespaces.items() for key in namespace.ids}
        self._taps: dict[Point, _Tap] = {}
        self._reader = ScrapeReader(self._read, guard_interval=GUARD_SECONDS)
        self._wake = self._woken = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Attaches a program to every point. Raises JoulepathError; UnavailableError where BPF cannot be used here."""
        self._kernel = kernel.Kernel(self._settings)
        self._health = Health()
        self._wake, self._woken = os.pipe()[::-1]
        changes = interface.changes()
        known = self._settings.before.interfaces
        try:
            for point, _ in self._points:
                self._follow(point, self._kernel, needed=point.interface not in known)
                if not self._counting(point):
                    logger.warning("%s: the interface is down or away; counting begins when it is up", point.interface)
        except BaseException:
            changes.close()
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, args=(changes, self._kernel), name="interfaces", daemon=True)
        self._thread.start()
        self._reader.start()

    def stop(self) -> None:
        """Detaches the programs and takes what they have counted."""
        if self._thread is not None:
            os.write(self._wake, b"\0")
            self._thread.join()
            self._thread = None
            self._detach()
            self._table.end()
            try:
                self._reader.finish()  # a scrape may be reading, too: the maps go after it
            except JoulepathError as fault:
                logger.warning("what was counted since the last scrape is lost: %s", fault)
            self._close()

    def finish(self, seconds: float) -> None:
        """Counts for a moment: packets that have not yet come cannot be read."""
        time.sleep(seconds)

    def reading(self) -> Reading:
        """The counts so far."""
        return self._reader.get()

    def _read(self) -> Reading:
        counting = {point.interface for point, _ in self._points if self._counting(point)}
        # First: what passes until the maps are read is then counted too early, not too late.
        interfaces = self._health.ask(counting) if self._health is not None else {}
        if self._kernel is not None:
            self._merge(self._kernel, self._kernel.read())
        limits = (*LIMITS, *sorted(self._check(interfaces)))
        return Reading(
            self._table.snapshot(),
            0,
            tuple((name, BACKEND) for name in sorted(counting)),
            tuple((BACKEND, limit) for limit in limits),
            dict(self._health.unseen) if self._health is not None else {},
        )

    def _check(self, interfaces: Mapping[str, Statistics]) -> set[str]:
        """Compares with the interfaces' own counters; what there is that takes packets away."""
        if self._health is None:
            return set()
        self._health.limits.clear()
        for number, (point, _) in enumerate(self._points):
            tap, now = self._taps.get(point), interfaces.get(point.interface)
            if tap is not None and now is not None:
                self._health.check(point, tap.gap, now, self._seen[number], tap.ahead)
        return self._health.limits

    def _counting(self, point: Point) -> bool:
        tap = self._taps.get(point)
        return tap is not None and tap.up

    def _merge(self, programs: kernel.Kernel, news: kernel.Reading) -> None:
        table = self._table
        with table.lock:
            for number, ((_, at), counts) in enumerate(zip(self._points, news.points, strict=True)):
                self._seen[number] += counts.packets
                at.user.add(*counts.user)
                at.other.add(*counts.other)
                table.add(
                    counts.faults,
                    overflow_packets=counts.overflow_packets,
                    option_octets=counts.option_octets,
                    fragments=counts.fragments,
                    jumbograms=counts.jumbograms,
                    skipped=counts.skipped,
                )
            # Those with a place first: their order is lost, and strangers must not name nodes before them.
            for key, packets, octets in sorted(news.traces, key=self._is_strangers):
                point, at = self._points[key.point]
                trace = Trace(key.namespace, key.trace_id, key.nodes, overflow=False)
                admitted = table.traced(at, Options((trace,), 0), packets, octets, path=point.path)
                if admitted and self._settings.bounds is not None:
                    self._place(programs, key)

    def _is_strangers(self, news: kernel.Traced) -> bool:
        return (news.key.namespace, news.key.trace_id or b"") not in self._placed

    def _place(self, programs: kernel.Kernel, key: Key) -> None:
        """A trace with labels of its own must be exact from now on, however many strangers come."""
        name = key.namespace, key.trace_id or b""
        if name not in self._placed:
            self._placed.add(name)
            programs.place(*name)

    def _run(self, changes: socket.socket, programs: kernel.Kernel) -> None:
        with changes:
            while True:
                ready, _, _ = select.select([changes.fileno(), self._woken], [], [], _WATCH_SECONDS)
                if self._woken in ready:
                    return
                if not ready:
                    self._watch(programs)
                    continue
                with contextlib.suppress(OSError):  # also when more changed than the socket has room for
                    while changes.recv(1 << 16):
                        pass
                for point, _ in self._points:
                    self._again(point, programs)

    def _watch(self, programs: kernel.Kernel) -> None:
        """Follows what others do to the lists of programs in which ours stand."""
        for point, tap in list(self._taps.items()):
            try:
                ahead = tap.link.ahead()
                if ahead < 0:
                    logger.warning(
                        "%s: someone detached the program that counts; it is attached again", point.interface
                    )
                    self._drop(point)
                    self._follow(point, programs)
                    continue
                if ahead > tap.ahead:
                    tap.trials = _TRIALS
                tap.ahead = ahead
                if ahead and self._passes_nothing_on(tap):
                    self._advance(point, tap)
            except JoulepathError as fault:
                logger.warning("%s: %s", point.interface, fault)
                self._drop(point)

    def _passes_nothing_on(self, tap: _Tap) -> bool:
        """Whether what runs before ours keeps most packets from it."""
        if tap.trials:
            tap.trials -= 1
            with contextlib.suppress(JoulepathError):  # the scrape reports it
                self._reader.get()
        return tap.gap.blind

    def _advance(self, point: Point, tap: _Tap) -> None:
        if self._clock() - tap.moved < min(2.0**tap.moves, _PATIENCE_SECONDS):
            return
        tap.link.advance()
        tap.moves, tap.moved = tap.moves + 1, self._clock()
        tap.gap.blind, tap.ahead = False, tap.link.ahead()
        tap.trials = _TRIALS if tap.ahead else 0
        logger.warning(
            "%s: another program ends the list for packets %s; now ours runs before it", point.interface, point.way
        )

    def _again(self, point: Point, programs: kernel.Kernel) -> None:
        before = self._counting(point)
        try:
            self._follow(point, programs)
        except JoulepathError as fault:
            logger.warning("%s: %s", point.interface, fault)
        if before and not self._counting(point):
            logger.warning("%s: Network is down; its counts stand still until it is back", point.interface)
        elif not before and self._counting(point):
            logger.info("%s: is back, packets %s are counted", point.interface, point.way)

    def _follow(self, point: Point, programs: kernel.Kernel, *, needed: bool = False) -> None:
        """Brings the point's program to where the interface is now."""
        found = interface.find(point.interface)
        tap = self._taps.get(point)
        if tap is not None:
            if found is not None and found.number == tap.index and _octets(found) == tap.link_octets:
                tap.up = found.up
                return
            self._drop(point)
        if found is None:
            if needed:
                raise MissingError(f"{point.interface}: no such interface; `ip link` lists them")
            return
        octets = _octets(found)
        if octets is None:
            raise JoulepathError(
                f"{point.interface}: link type {found.link_type} is not known; only Ethernet and IP are"
            )
        number = [each for each, _ in self._points].index(point)
        try:
            link = tc.attach(programs.program(number, octets), found.number, point.way, tc.COUNTING)
        except BpfError as fault:
            raise BpfError(point.interface, fault.number) from None
        gap = self._health.begin(point, self._seen[number]) if self._health is not None else Gap(-1, 0, 0)
        self._taps[point] = _Tap(link, found.number, octets, found.up, gap)

    def _drop(self, point: Point) -> None:
        tap = self._taps.pop(point)
        with contextlib.suppress(OSError):
            tap.link.close()

    def _detach(self) -> None:
        for tap in self._taps.values():
            tap.link.close()
        self._taps.clear()

    def _close(self) -> None:
        self._detach()
        if self._health is not None:
            self._health.close()
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
        os.close(self._wake)
        os.close(self._woken)


def _octets(found: interface.Interface) -> int | None:
    """Octets of the link header, None where they are not known."""
    link = DEVICES.get(found.link_type)
    return None if link is None else link.octets
