# SPDX-License-Identifier: Apache-2.0
"""Counting one packet: its owner, its length on the wire, and that nothing is lost or invented."""

import struct
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from joulepath.ioam.settings import Bounds, Other
from joulepath.ioam.table.counts import Counts
from joulepath.ioam.wire import decode
from joulepath.ioam.wire.link import ETHERNET, ip_offset
from joulepath.ioam.wire.segments import Segments
from tests.exporters.ioam.bench import TRACE_ID, bench, ipv6, pair, trace_pairs, traced
from tests.exporters.ioam.encoder import SNAPSHOT, Node, hop_by_hop, option, trace_data
from tests.exporters.ioam.wire.test_decode import headers

pytestmark = pytest.mark.unit


def test_a_traced_packet_counts_for_its_node_its_trace_and_its_path() -> None:
    counter = bench()
    node = counter.see(ipv6(traced()))
    octets = 40 + 48 + 108
    assert pair(node.user) == (1, octets)
    assert trace_pairs(node) == {TRACE_ID.hex(): (1, octets)}
    path = node.paths["123", TRACE_ID.hex()]  # type: ignore[index]  # a Label is a tuple
    assert path.order == "1>2"
    assert {name: pair(count) for name, count in path.counts.items()} == {"1": (1, octets), "2": (1, octets)}
    assert counter.counts().option_octets == 44


def test_ethernet_padding_is_not_part_of_the_packet() -> None:
    assert pair(bench().see(IPv6() / UDP(), padding=18).user) == (1, 48)
    assert pair(bench().see(IP() / UDP(), padding=18).user) == (1, 28)


def test_a_length_that_the_packet_does_not_have_is_not_believed() -> None:
    packet = bytearray(ipv6(b"", next_header=17))
    packet[4:6] = b"\xff\xff"
    assert pair(bench().see(bytes(packet)).user) == (1, 148)


def test_unconfigured_ids_and_namespaces_are_other() -> None:
    counter = bench()
    counter.see(ipv6(traced(bytes(16))))
    node = counter.see(ipv6(traced(TRACE_ID, namespace=7)))
    assert {label: count.packets for label, count in node.traces.items() if count.packets} == {
        ("123", "other"): 1,
        ("other", "other"): 1,
    }


def test_a_packet_of_two_namespaces_counts_once_for_the_configured_one() -> None:
    both = hop_by_hop(
        b"\1\0",
        option(trace_data(7, [SNAPSHOT], [Node(snapshot=bytes(16))])),
        option(trace_data(123, [SNAPSHOT], [Node(snapshot=TRACE_ID)])),
    )
    node = bench().see(ipv6(both))
    assert {label: count.packets for label, count in node.traces.items() if count.packets} == {
        ("123", TRACE_ID.hex()): 1
    }


def test_overflow_is_counted() -> None:
    counter = bench()
    counter.see(ipv6(traced(flags=8)))
    counter.see(ipv6(traced()))
    assert counter.counts().overflow_packets == 1


def test_paths_are_counted_only_where_asked_for() -> None:
    counter = bench()
    packet = bytearray(ipv6(traced()))
    counter.counter.count(counter.node, packet, 0, len(packet), len(packet))
    assert counter.node.traces["123", TRACE_ID.hex()].packets == 1  # type: ignore[index]  # a Label is a tuple
    assert counter.node.paths == {}


def test_a_node_that_stands_twice_in_the_path_had_one_packet() -> None:
    nodes = [Node({0: (64, 1)}, TRACE_ID), Node({0: (63, 2)}), Node({0: (62, 1)})]
    node = bench().see(ipv6(hop_by_hop(b"\1\0", option(trace_data(123, [0, SNAPSHOT], nodes)))))
    (path,) = node.paths.values()
    assert {name: count.packets for name, count in path.counts.items()} == {"1": 1, "2": 1}
    assert path.order == "1>2>1"


def test_path_node_ids_are_bounded() -> None:
    counter = bench()
    for number in range(1000):
        nodes = [Node({0: (64, number)}, TRACE_ID)]
        node = counter.see(ipv6(hop_by_hop(b"\1\0", option(trace_data(123, [0, SNAPSHOT], nodes)))))
    (path,) = node.paths.values()
    assert len(path.counts) == 257
    assert path.counts["other"].packets == 1000 - 256


