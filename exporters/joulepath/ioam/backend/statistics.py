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

_GETLINK, _GETQDISC, _REQUEST, _DUMP, _ERROR, _DONE = 18, 38, 1, 0x300, 2, 3
_IFNAME, _QDISC, _TXQLEN, _LINKINFO, _STATS64, _XDP, _KIND, _XDP_ATTACHED = 3, 6, 13, 18, 23, 43, 1, 2
_TCA_STATS2, _TCA_STATS_QUEUE, _ROOT = 7, 3, 0xFFFFFFFF  # include/uapi/linux/{rtnetlink,gen_stats,pkt_sched}.h
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_COUNTERS = struct.Struct("=2Q32xQ")  # rx_packets, tx_packets, rx_dropped
_NO_HANDLER = struct.Struct("=184xQ")  # rx_nohandler, from Linux 4.6 on: what an idle member of a bond received
_QUEUE = struct.Struct("=B3xi4xI4x")  # struct tcmsg: interface and parent
_BACKLOG = struct.Struct("=II")  # struct gnet_stats_queue: packets (a large one counts once) and octets
_NO_QUEUE = b"noqueue"
_TUN, _BOND = b"tun", b"bond"
_SHORTEST_FRAME = 60
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
    queues: bool = False
    """Whether packets may wait in a queueing discipline: between tc's programs and the counter of packets sent."""
    waiting: int = 0
    """At most so many packets wait there, or in a TUN or TAP device, which counts what its program has read."""
    bond: bool = False
    """The counters are the sum of the members', with LACP's and LLDP's frames, which stay there."""


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

    def waiting(self) -> dict[int, int]:
        """By interface, how many packets its queueing discipline holds, at most. Raises OSError."""
        backlogs: dict[int, int] = {}
        with self._lock:
            self._send(_GETQDISC, _REQUEST | _DUMP, _QUEUE.pack(socket.AF_UNSPEC, 0, 0))
            while True:
                for kind, message in _messages(self._socket.recv(_RECEIVE_OCTETS), self._sequence):
                    if kind in (_DONE, _ERROR):
                        return backlogs
                    _, index, parent = _QUEUE.unpack_from(message)
                    if parent == _ROOT:
                        backlogs[index] = _backlog(message[_QUEUE.size :])

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)

    def _answer(self, name: str) -> tuple[int, bytes]:
        text = name.encode() + b"\0"
        attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(text), _IFNAME) + text + bytes(-len(text) % 4)
        body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute
        self._send(_GETLINK, _REQUEST, body)
        while True:
            answer = self._socket.recv(_RECEIVE_OCTETS)
            _, kind, _, sequence, _ = _HEADER.unpack_from(answer)
            if sequence == self._sequence:  # not of a question that was given up
                return kind, answer


def _statistics(answer: bytes) -> Statistics:
    _, _, index, _, _ = _LINK.unpack_from(answer, _HEADER.size)
    received = sent = length = 0
    xdp = queues = False
    driver = b""
    for kind, value in _attributes(answer[_HEADER.size + _LINK.size :]):
        if kind == _STATS64:
            received, sent, dropped = _COUNTERS.unpack_from(value)
            (unwanted,) = _NO_HANDLER.unpack_from(value) if len(value) >= _NO_HANDLER.size else (0,)
            received = max(0, received - dropped - unwanted)
        elif kind == _XDP:
            xdp = any(inner == _XDP_ATTACHED and state[0] for inner, state in _attributes(value))
        elif kind == _QDISC:
            queues = value.rstrip(b"\0") != _NO_QUEUE
        elif kind == _TXQLEN:
            (length,) = struct.unpack_from("=I", value)
        elif kind == _LINKINFO:
            driver = next((name.rstrip(b"\0") for inner, name in _attributes(value) if inner == _KIND), b"")
    return Statistics(index, received, sent, xdp, queues, length if driver == _TUN else 0, driver == _BOND)


def _backlog(octets: bytes) -> int:
    """Packets on the wire that a queueing discipline holds, at most."""
    for kind, value in _attributes(octets):
        if kind == _TCA_STATS2:
            for inner, queue in _attributes(value):
                if inner == _TCA_STATS_QUEUE:
                    packets, backlog = _BACKLOG.unpack_from(queue)
                    return int(max(packets, backlog // _SHORTEST_FRAME))
    return 0


def _messages(answer: bytes, asked: int) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each message that answers the question of this number."""
    position = 0
    while position + _HEADER.size <= len(answer):
        length, kind, _, sequence, _ = _HEADER.unpack_from(answer, position)
        if length < _HEADER.size:
            return
        if sequence == asked:
            yield kind, answer[position + _HEADER.size : position + length]
        position += length + -length % 4


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, position)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE, octets[position + _ATTRIBUTE.size : position + length]
        position += length + -length % 4
