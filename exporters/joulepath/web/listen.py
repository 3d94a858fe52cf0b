# SPDX-License-Identifier: Apache-2.0
"""Listening sockets: by address, or handed over by systemd (sd_listen_fds(3))."""

import argparse
import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError, UsageError

_FIRST_PASSED = 3  # SD_LISTEN_FDS_START
_BACKLOG = 1024  # where all connections are busy, new ones wait here


@dataclass(frozen=True)
class Address:
    """Where to listen; an empty host means all addresses, IPv6 and IPv4."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`:9100`, `127.0.0.1:9100`, `[::1]:9100`. Raises argparse.ArgumentTypeError."""
        host, colon, port = text.rpartition(":")
        bare = ":" in host and not (host.startswith("[") and host.endswith("]"))
        if not colon or not port.isdecimal() or int(port) > 65535 or bare:
            raise argparse.ArgumentTypeError(f"{text!r} is not [HOST]:PORT; write an IPv6 host in brackets")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def bind(address: Address) -> socket.socket:
    """A listening socket at the first of the host's addresses that can be had. Raises JoulepathError."""
    fault = "no address"
    hosts = [address.host] if address.host else ["::", "0.0.0.0"]  # noqa: S104  # an exporter is there to be scraped
    try:
        places = [
            (family, place)
            for host in hosts
            for family, _, _, _, place in socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)
        ]
    except OSError as error:
        places, fault = [], error.strerror or str(error)
    for family, place in places:
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a kernel without IPv6
            fault = error.strerror or str(error)
            continue
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(address.host)))
            listener.bind(place)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            fault = error.strerror or str(error)
            if error.errno == errno.EADDRINUSE:
                fault += ": end the program there, or choose another port by --web.listen-address"
        else:
            return listener
    raise JoulepathError(f"cannot listen on {address}: {fault}")


def passed_by_systemd(environment: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets of the unit's `.socket`. Raises UsageError where systemd passed none to this process."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal() or not int(count):
        raise UsageError("--web.systemd-socket: systemd passed no socket; start it through its .socket unit")
    sockets = [_inherited(number) for number in range(_FIRST_PASSED, _FIRST_PASSED + int(count))]
    for listener in sockets:
        listener.set_inheritable(False)
    return sockets


def _inherited(number: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=number)
        listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise UsageError(f"--web.systemd-socket: file descriptor {number} is not a socket: {error.strerror}") from None
    if listener.type != socket.SOCK_STREAM or not listening:
        raise UsageError(f"--web.systemd-socket: file descriptor {number} is not a listening stream (ListenStream=)")
    return listener


def describe(listener: socket.socket) -> str:
    """A listener's address for the log and the landing page."""
    where = listener.getsockname()
    return str(Address(where[0], where[1])) if isinstance(where, tuple) else str(where)