@pytest.mark.parametrize(
    ("packet", "user"),
    [
        (IPv6() / ICMPv6ND_NS(), False),
        (IPv6() / IPv6ExtHdrDestOpt() / ICMPv6ND_NS(), False),
        (ipv6(hop_by_hop(bytes.fromhex("05020000"), next_header=58), b"\x8f" + bytes(19)), False),  # MLD report
        (IP(proto=2) / Raw(bytes(8)), False),  # IGMP
        (IPv6() / ICMPv6EchoRequest(), True),
        (IPv6() / UDP(sport=5000, dport=6000), True),
        (IPv6() / TCP(sport=22, dport=6000), False),
        (IPv6() / IPv6ExtHdrDestOpt() / TCP(sport=6000, dport=22), False),
        (IP() / TCP(sport=6000, dport=22), False),
        (IP(frag=100) / Raw(struct.pack("!HHI", 22, 22, 0)), True),  # no first fragment: no ports
        (IPv6() / IPv6ExtHdrFragment(offset=100, nh=6) / Raw(struct.pack("!HHI", 22, 22, 0)), True),
        (IPv6() / IPv6ExtHdrFragment(offset=0, m=1, nh=6) / Raw(struct.pack("!HHI", 22, 6000, 0)), False),
        (IPv6(src="fd00:ff::1", dst="fd01::1") / UDP(sport=5000), False),
        (IPv6(src="fd01::1", dst="fd00:ff:1::1") / UDP(sport=5000), False),
        (IPv6(src="fd01::1", dst="fd00:fe::1") / UDP(sport=5000), True),
        (IP(src="192.168.100.7", dst="10.0.0.1") / UDP(sport=5000), False),
        (IP(src="192.168.101.7", dst="10.0.0.1") / UDP(sport=5000), True),
        (IP(proto=132) / Raw(struct.pack("!HH", 38412, 9)), False),
    ],
)
def test_a_packet_is_user_or_other_traffic(packet: bytes | Packet, user: bool) -> None:
    other = Other(
        prefixes=(ip_network("fd00:ff::/32"), ip_network("192.168.100.0/24")),
        ports=frozenset({22}),
        protocols=frozenset({132}),
    )
    node = bench(other).see(packet)
    assert (node.user.packets, node.other.packets) == ((1, 0) if user else (0, 1))
    assert node.user.octets + node.other.octets == len(bytes(packet))


def test_a_traced_management_packet_is_not_user_traffic() -> None:
    node = bench(Other(protocols=frozenset({17}))).see(ipv6(traced()))
    assert (node.user.packets, node.other.packets, sum(count.packets for count in node.traces.values())) == (0, 1, 0)


@pytest.mark.parametrize("frame", [b"", b"\x60", bytes(39), bytes(40), b"\x45" + bytes(18), b"\x50" + bytes(60)])
def test_a_frame_that_is_not_an_ip_packet_is_an_error_alone(frame: bytes) -> None:
    counter = bench()
    node = counter.see(frame)
    assert counter.counts().errors[decode.IP_HEADER] == 1
    assert node.user.packets == node.other.packets == 0


@pytest.mark.parametrize("keep", [40, 41, 42, 60, 87])
def test_a_header_that_is_cut_off_is_counted_without_a_trace(keep: int) -> None:
    counter = bench()
    node = counter.see(ipv6(traced())[:keep])
    assert pair(node.user) == (1, keep)
    assert counter.counts().errors[decode.TRUNCATED] == 1
    assert not any(count.packets for count in node.traces.values())


def test_a_header_beyond_the_packet_is_cut_off_despite_padding() -> None:
    counter = bench()
    packet = bytearray(ipv6(traced()))
    packet[4:6] = struct.pack("!H", 40)
    counter.see(bytes(packet))
    assert counter.counts().errors[decode.TRUNCATED] == 1


