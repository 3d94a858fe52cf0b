# SPDX-License-Identifier: Apache-2.0
"""Reads N4 from a capture: a file, or what another program writes to standard input."""

import logging
import threading
from collections.abc import Sequence
from typing import BinaryIO

from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.backend.pcapfile import Frame, PcapFile, open_capture
from joulepath.ioam.wire.link import FILES, ip_offset
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.source.reading import Captured
from joulepath.pfcp.source.udp import datagram

logger = logging.getLogger(__name__)


class PcapSource:
    """Reads a capture in a thread of its own. Time is that of the capture."""

    def __init__(self, tracker: Tracker, path: str, stream: BinaryIO | None = None) -> None:
        self._tracker = tracker
        self._path = path
        self._stream = stream
        self._file: PcapFile | None = None
        self._first: float | None = None
        self._fault: JoulepathError | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    def claim(self) -> None:
        """Opens the file. Raises UsageError."""
        self._stream = self._stream or open_capture(self._path)

    def start(self, interfaces: Sequence[str] = (), mirrors: Sequence[str] = ()) -> None:
        """Begins to read. Raises UsageError where the file cannot be opened."""
        del interfaces, mirrors
        stream = self._stream or open_capture(self._path)
        self._file = PcapFile(stream, self._path)
        self._thread = threading.Thread(target=self._run, args=(self._file, stream), name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends reading."""
        self._stopping = True

    def finish(self, seconds: float) -> None:
        """Waits for the end of the capture, however long that takes. Raises JoulepathError where it is damaged."""
        del seconds
        if self._thread is not None:
            self._thread.join()
        if self._fault is not None:
            raise self._fault

    def reading(self) -> Captured:
        """The capture so far."""
        if self._file is None or self._first is None:
            return Captured()
        latest = self._file.latest or self._first
        return Captured((self._path,), self._file.drops, max(0.0, latest - self._first))

    def _run(self, file: PcapFile, stream: BinaryIO) -> None:
        try:
            with stream:
                for frame in file.frames():
                    if self._stopping:
                        return
                    moment = file.latest or 0.0
                    self._first = moment if self._first is None else self._first
                    self._take(frame, moment)
        except JoulepathError as fault:
            self._fault = fault
            for message in fault.messages:
                logger.error(message)  # noqa: TRY400  # a file's damage, no fault of the program
            return
        if file.cut_off:
            logger.warning("%s: ends within a packet; what stands before it is counted", self._path)
        logger.info("%s: is read to its end", self._path)

    def _take(self, frame: Frame, moment: float) -> None:
        link = FILES.get(frame.link_type)
        if link is None:
            raise UsageError(f"{self._path}: link type {frame.link_type} is not known; only Ethernet, IP and SLL are")
        octets = bytearray(frame.octets)
        start = ip_offset(octets, 0, len(octets), link)
        found = datagram(octets, start, len(octets)) if start >= 0 else None
        if isinstance(found, str):
            self._tracker.fail(found)
        elif found is not None:
            self._tracker.feed(found, moment)
