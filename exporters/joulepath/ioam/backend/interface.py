# SPDX-License-Identifier: Apache-2.0
"""Network interfaces as they come and go: rtnetlink(7), netdevice(7)."""

import fcntl
import socket
import struct
from typing import NamedTuple

from joulepath.errors import JoulepathError

# include/uapi/linux/{sockios,if,rtnetlink}.h
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927
_IFF_UP = 1
_RTMGRP_LINK = 1
_REQUEST = struct.Struct("=16sH22x")


class InterfaceDownError(JoulepathError):
    """The interface is down; it may come up later."""


class NoInterfaceError(JoulepathError):
    """There is no interface of that name."""


class Interface(NamedTuple):
    """An interface that there is."""

    number: int
    up: bool
    link_type: int
    """ARPHRD_* (include/uapi/linux/if_arp.h)."""


def find(name: str) -> Interface | None:
    """The interface of this name in the calling thread's network namespace, None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            index = socket.if_nametoindex(name)
            flags, link_type = (_ask(any_socket, request, name) for request in (_SIOCGIFFLAGS, _SIOCGIFHWADDR))
        except OSError:
            return None
    return Interface(index, bool(flags & _IFF_UP), link_type)


def changes() -> socket.socket:
    """A socket that becomes readable when any interface changes."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    sock.bind((0, _RTMGRP_LINK))
    return sock


def _ask(any_socket: socket.socket, request: int, name: str) -> int:
    answer = fcntl.ioctl(any_socket, request, _REQUEST.pack(name.encode(), 0))
    return int(_REQUEST.unpack(answer)[1])
