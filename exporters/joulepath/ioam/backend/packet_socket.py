# SPDX-License-Identifier: Apache-2.0
"""Packet sockets (packet(7)): how one is opened and bound, and numbers that the socket module does not always have."""

import errno
import socket
import struct
import sys

from joulepath.errors import JoulepathError
from joulepath.ioam.backend.interface import InterfaceDownError, NoInterfaceError

SOL_PACKET = 263  # include/linux/socket.h
ETH_P_ALL = 0x0003  # include/uapi/linux/if_ether.h
# include/uapi/linux/if_packet.h
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_MEMBERSHIP = struct.Struct("=iHH8s")


def open_socket(name: str) -> socket.socket:
    """A socket that is not yet bound. Raises JoulepathError, with the interface's name, for want of a right."""
    if sys.platform != "linux":
        raise JoulepathError("capturing needs Linux")
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except PermissionError:
        raise JoulepathError(
            f"{name}: capturing needs the capability CAP_NET_RAW (root, or AmbientCapabilities in systemd)"
        ) from None


def bind(sock: socket.socket, name: str, protocol: int = ETH_P_ALL, *, mirror: bool = False) -> None:
    """Begins to receive from an interface; with protocol 0 the socket has the link type and receives nothing.

    A mirror port gets frames for other hosts. Raises NoInterfaceError, InterfaceDownError, or JoulepathError where
    waiting does not help.
    """
    try:
        sock.bind((name, protocol))
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO):
            raise NoInterfaceError(f"{name}: no such interface; `ip link` lists them") from None
        raise JoulepathError(f"{name}: cannot be captured: {error.strerror}") from None
    if mirror:
        # The kernel ends this with the socket.
        index = socket.if_nametoindex(name)
        sock.setsockopt(SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _MEMBERSHIP.pack(index, _PACKET_MR_PROMISC, 0, b""))
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ENETDOWN:
        raise InterfaceDownError(f"{name}: the interface is down")
