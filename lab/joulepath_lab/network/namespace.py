# SPDX-License-Identifier: Apache-2.0
"""Network namespaces without names: a descriptor holds each, so that it ends with the process, whatever ends that."""

import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pyroute2 import IPRoute

PATIENCE_SECONDS = 60.0
"""No command here takes as long, on the busiest machine."""

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_NO_DAD = 0x02  # IFA_F_NODAD (include/uapi/linux/if_addr.h): an address is usable at once
_THIS_THREAD = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)
# With both ends of one number the kernel takes its time, up to a second, to see that a link is up (linkwatch).
_indices = itertools.count(1000)

_ECHO = """
import socket, sys
asking = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
asking.settimeout(5)
asking.connect((sys.argv[1], 0))
asking.send(bytes([128, 0, 0, 0, 0, 1, 0, 1]))  # RFC 4443, section 4.1; the kernel adds the checksum
while asking.recv(64)[0] != 129:
    pass
"""


class NetworkNamespace:
    """A fresh namespace with `lo` up, until `close` or the end of the process.

    IPv6 addresses in it are usable at once: duplicate address detection is off, also for those that the kernel chooses.
    """

    def __init__(self) -> None:
        """Raises OSError where the caller may not make namespaces."""
        with _returning():
            _check(_libc.unshare(_CLONE_NEWNET))
            self.descriptor = os.open(_THIS_THREAD, os.O_RDONLY)
        self.sysctl({"conf.all.accept_dad": 0, "conf.default.accept_dad": 0})
        with self.ip() as ip:
            set_up(ip, "lo")

    def close(self) -> None:
        """Lets it go: it ends with the last process in it."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread inside, and what it starts there."""
        with _returning():
            _check(_libc.setns(self.descriptor, _CLONE_NEWNET))
            yield

    @contextmanager
    def ip(self) -> Iterator[IPRoute]:
        """The calling thread inside, with an open netlink socket."""
        with self.entered(), IPRoute() as ip:
            yield ip

    def command(self, *words: str) -> list[str]:
        """The command that runs `words` inside, from anywhere while this process runs."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.descriptor}", *words]

    def run(self, line: str) -> str:
        """Runs one command inside and returns its output. Raises CalledProcessError."""
        words = self.command(*line.split())
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS).stdout

    def python(self, script: str, *arguments: str) -> str:
        """Runs Python code inside and returns its output. Raises RuntimeError with the traceback if it fails."""
        words = self.command(sys.executable, "-c", script, *arguments)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, input="")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def sysctl(self, settings: dict[str, int]) -> None:
        """Sets parameters of IPv6, for example `conf.all.forwarding`. No interface's name may hold a dot."""
        with self.entered():
            for name, value in settings.items():
                Path("/proc/sys/net/ipv6", *name.split(".")).write_text(str(value), encoding="ascii")

    def reach(self, address: str) -> None:
        """Asks for an echo: from then on neighbours are known, and no first packet waits or is sent again."""
        self.python(_ECHO, address)

    def join(self, name: str, peer: "NetworkNamespace", peer_name: str) -> None:
        """A veth pair into another namespace, or within this one: up, without addresses, and quiet."""
        self._pair(name, peer, peer_name)
        for end, interface in ((self, name), (peer, peer_name)):
            with end.ip() as ip:
                set_up(ip, interface)

    def link(self, name: str, address: str, peer: "NetworkNamespace", peer_name: str, peer_address: str) -> None:
        """As `join`, with an address of 64 bits of prefix at each end, and link-local ones: routers need these."""
        self._pair(name, peer, peer_name)
        for number, (end, interface, own) in enumerate(((self, name, address), (peer, peer_name, peer_address)), 1):
            with end.ip() as ip:
                for each in (own, f"fe80::{number}"):
                    add_address(ip, interface, each)
                set_up(ip, interface)

    def _pair(self, name: str, peer: "NetworkNamespace", peer_name: str) -> None:
        """A veth pair that is down.

        The kernel would report its multicast groups again up to two seconds later, and more for a link-local address
        that it chooses itself: that would count among the packets of a test.
        """
        with peer.ip() as ip:
            other = {"ifname": name, "net_ns_fd": self.descriptor}
            ip.link("add", ifname=peer_name, index=next(_indices), kind="veth", peer=other)
        quiet = {"addr_gen_mode": 1, "mldv2_unsolicited_report_interval": 1, "router_solicitations": 0}
        for end, interface in ((self, name), (peer, peer_name)):
            end.sysctl({f"conf.{interface}.{key}": value for key, value in quiet.items()})


def add_address(ip: IPRoute, interface: str, address: str, prefix: int = 64) -> None:
    """An address of an interface, IPv6 or IPv4, usable at once."""
    flags = {"flags": _NO_DAD} if ":" in address else {}
    ip.addr("add", index=index_of(ip, interface), address=address, prefixlen=prefix, **flags)


def set_up(ip: IPRoute, interface: str) -> None:
    """Sets an interface up."""
    ip.link("set", index=index_of(ip, interface), state="up")


def index_of(ip: IPRoute, interface: str) -> int:
    """The number of an interface."""
    return int(ip.link_lookup(ifname=interface)[0])


@contextmanager
def _returning() -> Iterator[None]:
    """Brings the calling thread back to the namespace in which it is now."""
    here = os.open(_THIS_THREAD, os.O_RDONLY)
    try:
        yield
    finally:
        _check(_libc.setns(here, _CLONE_NEWNET))
        os.close(here)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"network namespace: {os.strerror(number)}")
