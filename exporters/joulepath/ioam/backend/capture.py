# SPDX-License-Identifier: Apache-2.0
"""Captures what passes one interface one way: an AF_PACKET socket (packet(7)), with the kernel's word on segments."""

import os
import socket
import struct
import time

from joulepath.errors import JoulepathError
from joulepath.ioam.backend.interface import InterfaceDownError
from joulepath.ioam.backend.meter import Meter, attach_filter, statistics
from joulepath.ioam.backend.packet_socket import SOL_PACKET, bind, open_socket
from joulepath.ioam.backend.ring import BLOCKS, RETIRE_SECONDS, Ring
from joulepath.ioam.settings import Point
from joulepath.ioam.table.counts import NodeCounts
from joulepath.ioam.table.directions import Directions
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.table.vectors import NONE
from joulepath.ioam.wire.link import DEVICES, ETHER_TYPES, ip_offset, vlan_id
from joulepath.ioam.wire.segments import Segments

# include/uapi/linux/{if_packet,virtio_net}.h
_PACKET_VNET_HDR = 15
_VNET_HEADER = struct.Struct("=BBHHHH")
_MOST_SEGMENTS = 64
_NEEDS_CSUM, _GSO_TCPV4, _GSO_TCPV6 = 1, 1, 4


class Tap:
    """One open socket for one point."""

    def __init__(self, point: Point, node: NodeCounts | Directions, counter: PacketCounter) -> None:
        """Opens it. Raises InterfaceDownError, NoInterfaceError, or JoulepathError where waiting does not help."""
        self.point = point
        self._node = node
        self._counter = counter
        self._socket, self._ring = _open(point)
        link_type = self._socket.getsockname()[3]
        if link_type not in DEVICES:
            self._ring.close()
            self._socket.close()
            raise JoulepathError(f"{point.interface}: link type {link_type} is not known; only Ethernet and IP are")
        self._link = DEVICES[link_type]
        self._meter = Meter(point, ETHER_TYPES)
        self._arrived = self._taken = self._surplus = 0

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def finish(self) -> None:
        """Counts what has come until now, held back or not; what comes meanwhile may not."""
        time.sleep(2 * RETIRE_SECONDS)
        for _ in range(BLOCKS):
            if self._ring.ready():
                self._block()

    def close(self) -> None:
        """Ends the capture."""
        self._meter.close()
        self._ring.close()
        self._socket.close()

    def read(self) -> bool:
        """Counts a block of what has arrived; whether there was one. Raises InterfaceDownError."""
        if self._ring.ready():
            self._block()
            return True
        if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise InterfaceDownError(f"{self.point.interface}: {os.strerror(error)}")
        return False

    def arrivals(self) -> tuple[int, int]:
        """Frames that came since the last call, and those of them that were lost."""
        arrived, lost = statistics(self._socket)
        self._arrived += arrived
        self._taken += lost
        return arrived, lost

    def passed_over(self) -> int:
        """Frames of other protocols than the capture takes, since the last call."""
        frames = self._meter.frames()
        self._arrived += frames
        self._taken += frames
        return frames

    @property
    def seen(self) -> int:
        """Packets until the last call of `arrivals` and `passed_over`, as on the wire where they are read."""
        return self._arrived + self._surplus

    def behind(self, now: float) -> float:
        """For how many seconds until `now` [Unix time] packets have waited to be counted."""
        return max(0.0, now - self._ring.oldest()) if self._ring.ready() else 0.0

    @property
    def unread(self) -> int:
        """The most additional packets on the wire that the frames still in the ring stand for."""
        return max(0, self._arrived - self._taken) * (_MOST_SEGMENTS - 1)

    def _block(self) -> None:
        frames = packets = 0
        for start, end, length, tag in self._ring.packets():
            packets += self._count(start, end, length, tag)
            frames += 1
        self._taken += frames
        self._surplus += packets - frames

    def _count(self, start: int, end: int, length: int, tag: int) -> int:
        """The number of packets on the wire that the frame stands for; `tag` is the VLAN that is not in it."""
        memory = self._ring.memory
        packet = ip_offset(memory, start, end, self._link)
        if packet < 0:
            self._counter.skip(packet)
            return 1
        segments = None
        if memory[start - _VNET_HEADER.size + 1]:
            flags, kind, _, size, checksum_start, _ = _VNET_HEADER.unpack_from(memory, start - _VNET_HEADER.size)
            position = start + checksum_start if flags & _NEEDS_CSUM else -1
            segments = Segments(size, (kind & 0x7F) in (_GSO_TCPV4, _GSO_TCPV6), position) if size else None
        vlan = vlan_id(memory, start, packet, self._link)
        length -= packet - start
        return self._counter.count(
            self._node,
            memory,
            packet,
            end,
            length,
            path=self.point.path,
            segments=segments,
            vlan=vlan if vlan >= 0 else tag or NONE,
        )


def _open(point: Point) -> tuple[socket.socket, Ring]:
    sock = open_socket(point.interface)
    try:
        return sock, _set_up(sock, point)
    except BaseException:
        sock.close()
        raise


def _set_up(sock: socket.socket, point: Point) -> Ring:
    # Before bind, which starts the capture: no packet of another kind or interface slips in.
    attach_filter(sock, point, ETHER_TYPES)
    sock.setsockopt(SOL_PACKET, _PACKET_VNET_HDR, 1)
    try:
        ring = Ring(sock)
    except OSError as error:
        raise JoulepathError(f"{point.interface}: no memory to capture to: {error.strerror}") from None
    try:
        bind(sock, point.interface, mirror=bool(point.rules))
    except BaseException:
        ring.close()
        raise
    return ring
