# SPDX-License-Identifier: Apache-2.0
"""Packets with fields that are known, flows, and a plain loop that says which flow a packet has."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import strategies as st

from joulepath.ioam.settings import Flow, Match
from tests.exporters.ioam.encoder import SNAPSHOT, Node, hop_by_hop, option, trace_data

LISTED, UNLISTED = bytes(range(16)), bytes(range(1, 17))
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
WITH_PORTS = {TCP, UDP, SCTP}

NETWORKS = [
    *("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0", "192.0.2.0/25"),
    *("fd00::/8", "fd00:1::/32", "fd00:1::1/128", "::/0", "2001:db8::/33"),
]
ADDRESSES4 = [ip_address(text) for text in ("10.1.2.3", "10.1.2.4", "10.1.3.1", "10.2.0.1", "192.0.2.1", "192.0.2.200")]
ADDRESSES6 = [ip_address(text) for text in ("fd00:1::1", "fd00:1::2", "fd00:2::1", "2001:db8::1", "2001:db8:8000::1")]


@dataclass(frozen=True)
class Sent:
    """A user's packet, and what carries it."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int = UDP
    source_port: int = 40000
    destination_port: int = 5000
    dscp: int = 0
    tags: tuple[int, ...] = ()
    """VLANs of the frame on the link, the outermost first."""
    tunnels: tuple["Tunnel", ...] = ()
    """The outermost first."""
    trace: bytes = b""
    payload: int = 40

    @property
    def octets(self) -> bytes:
        """The IP packet."""
        ports = struct.pack("!HH", self.source_port, self.destination_port)
        if self.protocol == UDP:
            body = ports + struct.pack("!HH", 8 + self.payload, 0) + bytes(self.payload)
        elif self.protocol == TCP:
            body = ports + bytes(8) + b"\x50" + bytes(7) + bytes(self.payload)
        elif self.protocol == ICMPV6:
            body = b"\x80" + bytes(7 + self.payload)
        else:
            body = ports + bytes(8 + self.payload)
        return ip(self.source, self.destination, self.protocol, body, self.dscp, self.trace)

    @property
    def frame(self) -> bytes:
        """The Ethernet frame."""
        packet = self.octets
        for tunnel in reversed(self.tunnels):
            packet = tunnel.around(packet)
        return ethernet(packet, self.tags)


@dataclass(frozen=True)
class Tunnel:
    """One GTP-U tunnel."""

    teid: int
    qfi: int | None = None
    tags: tuple[int, ...] | None = None
    """A PDU session of type Ethernet: the VLANs of its frame."""
    over_ipv6: bool = False
    uplink: bool = False

    def around(self, packet: bytes) -> bytes:
        """The packet of the transport network."""
        if self.tags is not None:
            packet = ethernet(packet, self.tags)
        if self.qfi is None:
            header = struct.pack("!BBHI", 0x30, 255, len(packet), self.teid)
        else:
            container = bytes([1, 0x10 if self.uplink else 0, 0x40 | self.qfi, 0])
            header = struct.pack("!BBHI", 0x34, 255, len(packet) + 8, self.teid) + b"\0\0\0\x85" + container
        body = header + packet
        body = struct.pack("!HHHH", 2152, 2152, 8 + len(body), 0) + body
        if self.over_ipv6:
            return ip(ADDRESSES6[-1], ADDRESSES6[-2], UDP, body, 46)
        return ip(ADDRESSES4[-1], ADDRESSES4[-2], UDP, body, 46)


def ip(  # noqa: PLR0917  # the fields in the order of the wire
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    protocol: int,
    body: bytes,
    dscp: int = 0,
    trace: bytes = b"",
) -> bytes:
    """An IP packet; a trace needs IPv6."""
    addresses = source.packed + destination.packed
    if source.version == 4:
        head = struct.pack("!BBHHHBB", 0x45, dscp << 2, 20 + len(body), 1, 0, 64, protocol)
        total = sum(struct.unpack("!9H", head + addresses))
        return head + struct.pack("!H", 0xFFFF - total % 0xFFFF) + addresses + body
    if trace:
        nodes = [Node({0: (64, 1)}, trace)]
        body = hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], nodes)), next_header=protocol) + body
        protocol = 0
    return struct.pack("!IHBB", 6 << 28 | dscp << 22, len(body), protocol, 64) + addresses + body


def ethernet(packet: bytes, tags: Sequence[int] = ()) -> bytes:
    """A frame."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
    return bytes(12) + b"".join(b"\x81\0" + struct.pack("!H", 0x2000 | tag) for tag in tags) + kind + packet


def flow_of(sent: Sent, flows: Sequence[Flow], cgroup: str = "") -> str | None:
    """The name of the first flow that fits, by a plain loop; `cgroup` is the sender's."""
    if sent.trace == LISTED:
        return None
    return next((flow.name for flow in flows if any(_fits(sent, match, cgroup) for match in flow.matches)), None)


