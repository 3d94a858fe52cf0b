# SPDX-License-Identifier: Apache-2.0
"""Which frames an AF_PACKET socket gets, and how many there were of those that it does not get."""

import ctypes
import socket
import struct
from collections.abc import Sequence

from joulepath.ioam.backend.packet_socket import ETH_P_ALL, SOL_PACKET
from joulepath.ioam.settings import Point

# include/uapi/linux/{if_packet,if_ether}.h, include/uapi/asm-generic/socket.h
_PACKET_STATISTICS = 6
_SO_ATTACH_FILTER = 26
_STATISTICS = struct.Struct("=II")


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


class Meter:
    """Counts the frames of one way that have other EtherTypes than these. The socket is never read: it stays full."""

    def __init__(self, point: Point, ether_types: Sequence[int]) -> None:
        """Of an interface that is being captured. Raises OSError."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            attach_filter(self._socket, point, ether_types, others=True)
            self._socket.bind((point.interface, ETH_P_ALL))
        except BaseException:
            self._socket.close()
            raise

    def frames(self) -> int:
        """Since the last call."""
        return statistics(self._socket)[0]

    def close(self) -> None:
        """Ends counting."""
        self._socket.close()


def statistics(sock: socket.socket) -> tuple[int, int]:
    """Frames that a socket got or lost, and those of them that it lost, since the last call."""
    arrived, lost = _STATISTICS.unpack(sock.getsockopt(SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))
    return int(arrived), int(lost)


def attach_filter(sock: socket.socket, point: Point, ether_types: Sequence[int], *, others: bool = False) -> None:
    """Lets the socket have the frames of the point's way with one of these EtherTypes, or all `others`.

    Classic BPF with ancillary loads: include/uapi/linux/filter.h.
    """
    load, equal, give = 0x20, 0x15, 0x06
    protocol, packet_type, outgoing = 0xFFFFF000, 0xFFFFF004, 4
    nothing, whole = (1, 0) if others else (0, 0xFFFFFFFF)
    count = len(ether_types)
    code = [
        (load, 0, 0, packet_type),
        # To the last instruction but one: the frame goes the other way.
        (equal, 0, count + 3, outgoing) if point.way == "sent" else (equal, count + 3, 0, outgoing),
        (load, 0, 0, protocol),
        *((equal, count - index, 0, kind) for index, kind in enumerate(ether_types)),
        (give, 0, 0, nothing),
        (give, 0, 0, whole),
        (give, 0, 0, 0),
    ]
    program = _Program(len(code), (_Instruction * len(code))(*(_Instruction(*word) for word in code)))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
