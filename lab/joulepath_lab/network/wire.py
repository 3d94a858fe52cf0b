# SPDX-License-Identifier: Apache-2.0
"""A stream's messages over UDP or TCP, and the sender's own count of their packets."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Protocol

IPV4_HEADER = 20
IPV6_HEADER = 40
UDP_HEADER = 8
TCP_HEADER = 20 + 12
"""With timestamps, which Linux puts into every segment."""

_MTU = 65535
_LENGTH = struct.Struct("!H")
# struct tcp_info of include/uapi/linux/tcp.h: tcpi_segs_out (u32) and tcpi_bytes_sent (u64), both with retransmissions.
_SEGMENTS_AT, _BYTES_AT = 136, 200
_INFO_OCTETS = 208


class Wire(Protocol):
    """One end of a stream."""

    def send(self, message: bytes) -> None:
        """Sends one message."""

    def messages(self) -> Iterator[bytes]:
        """Those that have arrived, without waiting."""

    def sent(self) -> tuple[int, int]:
        """IP packets sent so far, and the octets of these."""


class Datagrams:
    """A message is a UDP packet; `header` is the length of its hop-by-hop header [octets]."""

    def __init__(self, udp: socket.socket, to: tuple[str, int], header: int) -> None:
        self._socket, self._to = udp, to
        self._overhead = (IPV6_HEADER if ":" in to[0] else IPV4_HEADER) + header + UDP_HEADER
        self._packets = self._octets = 0

    def send(self, message: bytes) -> None:
        """See `Wire.send`."""
        self._socket.sendto(message, self._to)
        self._packets += 1
        self._octets += self._overhead + len(message)

    def messages(self) -> Iterator[bytes]:
        """See `Wire.messages`."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield self._socket.recv(_MTU, socket.MSG_DONTWAIT)

    def sent(self) -> tuple[int, int]:
        """See `Wire.sent`."""
        return self._packets, self._octets


class Connection:
    """Messages behind their lengths in a TCP connection; the kernel counts the packets (tcp(7), TCP_INFO)."""

    def __init__(self, tcp: socket.socket, header: int) -> None:
        self._socket = tcp
        self._overhead = IPV6_HEADER + header + TCP_HEADER
        self._arrived = bytearray()

    def send(self, message: bytes) -> None:
        """See `Wire.send`."""
        self._socket.sendall(_LENGTH.pack(len(message)) + message)

    def messages(self) -> Iterator[bytes]:
        """See `Wire.messages`."""
        with contextlib.suppress(BlockingIOError):
            while octets := self._socket.recv(_MTU, socket.MSG_DONTWAIT):
                self._arrived += octets
        while len(self._arrived) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._arrived)[0]
            if len(self._arrived) < end:
                return
            yield bytes(self._arrived[_LENGTH.size : end])
            del self._arrived[:end]

    def sent(self) -> tuple[int, int]:
        """See `Wire.sent`."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_OCTETS)
        (segments,) = struct.unpack_from("=I", info, _SEGMENTS_AT)
        (octets,) = struct.unpack_from("=Q", info, _BYTES_AT)
        return segments, octets + segments * self._overhead
