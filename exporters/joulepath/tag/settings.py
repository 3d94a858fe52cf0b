# SPDX-License-Identifier: Apache-2.0
"""The tagged flows of this host, each with the id that its packets get."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Network
from pathlib import Path
from typing import Literal

from joulepath.ioam.wire.encode import hop_by_hop

MAX_FLOWS = 64
"""As many as the program has places for."""

Protocol = Literal["udp", "tcp", "ipip6"]
"""`ipip6`: IPv4 in IPv6, as `ip link add type ip6tnl mode ipip6` sends it."""
TooLarge = Literal["pass", "drop"]
CgroupKind = Literal["cgroup", "unit", "container", "pod"]
TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
EVERYWHERE = IPv6Network("::/0")


@dataclass(frozen=True)
class Sender:
    """The owner of the sockets: a cgroup v2 folder, or the name by which it is found."""

    kind: CgroupKind
    name: str


@dataclass(frozen=True)
class Flow:
    """Packets of UDP, TCP and IPv4 in IPv6 that agree with all that is given; port 0 stands for any."""

    name: str
    namespace: int
    trace_id: bytes | Path
    """16 octets, or the file that holds them in hexadecimal."""
    source: IPv6Network = EVERYWHERE
    destination: IPv6Network = EVERYWHERE
    protocol: Protocol | None = None
    source_port: int = 0
    destination_port: int = 0
    sender: Sender | None = None
    too_large: TooLarge = "pass"
    """The fate of UDP datagrams that have no room for a trace."""
    id_owner: int | None = None
    """The user who writes the file; None is root or the tagger's own."""


@dataclass(frozen=True)
class Settings:
    """All of it. The first flow that a packet agrees with is the packet's."""

    interfaces: tuple[str, ...]
    flows: tuple[Flow, ...]
    node_id: int | None
    """24 bits; None is the host's `net.ipv6.ioam6_id`."""
    nodes: int | None
    """Room in the header for nodes on the way; None: as many as the MTUs allow (routes.room)."""
    path_mtu: int | None = None
    """Octets of the largest packet that the path carries, where that is less than an interface's."""


def header_octets(nodes: int) -> int:
    """The growth of every tagged packet, with room for this number of nodes."""
    return len(hop_by_hop(0, bytes(16), 0, 0, nodes))