def _fits(sent: Sent, match: Match, cgroup: str) -> bool:
    tags = [tag for tag in sent.tags if tag]
    teid = qfi = None
    for tunnel in sent.tunnels:
        teid, qfi = tunnel.teid, tunnel.qfi
        tags += [tag for tag in tunnel.tags or () if tag]
    for wanted, value in (
        (match.protocol, sent.protocol),
        (match.dscp, sent.dscp),
        (match.vlan, tags[-1] if tags else None),
        (match.teid, teid),
        (match.qfi, qfi),
    ):
        if wanted and not any(value in one for one in wanted):
            return False
    if match.cgroup and not (cgroup + "/").startswith(match.cgroup + "/"):
        return False
    first, second = (sent.source, sent.source_port), (sent.destination, sent.destination_port)
    return _fits_ends(sent, match, first, second) or _fits_ends(sent, match, second, first)


def _fits_ends(
    sent: Sent,
    match: Match,
    user: tuple[IPv4Address | IPv6Address, int],
    other: tuple[IPv4Address | IPv6Address, int],
) -> bool:
    for networks, ports, (address, port) in ((match.ue, match.ue_ports, user), (match.remote, match.ports, other)):
        if networks and not any(address in network for network in networks):
            return False
        if ports and (sent.protocol not in WITH_PORTS or not any(port in one for one in ports)):
            return False
    return True


def ranges(values: Sequence[int], most: int) -> st.SearchStrategy[tuple[range, ...]]:
    """Numbers and ranges about these values, often none."""
    single = st.sampled_from(values).map(lambda value: range(value, value + 1))
    wide = st.tuples(st.sampled_from(values), st.integers(0, 2)).map(
        lambda pair: range(max(0, pair[0] - pair[1]), min(most, pair[0] + pair[1]) + 1)
    )
    some = st.lists(st.one_of(single, wide), min_size=1, max_size=3).map(tuple)
    return st.one_of(st.just(()), st.just(()), some)


PORTS = [0, 53, 5000, 5001, 40000, 65535]
PREFIXES = st.one_of(
    st.just(()),
    st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=3).map(lambda some: tuple(map(ip_network, some))),
)
MATCHES = st.builds(
    Match,
    ue=PREFIXES,
    remote=PREFIXES,
    protocol=ranges([TCP, UDP, SCTP, ICMPV6], 255),
    ports=ranges(PORTS, 65535),
    ue_ports=ranges(PORTS, 65535),
    dscp=ranges([0, 46, 63], 63),
    vlan=ranges([1, 7, 8, 4094], 4094).map(lambda some: tuple(range(max(1, one.start), one.stop) for one in some)),
    teid=ranges([0, 7, 8, 0x1000, 0xFFFFFFFF], 0xFFFFFFFF),
    qfi=ranges([0, 5, 9, 63], 63),
)
TUNNELS = st.builds(
    Tunnel,
    teid=st.sampled_from([0, 6, 7, 8, 9, 0x1000, 0x1002, 0xFFFFFFFE, 0xFFFFFFFF]),
    qfi=st.sampled_from([None, 0, 5, 6, 9, 63]),
    tags=st.sampled_from([None, None, None, (), (7,), (0,), (8, 9)]),
    over_ipv6=st.booleans(),
    uplink=st.booleans(),
)


@st.composite
def flow_lists(draw: st.DrawFn, most: int = 8) -> tuple[Flow, ...]:
    """Flows, each with some matches."""
    lists = draw(st.lists(st.lists(MATCHES, min_size=1, max_size=3), max_size=most))
    return tuple(Flow(f"flow-{number}", tuple(matches)) for number, matches in enumerate(lists))


@st.composite
def packets(draw: st.DrawFn) -> Sent:
    """A user's packet."""
    addresses = draw(st.sampled_from([ADDRESSES4, ADDRESSES6]))
    version = addresses[0].version
    return Sent(
        draw(st.sampled_from(addresses)),
        draw(st.sampled_from(addresses)),
        draw(st.sampled_from([TCP, UDP, UDP, SCTP, ICMPV6 if version == 6 else ICMP])),
        draw(st.sampled_from(PORTS)),
        draw(st.sampled_from(PORTS)),
        draw(st.sampled_from([0, 1, 46, 63])),
        draw(st.sampled_from([(), (), (), (7,), (0,), (1, 8), (8, 0), (4094,)])),
        tuple(draw(st.lists(TUNNELS, max_size=2))),
        draw(st.sampled_from([b"", b"", LISTED, UNLISTED])) if version == 6 else b"",
    )
