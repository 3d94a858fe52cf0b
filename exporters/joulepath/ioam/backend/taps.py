# SPDX-License-Identifier: Apache-2.0
"""Where the programs are attached: interfaces come and go, and others attach programs, too."""

import contextlib
import errno
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath.bpf import tc
from joulepath.bpf.libbpf import BpfError
from joulepath.errors import JoulepathError
from joulepath.ioam.backend import interface
from joulepath.ioam.backend.health import Gap, Health
from joulepath.ioam.backend.statistics import Statistics
from joulepath.ioam.bpf import kernel
from joulepath.ioam.settings import Point
from joulepath.ioam.wire.link import DEVICES

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 1.0
"""How often the lists of programs are looked at: the kernel does not report a change."""
_TRIALS = 10
"""How often the counts are looked at after another program has come to run before ours."""
_PATIENCE_SECONDS = 3600.0
"""A program that goes before ours again and again is followed ever more seldom, down to this often."""


@dataclass
class _Tap:
    """A program that is attached."""

    link: tc.ProgramLink
    index: int
    link_octets: int
    up: bool
    gap: Gap
    ahead: int = 0
    """Programs that run before ours."""
    trials: int = 0
    moves: int = 0
    moved: float = 0.0


class Taps:
    """Programs on every point. An interface that goes away is taken up again when it returns."""

    def __init__(
        self,
        points: Sequence[Point],
        programs: kernel.Kernel,
        seen: Sequence[int],
        read: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
        *,
        changed: Callable[[Point], None] = lambda _: None,
    ) -> None:
        """`seen` are the packets that each point has seen so far, which `read` brings up to date.

        `changed` is told of a point when `counts` may answer otherwise from now on.
        """
        self._points, self._programs, self._seen, self._read = points, programs, seen, read
        self._changed = changed
        self._clock = clock
        self._health = Health()
        self._taps: dict[Point, _Tap] = {}
        self._changes: socket.socket | None = None
        self._wake = self._woken = -1
        self._thread: threading.Thread | None = None

    def start(self, known: frozenset[str], opened: Callable[[], None]) -> None:
        """Attaches the programs. Raises JoulepathError, also where an interface is missing that is not `known`.

        Calls `opened` before its thread starts.
        """
        self._wake, self._woken = os.pipe()[::-1]
        self._changes = interface.changes()
        for point in self._points:
            self._load(point)
        for point in self._points:
            self._follow(point, needed=point.interface not in known)
            if not self.counts(point):
                logger.warning("%s: the interface is down or away; counting begins when it is up", point.interface)
        opened()
        self._thread = threading.Thread(target=self._run, args=(self._changes,), name="interfaces", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Detaches the programs."""
        if self._thread is not None:
            os.write(self._wake, b"\0")
            self._thread.join()
            self._thread = None
        for point in list(self._taps):
            self._drop(point)

    def close(self) -> None:
        """Detaches the programs and lets everything go."""
        self.detach()
        self._health.close()
        if self._changes is not None:
            self._changes.close()
            os.close(self._wake)
            os.close(self._woken)

    @property
    def counting(self) -> set[str]:
        """Interfaces on which packets are counted."""
        return {point.interface for point in self._points if self.counts(point)}

    def counts(self, point: Point) -> bool:
        """Whether packets are counted at this point."""
        tap = self._taps.get(point)
        return tap is not None and tap.up

    @property
    def unseen(self) -> dict[str, int]:
        """By interface, packets that were not counted."""
        return dict(self._health.unseen)

    def ask(self) -> dict[str, Statistics]:
        """Reads the interfaces' own counters; to be called before the maps are read.

        So what passes in between is counted too early, not too late.
        """
        return self._health.ask(self.counting)

    def suspects(self, interfaces: Mapping[str, Statistics]) -> bool:
        """Whether packets are missing, which may be on their way (Health.suspects)."""
        return any(
            self._health.suspects(point, tap.gap, interfaces[point.interface], self._seen[number])
            for number, point in enumerate(self._points)
            if (tap := self._taps.get(point)) is not None and point.interface in interfaces
        )

    def check(self, interfaces: Mapping[str, Statistics]) -> tuple[str, ...]:
        """Compares them with the packets seen. Returns the reasons why packets may be missing."""
        self._health.limits.clear()
        for number, point in enumerate(self._points):
            tap, now = self._taps.get(point), interfaces.get(point.interface)
            if tap is not None and now is not None:
                self._health.check(point, tap.gap, now, self._seen[number], ahead=tap.ahead)
        return tuple(sorted(self._health.limits))

    def _run(self, changes: socket.socket) -> None:
        watched = self._clock()
        with changes:
            while True:
                ready, _, _ = select.select([changes.fileno(), self._woken], [], [], _WATCH_SECONDS)
                if self._woken in ready:
                    return
                if self._clock() - watched >= _WATCH_SECONDS / 2:
                    self._watch()
                    watched = self._clock()
                if not ready:
                    continue
                with contextlib.suppress(OSError):  # also when more changed than the socket has room for
                    while changes.recv(1 << 16):
                        pass
                for point in self._points:
                    self._again(point)

    def _watch(self) -> None:
        """Follows changes by others to the lists that hold our programs."""
        for point, tap in list(self._taps.items()):
            try:
                ahead = tap.link.ahead()
                if ahead < 0:
                    logger.warning(
                        "%s: someone detached the program that counts; it is attached again", point.interface
                    )
                    self._attach_again(point)
                    continue
                if ahead > tap.ahead:
                    tap.trials = _TRIALS
                tap.ahead = ahead
                if ahead and self._passes_nothing_on(tap):
                    self._advance(point, tap)
            except JoulepathError as fault:
                if isinstance(fault, BpfError) and fault.number == errno.ENODEV:
                    continue  # the interface has just gone: a change of interfaces follows
                logger.warning("%s: %s; the program that counts is attached again", point.interface, fault)
                self._attach_again(point)

    def _attach_again(self, point: Point) -> None:
        if point in self._taps:
            self._drop(point)
        try:
            self._follow(point)
        except JoulepathError as fault:
            logger.warning("%s: %s", point.interface, fault)

    def _passes_nothing_on(self, tap: _Tap) -> bool:
        """Whether the programs that run before ours keep most packets from it."""
        if tap.trials:
            tap.trials -= 1
            with contextlib.suppress(JoulepathError):  # the scrape reports it
                self._read()
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

    def _again(self, point: Point) -> None:
        before = self.counts(point)
        try:
            self._follow(point)
        except JoulepathError as fault:
            logger.warning("%s: %s", point.interface, fault)
        if before and not self.counts(point):
            logger.warning("%s: Network is down; its counts stand still until it is back", point.interface)
        elif not before and self.counts(point):
            logger.info("%s: is back, packets %s are counted", point.interface, point.way)

    def _load(self, point: Point) -> None:
        """Has the kernel check a program, for seconds, before the first one counts: a node's begin together."""
        device = interface.find(point.interface)
        octets = None if device is None else _octets(device)
        if octets is not None:
            with _naming(point):
                self._programs.program(self._points.index(point), octets)

    def _follow(self, point: Point, *, needed: bool = False) -> None:
        """Brings the point's program to where the interface is now."""
        device = interface.find(point.interface)
        tap = self._taps.get(point)
        if tap is not None:
            if device is not None and device.number == tap.index and _octets(device) == tap.link_octets:
                tap.up = device.up
                self._changed(point)
                return
            self._drop(point)
        if device is None:
            if needed:
                raise interface.NoInterfaceError(f"{point.interface}: no such interface; `ip link` lists them")
            return
        octets = _octets(device)
        if octets is None:
            raise JoulepathError(
                f"{point.interface}: link type {device.link_type} is not known; only Ethernet and IP are"
            )
        number = self._points.index(point)
        with _naming(point):
            link = tc.attach(self._programs.program(number, octets), device.number, point.way, tc.COUNTING)
        gap = self._health.begin(point, self._seen[number])
        self._taps[point] = _Tap(link, device.number, octets, device.up, gap)
        self._changed(point)

    def _drop(self, point: Point) -> None:
        tap = self._taps.pop(point)
        with contextlib.suppress(OSError):
            tap.link.close()
        self._changed(point)


@contextlib.contextmanager
def _naming(point: Point) -> Iterator[None]:
    """Faults name the point's interface."""
    try:
        yield
    except BpfError as fault:
        raise BpfError(point.interface, fault.number) from None


def _octets(device: interface.Interface) -> int | None:
    """Octets of the link header, None where they are not known."""
    link = DEVICES.get(device.link_type)
    return None if link is None else link.octets
