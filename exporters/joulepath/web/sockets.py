# SPDX-License-Identifier: Apache-2.0
"""Questions to the kernel about a client's socket: what is taken, what is still to come, and from where."""

import fcntl
import select
import socket
import struct
import termios
import time
from contextlib import suppress

LINGER_SECONDS = 1.0
LINGER_READS = 16
STALL_LOOK_MILLISECONDS = 10


def written(place: object) -> str:
    """An address as HOST:PORT; `localhost` for a UNIX socket."""
    if not isinstance(place, tuple):
        return "localhost"
    host, port = place[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unsent(client: socket.socket) -> int:
    """Octets that the other side has not acknowledged (SIOCOUTQ, tcp(7) and unix(7))."""
    (octets,) = struct.unpack("i", fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, b"\0" * 4))
    return int(octets)


def takes_more(client: socket.socket) -> bool:
    """Whether the kernel takes more octets at once or soon: a client that reads normally makes room soon."""
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    return bool(poll.poll(STALL_LOOK_MILLISECONDS))


def is_present(client: socket.socket) -> bool:
    """Whether the client has not closed its side; octets before its end, such as TLS's last, may be unread."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    return not poll.poll(0)


def linger(client: socket.socket) -> None:
    """Reads a little more: a close with octets unread would take the answer from the client (RFC 9112, 9.6)."""
    # The base class's methods: an SSLSocket would decrypt.
    socket.socket.shutdown(client, socket.SHUT_WR)
    deadline = time.monotonic() + LINGER_SECONDS
    with suppress(OSError):
        for _ in range(LINGER_READS):
            client.settimeout(max(deadline - time.monotonic(), 1e-3))
            if not socket.socket.recv(client, 4096):
                return