@pytest.mark.parametrize(
    ("header", "ip_octets"), [(IPv6(), 40), (IP(), 20), (IPv6() / IPv6ExtHdrDestOpt(), 48), (None, 88)]
)
@pytest.mark.parametrize("tcp", [True, False])
@pytest.mark.parametrize("payload", [1, 1000, 1001, 20000])
@pytest.mark.parametrize("is_stated", [True, False])
def test_a_large_packet_counts_as_those_on_the_wire(
    header: Packet | None, ip_octets: int, tcp: bool, payload: int, is_stated: bool
) -> None:
    options = [("Timestamp", (1, 1)), ("NOP", None), ("NOP", None)]
    transport = TCP(sport=5000, dport=6000, options=options) if tcp else UDP(sport=5000, dport=6000)
    body = bytes(transport / Raw(bytes(payload)))
    if header is None:
        protocol = b"\x06" if tcp else b"\x11"
        packet = ipv6(protocol + traced()[1:], body)
    else:
        packet = bytes(header / transport / Raw(bytes(payload)))
    headers_octets = ip_octets + (32 if tcp else 8)
    pieces = [min(1000, payload - node) for node in range(0, payload, 1000)]
    node = bench().see(packet, segments=Segments(1000, tcp, ip_octets if is_stated else -1))
    assert pair(node.user) == (len(pieces), sum(headers_octets + piece for piece in pieces))


def test_a_packet_above_64_kib_counts_without_its_jumbo_option() -> None:
    tcp = bytes(TCP(sport=1, dport=2))
    payload = 100_000
    jumbo = b"\x06\x00\xc2\x04" + struct.pack("!I", 8 + len(tcp) + payload)
    packet = struct.pack("!IHBB", 6 << 28, 0, 0, 64) + bytes(32) + jumbo + tcp + bytes(payload)
    node = bench().see(packet, segments=Segments(1000, tcp=True, transport=48))
    assert pair(node.user) == (100, 100 * 60 + payload)
    plain = struct.pack("!IHBB", 6 << 28, 0, 6, 64) + bytes(32) + tcp + bytes(payload)
    node = bench().see(plain, segments=Segments(1000, tcp=True, transport=40))
    assert pair(node.user) == (100, 100 * 60 + payload)


def test_vlans_are_skipped_and_other_ether_types_are_not_ip() -> None:
    inner = IPv6() / UDP()
    for frame, start in [
        (Ether() / inner, 14),
        (Ether() / Dot1Q(vlan=5) / inner, 18),
        (Ether(type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / inner, 22),
        (Ether(type=0x0806) / Raw(bytes(28)), -1),
        (Ether(type=0x8100) / Raw(b"\0\5"), -1),
    ]:
        octets = bytearray(bytes(frame))
        assert ip_offset(octets, 0, len(octets), ETHERNET) == start


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Packets with IOAM, without it, damaged and cut off, and octets that are not a packet."""
    packet = bytearray(
        draw(
            st.one_of(
                headers().map(lambda case: ipv6(case[0])),
                st.just(ipv6(traced())),
                st.just(bytes(IPv6() / UDP())),
                st.just(bytes(IP() / UDP())),
                st.binary(max_size=80),
            )
        )
    )
    for _ in range(draw(st.integers(0, 4)) if packet else 0):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    return bytes(packet[: draw(st.integers(0, len(packet)))] if draw(st.booleans()) else packet)


@given(st.lists(packets(), max_size=12), st.sampled_from([None, Bounds(3, 2)]))
def test_every_packet_counts_exactly_once(seen: list[bytes], bounds: Bounds | None) -> None:
    counter = bench(Other(ports=frozenset({22})), bounds)
    for packet in seen:
        before = counter.counts()
        counter.see(packet)
        after = counter.counts()
        errors = sum(after.errors.values()) - sum(before.errors.values())
        no_ip = after.errors[decode.IP_HEADER] - before.errors[decode.IP_HEADER]
        user, other, trace, octets = (now - then for now, then in zip(_sums(after), _sums(before), strict=True))
        assert errors in (0, 1)
        assert user + other + no_ip == 1
        assert trace <= user
        assert not (errors and trace)
        assert octets <= len(packet)
    node = counter.counts().nodes[0]
    assert sum(count.packets for count in node.traces.values()) <= node.user.packets
    assert sum(count.octets for count in node.traces.values()) <= node.user.octets


def _sums(counts: Counts) -> tuple[int, int, int, int]:
    (node,) = counts.nodes
    traces = sum(count.packets for count in node.traces.values())
    return node.user.packets, node.other.packets, traces, node.user.octets + node.other.octets
