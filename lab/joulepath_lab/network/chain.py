# SPDX-License-Identifier: Apache-2.0
"""Namespaces in a row, joined by links, in which every node reaches every link."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Interface
from itertools import pairwise

from joulepath_lab.network import ioam
from joulepath_lab.network.namespace import NetworkNamespace


@dataclass(frozen=True)
class Link:
    """Interfaces and addresses of both ends; the prefix has 64 bits."""

    near: str
    near_address: str
    far: str
    far_address: str

    @property
    def prefix(self) -> str:
        """Of both addresses."""
        return str(IPv6Interface(f"{self.near_address}/64").network)


def join(nodes: Sequence[NetworkNamespace], links: Sequence[Link]) -> None:
    """Joins node n to node n + 1 by link n. The nodes between the ends forward."""
    for (near, far), link in zip(pairwise(nodes), links, strict=True):
        near.link(link.near, link.near_address, far, link.far, link.far_address)
    for number, node in enumerate(nodes):
        if 0 < number < len(nodes) - 1:
            node.sysctl({"conf.all.forwarding": 1})
        with node.ip() as ip:
            for link in links[: max(number - 1, 0)]:
                ip.route("add", dst=link.prefix, gateway=links[number - 1].near_address)
            for link in links[number + 1 :]:
                ip.route("add", dst=link.prefix, gateway=links[number].far_address)


class ThreeHosts:
    """robot (1) -- wlan0 n3 -- upf (2), which forwards and stamps -- n6 eth0 -- server (3), with known neighbours."""

    def __init__(self, stack: ExitStack, *, stamping: bool = True) -> None:
        """Raises OSError where the caller may not make namespaces, RuntimeError where the kernel cannot stamp."""
        self.robot, self.upf, self.server = nodes = [stack.enter_context(NetworkNamespace()) for _ in range(3)]
        links = (Link("wlan0", "fd01::1", "n3", "fd01::2"), Link("n6", "fd02::2", "eth0", "fd02::3"))
        join(nodes, links)
        if stamping:
            self.robot.sysctl({"ioam6_id": 1})
            if not ioam.stamp(self.upf, 2, ["n3"]):
                raise RuntimeError("this kernel does not stamp IOAM traces")
            self.upf.sysctl({"conf.n3.ioam6_id": 21})
        self.server.reach("fd01::1")


@contextmanager
def two_hosts() -> Iterator[tuple[NetworkNamespace, NetworkNamespace]]:
    """a: va fd01::1 -- fd01::2 vb: b."""
    with NetworkNamespace() as a, NetworkNamespace() as b:
        a.link("va", "fd01::1", b, "vb", "fd01::2")
        yield a, b
