# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that vanish with the test, whatever ends it, and what runs in them."""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from tests.exporters.process import PATIENCE_SECONDS

DEADLINE_SECONDS = PATIENCE_SECONDS
_INDICES = itertools.count(1000)

ECHO = """
import socket, sys
asking = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
asking.settimeout(5)
asking.connect((sys.argv[1], 0))
asking.send(bytes([128, 0, 0, 0, 0, 1, 0, 1]))  # RFC 4443, section 4.1; the kernel adds the checksum
while asking.recv(64)[0] != 129:
    pass
"""


class NetworkNamespace:
    """Held by a `cat` that ends when its input does, which the kernel sees to even if the test is killed."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo here; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"here\n"
        self.pid = self._holder.pid
        # No duplicate address detection: link-local addresses, which routers ask from, are usable at once.
        self.run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0")
        self.run("ip link set lo up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate(timeout=DEADLINE_SECONDS)

    def command(self, *words: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *words]

    def run(self, line: str) -> str:
        """Runs one command here and returns what it prints."""
        words = self.command(*line.split())
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=DEADLINE_SECONDS).stdout

    def python(self, script: str, *arguments: str) -> str:
        """Runs Python code here and returns what it prints."""
        words = self.command(sys.executable, "-c", script, *arguments)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS, input="")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reach(self, address: str) -> None:
        """Asks for an echo: from then on neighbours are known, and no first packet waits or is sent again."""
        self.python(ECHO, address)

    def link(self, name: str, address: str, peer: "NetworkNamespace", peer_name: str, peer_address: str) -> None:
        """A veth pair between two namespaces, addresses usable at once, and quiet.

        The kernel would report its multicast groups again up to two seconds later, and more for a link-local address
        that it chooses itself: that is counted among what a test sends. Without such an address no router forwards.
        """
        # With ends of one number the kernel takes its time, up to a second, to see that the link is up (linkwatch).
        index = next(_INDICES)
        self.run(f"ip link add {name} type veth peer name {peer_name} index {index} netns {peer.pid}")
        for number, (end, interface, own) in enumerate(((self, name, address), (peer, peer_name, peer_address)), 1):
            settings = f"net.ipv6.conf.{interface}"
            end.run(f"ip link set {interface} addrgenmode none")
            end.run(f"sysctl -qw {settings}.mldv2_unsolicited_report_interval=1 {settings}.router_solicitations=0")
            for each in (own, f"fe80::{number}"):
                end.run(f"ip -6 address add {each}/64 dev {interface} nodad")
            end.run(f"ip link set {interface} up")


class Exporter:
    """An exporter, by default `joulepath ioam`, as a process in a namespace."""

    def __init__(
        self,
        namespace: NetworkNamespace,
        *arguments: str,
        name: str = "ioam",
        port: int = 10474,
        wrapper: Sequence[str] = (),
    ) -> None:
        self._namespace = namespace
        self._url = f"http://[::1]:{port}/metrics"
        command = [*wrapper, sys.executable, "-m", "joulepath", *name.split(), "--web.listen-address", f"[::1]:{port}"]
        command += arguments
        self._process = subprocess.Popen(namespace.command(*command), stderr=subprocess.PIPE, text=True)
        wait_for(lambda: "joulepath_build_info" in self._get().stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def hang_up(self) -> None:
        """Has it read its files now, rather than at its next look at them."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Ends it abruptly."""
        self._process.kill()
        self._process.communicate(timeout=DEADLINE_SECONDS)

    def stop(self) -> list[str]:
        """Ends it as an operator would; the lines that it wrote."""
        if self._process.poll() is None:
            self._process.terminate()
        elif self._process.stderr is None or self._process.stderr.closed:
            return []
        _, lines = self._process.communicate(timeout=DEADLINE_SECONDS)
        return lines.splitlines()

    def scrape(self) -> dict[tuple[str, ...], float]:
        """Samples by name and label values (in the order of the labels' names)."""
        answer = self._get()
        assert answer.returncode == 0, answer.stderr
        return samples(answer.stdout)

    def _get(self) -> subprocess.CompletedProcess[str]:
        assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
        script = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
        words = self._namespace.command(sys.executable, "-c", script, self._url)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """An exposition's samples."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def wait_for(true: Callable[[], object]) -> None:
    """Returns as soon as `true` is; fails when it never is."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
