# SPDX-License-Identifier: Apache-2.0
"""The source that counts the packets of a capture, a file or what another program writes to standard input."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO

from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.backend.pcapfile import Frame, PcapFile, open_capture
from joulepath.ioam.backend.source import Opened, TrafficReading, ignore_backend, refuse_cgroups
from joulepath.ioam.settings import Flow, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.counts import NodeCounts
from joulepath.ioam.table.directions import Directions, place
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.table.vectors import NONE
from joulepath.ioam.wire.link import FILES, ip_offset, vlan_id

logger = logging.getLogger(__name__)

BACKEND = "pcap"

SEGMENTS = "segments"
"""A capture does not say how a large packet was cut: it counts as one."""
WAY = "way"
"""The capture does not say which packets its host sent: all count as received."""
SNAP_LENGTH = "snap_length"
"""The capture kept less than whole packets: headers may be missing."""


class PcapSource:
    """Counts a capture in a thread of its own, then keeps the counts."""

    name = BACKEND

    def __init__(
        self,
        settings: Settings,
        path: str,
        interface: str | None = None,
        stream: BinaryIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        opened: Opened = ignore_backend,
    ) -> None:
        """Counts at the points of the interface that the capture names, else of `interface`, else of the only one.

        Raises UsageError where several could be meant.
        """
        refuse_cgroups(settings.flows)
        self._table = Table(settings, clock)
        self._counter = PacketCounter(self._table, Classifier(settings.other), settings.clt)
        self._vlans = bool(settings.flows)
        self._points = {(point.interface, point.way): point for point in settings.points}
        names = {name for name, _ in self._points}
        if interface is not None and interface not in names:
            raise UsageError(f"--interface {interface}: is not in the configuration")
        self._interface = interface or (names.pop() if len(names) == 1 else None)
        self._places: dict[Point, NodeCounts | Directions] = {
            point: place(self._table, point) for point in settings.points
        }
        self._tell = opened
        self._path = path
        self._stream = stream
        self._file: PcapFile | None = None
        self._limits = {SEGMENTS}
        self._seen: set[str] = set()
        self._first: float | None = None
        self._last = -math.inf
        """When the first and the last frame were captured [s, Unix time]."""
        self._fault: JoulepathError | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    def claim(self) -> None:
        """Opens the file. Raises UsageError."""
        self._stream = self._stream or open_capture(self._path)

    def start(self) -> None:
        """Begins to count. Raises UsageError where the file cannot be opened."""
        stream = self._stream or open_capture(self._path)
        self._file = PcapFile(stream, self._path)
        self._tell(BACKEND)
        self._thread = threading.Thread(target=self._run, args=(self._file, stream), name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends counting."""
        self._stopping = True

    def finish(self, seconds: float) -> None:
        """Waits for the end of the capture, however long that takes. Raises JoulepathError where it is damaged."""
        del seconds
        if self._thread is not None:
            self._thread.join()
        if self._fault is not None:
            raise self._fault

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on. Raises UsageError where only the kernel could."""
        refuse_cgroups(flows)
        self._table.follow(flows)

    def reading(self) -> TrafficReading:
        """The counts so far."""
        with self._table.lock:
            captures = tuple(sorted((name, BACKEND) for name in self._seen))
            limits = tuple(sorted((BACKEND, limit) for limit in self._limits))
            drops = self._file.drops if self._file else 0
            for point in self._points.values():
                if self._first is not None and point.interface in self._seen:
                    self._table.measured.begin(point, self._first)
            last = self._last
        return TrafficReading(self._table.snapshot(last), drops, captures, limits)

    def _run(self, file: PcapFile, stream: BinaryIO) -> None:
        try:
            with stream:
                for frame in file.frames():
                    if self._stopping:
                        return
                    with self._table.lock:
                        self._count(frame)
                        self._extend(file.latest)
        except JoulepathError as fault:
            self._fault = fault
            for message in fault.messages:
                logger.error(message)  # noqa: TRY400  # a file's damage, no fault of the program
            return
        if file.cut_off:
            logger.warning("%s: ends within a packet; what stands before it is counted", self._path)
        logger.info("%s: is counted to its end", self._path)

    def _extend(self, moment: float | None) -> None:
        """The capture goes at least to that moment."""
        if moment is not None:
            self._first = moment if self._first is None else self._first
            self._last = max(self._last, moment)

    def _count(self, frame: Frame) -> None:
        link = FILES.get(frame.link_type)
        if link is None:
            raise UsageError(f"{self._path}: link type {frame.link_type} is not known; only Ethernet, IP and SLL are")
        sent = link.sent(frame.octets) if frame.sent is None else frame.sent
        point = self._point(frame.interface, sent=sent)
        if point is None:
            return
        if len(frame.octets) < frame.length:
            self._limits.add(SNAP_LENGTH)
        octets = bytearray(frame.octets)
        start = ip_offset(octets, 0, len(octets), link)
        if start < 0:
            self._counter.skip(start)
            return
        length = max(frame.length, len(octets)) - start
        vlan = vlan_id(octets, 0, start, link) if self._vlans else NONE
        self._counter.count(self._places[point], octets, start, len(octets), length, path=point.path, vlan=vlan)

    def _point(self, name: str | None, *, sent: bool | None) -> Point | None:
        interface = name if name is not None and {(name, "received"), (name, "sent")} & self._points.keys() else None
        interface = interface or self._interface
        if interface is None:
            raise UsageError(f"{self._path}: say which of the configured interfaces it was captured on: --interface")
        self._seen.add(interface)
        received, other = self._points.get((interface, "received")), self._points.get((interface, "sent"))
        if sent is not None:
            return other if sent else received
        if received and other:
            self._limits.add(WAY)
        return received or other
