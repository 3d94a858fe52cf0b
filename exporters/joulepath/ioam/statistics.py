# SPDX-License-Identifier: Apache-2.0
"""The kernel's own counters of an interface, and whether XDP is attached: rtnetlink(7).

Layouts are those of include/uapi/linux/if_link.h.
"""

import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

_GETLINK, _REQUEST, _ERROR = 18, 1, 2
_IFNAME, _STATS64, _XDP, _XDP_ATTACHED = 3, 23, 43, 2
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_COUNTERS = struct.Struct("=2Q32xQ")  # rx_packets, tx_packets, rx_dropped
_NO_HANDLER = struct.Struct("=184xQ")  # rx_nohandler, from Linux 4.6 on: what an idle member of a bond received
_TYPE = 0x3FFF
_RECEIVE_OCTETS = 1 << 16
_ANSWER_SECONDS = 1.0


class Statistics(NamedTuple):
    """One interface's counters, as the kernel gives them."""

    number: int
    """The interface's index."""
    received: int
    """Packets less those that were dropped before anyone saw them, as far as the kernel tells."""
    sent: int
    xdp: bool


class Interfaces:
    """Asks about interfaces of the network namespace in which it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.settimeout(_ANSWER_SECONDS)
        self._lock = threading.Lock()
        self._sequence = 0

    def close(self) -> None:
        """Ends asking."""
        self._socket.close()

    def ask(self, name: str) -> Statistics | None:
        """The statistics of one interface, None without it. Raises OSError."""
        with self._lock:
            kind, answer = self._answer(name)
        if kind == _ERROR:
            number = -struct.unpack_from("=i", answer, _HEADER.size)[0]
            if number == errno.ENODEV:
                return None
            raise OSError(number, os.strerror(number))
        return _statistics(answer)

    def _answer(self, name: str) -> tuple[int, bytes]:
        self._sequence += 1
        text = name.encode() + b"\0"
        attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(text), _IFNAME) + text + bytes(-len(text) % 4)
        body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _GETLINK, _REQUEST, self._sequence, 0) + body)
        while True:
            answer = self._socket.recv(_RECEIVE_OCTETS)
            _, kind, _, sequence, _ = _HEADER.unpack_from(answer)
            if sequence == self._sequence:  # not of a question that was given up
                return kind, answer


def _statistics(answer: bytes) -> Statistics:
    _, _, index, _, _ = _LINK.unpack_from(answer, _HEADER.size)
    received = sent = 0
    xdp = False
    for kind, value in _attributes(answer[_HEADER.size + _LINK.size :]):
        if kind == _STATS64:
            received, sent, dropped = _COUNTERS.unpack_from(value)
            (unwanted,) = _NO_HANDLER.unpack_from(value) if len(value) >= _NO_HANDLER.size else (0,)
            received = max(0, received - dropped - unwanted)
        elif kind == _XDP:
            xdp = any(inner == _XDP_ATTACHED and state[0] for inner, state in _attributes(value))
    return Statistics(index, received, sent, xdp)


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, position)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE, octets[position + _ATTRIBUTE.size : position + length]
        position += length + -length % 4
