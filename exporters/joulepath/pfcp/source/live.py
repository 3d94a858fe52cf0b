# SPDX-License-Identifier: Apache-2.0
"""Captures N4 on interfaces of this host with packet sockets (packet(7)), in a thread of its own."""

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence

from joulepath.errors import JoulepathError
from joulepath.ioam.backend.interface import InterfaceDownError, NoInterfaceError
from joulepath.ioam.backend.meter import statistics
from joulepath.ioam.backend.packet_socket import bind, open_socket
from joulepath.ioam.settings import Point
from joulepath.ioam.table.measured import Measured
from joulepath.ioam.wire.link import DEVICES, LinkHeader, ip_offset
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.source import filter as kernel_filter
from joulepath.pfcp.source.reading import Captured
from joulepath.pfcp.source.udp import datagram

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_MOST_OCTETS = 1 << 16
_RECEIVE_BUFFER = 8 << 20
_AT_ONCE = 256
"""Frames of one interface, before the others have their turn."""
_NODE = 0
# include/uapi/linux/if_arp.h, include/uapi/asm-generic/socket.h
_LOOPBACK = 772
_SO_RCVBUFFORCE = 33


class Tap:
    """One socket on one interface."""

    def __init__(self, name: str, *, mirror: bool) -> None:
        """Opens it. Raises InterfaceDownError, NoInterfaceError, or JoulepathError where waiting does not help."""
        self.point = _point(name)
        self.socket = open_socket(name)
        try:
            self._link = _set_up(self.socket, name, mirror=mirror)
        except BaseException:
            self.socket.close()
            raise
        self._buffer = bytearray(_MOST_OCTETS + 64)

    def fileno(self) -> int:
        """For selectors."""
        return self.socket.fileno()

    def read(self, tracker: Tracker, clock: Callable[[], float]) -> None:
        """Gives the tracker what has arrived. Raises InterfaceDownError."""
        for _ in range(_AT_ONCE):
            try:
                length = self.socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                raise InterfaceDownError(f"{self.point.interface}: {error.strerror}") from None
            start = ip_offset(self._buffer, 0, length, self._link)
            found = datagram(self._buffer, start, length) if start >= 0 else None
            if isinstance(found, str):
                tracker.fail(found)
            elif found is not None:
                tracker.feed(found, clock())


class LiveSource:
    """All interfaces. One that goes away is taken up again when it returns."""

    def __init__(self, tracker: Tracker, clock: Callable[[], float] = time.monotonic) -> None:
        self._tracker = tracker
        self._clock = clock
        self._names: dict[str, bool] = {}
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._taps: dict[str, Tap] = {}
        self._measured = Measured(())
        self._before = Captured()
        self._drops = 0
        self._thread: threading.Thread | None = None
        self._selector: selectors.BaseSelector
        self._wake = self._woken = -1

    def start(self, interfaces: Sequence[str], mirrors: Sequence[str]) -> None:
        """Begins to capture. Raises JoulepathError where an interface cannot be captured at all."""
        self._names = {**dict.fromkeys(interfaces, False), **dict.fromkeys(mirrors, True)}
        self._measured = Measured(_point(name) for name in self._names)
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = os.pipe()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for name in self._names:
            try:
                self._open(name)
            except InterfaceDownError as fault:
                logger.warning("%s; capturing begins when it is up", fault)
            except JoulepathError as fault:
                if not isinstance(fault, NoInterfaceError) or name not in self._known:
                    self._close()
                    raise
                logger.warning("%s: is away; capturing begins when it is back", name)
        self._known.update(self._names)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes what has arrived, and ends."""
        if self._thread is None:
            return
        os.write(self._wake, b"\0")
        self._thread.join()
        self._thread = None
        last = self.reading()
        self._close()
        self._before, self._drops = Captured((), last.drops, last.seconds), 0
        self._measured = Measured(())

    def finish(self, seconds: float) -> None:
        """Captures for a moment: packets that have not yet come cannot be read."""
        time.sleep(seconds)

    def reading(self) -> Captured:
        """The capture so far."""
        with self._lock:
            for tap in self._taps.values():
                self._collect(tap)
            seconds = self._measured.seconds(self._clock()).get(_NODE, 0.0)
            names = tuple(sorted(self._taps))
        return Captured(names, self._before.drops + self._drops, self._before.seconds + seconds)

    def _collect(self, tap: Tap) -> None:
        frames, lost = statistics(tap.socket)
        self._drops += lost
        self._measured.add(tap.point, frames, lost)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            missing = len(self._taps) < len(self._names)
            for key, _ in self._selector.select(_RETRY_SECONDS if missing else None):
                if key.data is None:
                    stopping = True
                else:
                    self._read(key.data)
            if missing:
                self._reopen()
        for tap in list(self._taps.values()):
            self._read(tap)

    def _read(self, tap: Tap) -> None:
        try:
            tap.read(self._tracker, self._clock)
        except InterfaceDownError as fault:
            logger.warning("%s; nothing is captured until it is back", fault)
            self._drop(tap)

    def _reopen(self) -> None:
        for name in self._names.keys() - self._taps.keys():
            try:
                self._open(name)
            except JoulepathError:
                continue  # said once, when it went
            logger.info("%s: is back, and captured", name)

    def _open(self, name: str) -> None:
        tap = Tap(name, mirror=self._names[name])
        with self._lock:
            self._taps[name] = tap
            self._measured.begin(tap.point, self._clock())
        self._selector.register(tap, selectors.EVENT_READ, tap)

    def _drop(self, tap: Tap) -> None:
        self._selector.unregister(tap)
        with self._lock:
            del self._taps[tap.point.interface]
            self._collect(tap)
            self._measured.end(tap.point, self._clock())
        tap.socket.close()

    def _close(self) -> None:
        for tap in list(self._taps.values()):
            self._drop(tap)
        self._selector.close()
        os.close(self._wake)
        os.close(self._woken)


def _point(name: str) -> Point:
    return Point(name, "received", _NODE, "", path=False)


def _set_up(sock: socket.socket, name: str, *, mirror: bool) -> LinkHeader:
    # Bound to no protocol first: so the link type is known and the filter in place before the first frame.
    bind(sock, name, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    link_type = sock.getsockname()[3]
    try:
        kernel_filter.attach(sock, received_only=link_type == _LOOPBACK)
    except OSError as error:
        raise JoulepathError(f"{name}: cannot be captured: {error.strerror}") from None
    bind(sock, name, mirror=mirror)
    if link_type not in DEVICES:
        raise JoulepathError(f"{name}: link type {link_type} is not known; only Ethernet and IP are")
    return DEVICES[link_type]
