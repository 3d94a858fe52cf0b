# SPDX-License-Identifier: Apache-2.0
"""A tunnel carries a packet only if the packet's header agrees with its content."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from joulepath.ioam.wire import decode
from tests.exporters.ioam.bench import TRACE_ID, bench, ipv6, pair, trace_pairs, traced
from tests.exporters.ioam.encoder import Node, hop_by_hop, option, trace_data
from tests.exporters.ioam.table.test_tunnels import INNER, N3_V4, N3_V6, gtp, n3

pytestmark = pytest.mark.unit

V4 = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(dport=5000) / Raw(bytes(100))
MACS = ["40:00:00:00:00:01", "45:00:05:dc:00:01", "4f:ff:00:8e:00:00", "60:00:00:00:00:60", "6c:4b:90:00:00:34", "02::"]


@pytest.mark.parametrize("outer", [N3_V4, N3_V6])
@pytest.mark.parametrize("mac", [mac for mac in MACS if mac != "02::"])
@pytest.mark.parametrize("tags", [None, Dot1Q(vlan=5), Dot1AD(vlan=5) / Dot1Q(vlan=6)])
@pytest.mark.parametrize("inner", [bytes(V4), INNER])
def test_an_ethernet_session_counts_the_ip_packet_in_its_frame(
    outer: Packet, mac: str, tags: Packet | None, inner: bytes
) -> None:
    kind = 0x86DD if inner[0] >> 4 == 6 else 0x0800
    head = Ether(dst=mac, src="6c:00:00:00:11:22") / tags if tags else Ether(dst=mac, src="6c:00:00:00:11:22")
    frame = bytes(head / Raw(b""))[:-2] + struct.pack("!H", kind) + inner
    counter = bench()
    node = counter.see(n3(outer, gtp(frame, extensions=1)))
    assert pair(node.user) == (1, len(inner))
    assert trace_pairs(node) == ({TRACE_ID.hex(): (1, len(inner))} if inner is INNER else {})
    assert not any(counter.counts().errors.values())
    assert counter.counts().fragments == node.other.packets == 0


@pytest.mark.parametrize("mac", ["45:00:00:2a:00:01", "60:00:00:00:00:02"])
@pytest.mark.parametrize("kind", [0x0806, 0x8892, 0x8847, 0x002A])
def test_the_carrier_of_a_frame_without_ip_counts(mac: str, kind: int) -> None:
    frame = bytes(Ether(dst=mac, src="45:00:00:00:00:00", type=kind)) + bytes(46)
    counter = bench()
    packet = n3(N3_V4, gtp(frame))
    assert pair(counter.see(packet).user) == (1, len(packet))
    assert not any(counter.counts().errors.values())


def test_a_short_frame_may_be_padded() -> None:
    short = bytes(IP() / UDP() / Raw(b"12"))
    frame = bytes(Ether(dst="02:00:00:00:00:01", type=0x0800)) + short
    assert pair(bench().see(n3(N3_V4, gtp(frame.ljust(60, b"\0")))).user) == (1, len(short))
    packet = n3(N3_V4, gtp(frame.ljust(90, b"\0")))
    assert pair(bench().see(packet).user) == (1, len(packet))


@pytest.mark.parametrize(
    "damage",
    [(0, 0x44), (0, 0x40), (2, 0xFF), (3, 0x01), (10, 0x12), (0, 0x55)],
    ids=["short header", "no header", "longer", "shorter", "checksum", "version"],
)
def test_a_header_that_contradicts_the_t_pdu_is_not_a_packet(damage: tuple[int, int]) -> None:
    inner = bytearray(bytes(V4))
    inner[damage[0]] = damage[1]
    packet = n3(N3_V4, gtp(bytes(inner)))
    counter = bench()
    assert pair(counter.see(packet).user) == (1, len(packet))
    assert not any(counter.counts().errors.values())


def test_a_checksum_of_0_is_accepted_from_offload() -> None:
    inner = bytearray(bytes(V4))
    inner[10:12] = b"\0\0"
    assert pair(bench().see(n3(N3_V4, gtp(bytes(inner)))).user) == (1, len(inner))


@pytest.mark.parametrize("words", range(6, 16))
def test_an_ipv4_header_with_options_counts_inside(words: int) -> None:
    inner = bytes(IP(options=[IPOption_NOP()] * (4 * words - 20)) / UDP() / Raw(bytes(50)))
    assert inner[0] == 0x40 | words
    assert pair(bench().see(n3(N3_V4, gtp(inner))).user) == (1, len(inner))


@given(st.binary(min_size=14, max_size=120), st.sampled_from([0x40, 0x45, 0x60, 0x6C]))
def test_a_frame_is_never_counted_for_less_than_it_is(frame: bytes, first: int) -> None:
    """Bytes at random that begin as IP does: all of the carrier, but where they are IP to the last octet."""
    payload = bytes([first]) + frame[1:]
    packet = n3(N3_V4, gtp(payload))
    node = bench().see(packet)
    count = node.user if node.user.packets else node.other
    assert count.packets == 1
    assert count.octets in {len(packet), len(payload), *(len(payload) - 14 - 4 * tags for tags in range(9))}


def test_answers_of_the_other_tunnel_end_are_signalling_on_any_port() -> None:
    for message, other in ((2, True), (31, True), (255, False), (26, False), (1, False)):
        payload = gtp(bytes(6), message=message)
        packet = bytes(N3_V4 / UDP(sport=2152, dport=41000) / Raw(payload))
        node = bench().see(packet)
        assert (node.other.packets, node.user.packets) == ((1, 0) if other else (0, 1))
    longer = bytes(N3_V4 / UDP(sport=2152, dport=41000) / Raw(gtp(bytes(6), message=2) + b"more"))
    assert bench().see(longer).user.packets == 1
    elsewhere = bytes(N3_V4 / UDP(sport=41000, dport=41001) / Raw(gtp(bytes(6), message=2)))
    assert bench().see(elsewhere).user.packets == 1


@pytest.mark.parametrize("session", [False, True])
def test_a_probe_of_active_measurement_is_not_user_traffic(session: bool) -> None:
    for flags, probe in ((0b0010, True), (0b0100, False), (0b0000, False), (0b1010, True)):
        header = hop_by_hop(b"\1\0", option(trace_data(123, [0], [Node({0: (64, 1)})], flags=flags)))
        packet = ipv6(header)
        counter = bench()
        node = counter.see(n3(N3_V4, gtp(packet)) if session else packet)
        assert pair(node.other if probe else node.user) == (1, len(packet))
        assert bool(trace_pairs(node)) is not probe


@pytest.mark.parametrize(("first", "length"), [(0x44, 120), (0x40, 120), (0x45, 19), (0x4F, 59), (0x55, 120)])
def test_an_impossible_ipv4_header_counts_as_one(first: int, length: int) -> None:
    packet = struct.pack("!BBHHHBBH", first, 0, length, 0, 0, 64, 17, 0) + bytes(100)
    counter = bench()
    node = counter.see(packet)
    assert node.user.packets == node.other.packets == 0
    assert counter.counts().errors[decode.IP_HEADER] == 1


@pytest.mark.parametrize("payload", [1400, 3000, 70_000])
def test_a_length_of_0_is_accepted_from_offload(payload: int) -> None:
    v4 = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 6, 0) + bytes(8 + payload)
    v6 = struct.pack("!IHBB", 6 << 28, 0, 6, 64) + bytes(32 + payload)
    for packet in (v4, v6):
        counter = bench()
        assert pair(counter.see(packet).user) == (1, len(packet))
        assert not any(counter.counts().errors.values())


def test_an_empty_ipv6_packet_is_40_octets_however_it_is_padded() -> None:
    for next_header, padding in ((59, 6), (59, 100), (6, 6)):
        packet = struct.pack("!IHBB", 6 << 28, 0, next_header, 64) + bytes(32)
        assert pair(bench().see(packet, padding=padding).user) == (1, 40)


def test_arp_is_not_looked_into_and_neither_are_tcp_ports_of_a_tunnel() -> None:
    packet = n3(N3_V4, gtp(bytes(Ether(dst="45:00:00:1c:00:01") / ARP())))
    assert pair(bench().see(packet).user) == (1, len(packet))
    inner = bytes(IP() / TCP(sport=2152, dport=2152) / Raw(gtp(INNER)))
    assert pair(bench().see(n3(N3_V6, gtp(inner))).user) == (1, len(inner))


def test_a_trace_of_a_session_of_either_type_has_the_same_bytes() -> None:
    plain, bridged = bench(), bench()
    packet = ipv6(traced())
    plain.see(n3(N3_V4, gtp(packet)))
    bridged.see(n3(N3_V4, gtp(bytes(Ether(dst=MACS[1], type=0x86DD)) + packet)))
    assert trace_pairs(plain.node) == trace_pairs(bridged.node) == {TRACE_ID.hex(): (1, len(packet))}
