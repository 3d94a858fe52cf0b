# SPDX-License-Identifier: Apache-2.0
"""Ports of loopback for programs that have to be told one, and cannot take a free one by themselves."""

import socket
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LEAST = 12000


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A free port, of those that the kernel gives only to programs that ask for it by number.

    One that the kernel chose could be another connection's before the program that it is for listens there.
    """
    first = int(_RANGE.read_text(encoding="ascii").split()[0])
    chance = SystemRandom()  # unlike others, never the same in two runs of the tests
    while True:
        port = chance.randrange(_LEAST, max(first, _LEAST + 10_000))
        with suppress(OSError), socket.socket(socket.AF_INET6, kind) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            probe.bind(("::", port))
            return port
