# SPDX-License-Identifier: Apache-2.0
"""Packets in packets: GTP-U on N3 and N9, IPv6-in-IPv6, and which of them is counted."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

from joulepath.ioam.settings import Other
from joulepath.ioam.wire import decode, gtpu
from joulepath.ioam.wire.segments import Segments
from tests.exporters.ioam.bench import TRACE_ID, bench, ipv6, pair, trace_pairs, traced

pytestmark = pytest.mark.unit

INNER = ipv6(traced())
N3_V4, N3_V6 = IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="fd00::1", dst="fd00::2")


def gtp(inner: bytes, extensions: int = 0, flags: int = 0, teid: int = 1, message: int = 255) -> bytes:
    """A GTP-U message; each extension header has four octets and another type."""
    optional = b""
    if extensions or flags:
        types = [0xC0 + number for number in range(extensions)] + [0]
        optional = struct.pack("!HBB", 0, 0, types[0]) + b"".join(bytes([1, 0, 0, kind]) for kind in types[1:])
    first = 0x30 | flags | (4 if extensions else 0)
    return struct.pack("!BBHI", first, message, len(optional) + len(inner), teid) + optional + inner


def n3(outer: Packet, payload: bytes) -> bytes:
    return bytes(outer / UDP(sport=2152, dport=2152) / Raw(payload))


@pytest.mark.parametrize("outer", [N3_V4, N3_V6, N3_V6 / IPv6ExtHdrDestOpt()])
@pytest.mark.parametrize("extensions", [0, 1, 4, 8])
@pytest.mark.parametrize("flags", [0, 1, 2, 3])
def test_the_users_packet_is_counted_inside_gtpu(outer: Packet, extensions: int, flags: int) -> None:
    counter = bench()
    node = counter.see(n3(outer, gtp(INNER, extensions, flags)))
    assert pair(node.user) == (1, len(INNER))
    assert trace_pairs(node) == {TRACE_ID.hex(): (1, len(INNER))}
    assert not any(counter.counts().errors.values())


def test_a_tunnel_that_scapy_encodes_is_read() -> None:
    session = GTPPDUSessionContainer(type=1, QFI=9, PPI=3)
    message = GTP_U_Header(teid=7, next_ex=0x85, E=1) / session / Raw(INNER)
    assert trace_pairs(bench().see(bytes(N3_V4 / UDP(dport=2152) / message))) == {TRACE_ID.hex(): (1, len(INNER))}


@pytest.mark.parametrize("inner", [IP() / UDP() / Raw(b"12345"), IPv6() / TCP() / Raw(b"12345")])
def test_untraced_packets_count_by_the_same_definition(inner: Packet) -> None:
    assert pair(bench().see(n3(N3_V4, gtp(bytes(inner)))).user) == (1, len(inner))


def test_signalling_of_the_tunnel_is_not_user_traffic() -> None:
    for message in (1, 2, 26, 31, 254):
        packet = n3(N3_V4, gtp(bytes(8), message=message))
        node = bench().see(packet)
        assert (pair(node.other), node.user.packets) == ((1, len(packet)), 0)


def test_a_packet_that_is_not_gtpu_is_an_ordinary_packet() -> None:
    for payload in (b"\x10" + bytes(20), b"\x50" + bytes(20), gtp(b"\x80" + bytes(60)), gtp(b"")):
        counter = bench()
        packet = n3(N3_V4, payload)
        assert pair(counter.see(packet).user) == (1, len(packet))
        assert not any(counter.counts().errors.values())


@pytest.mark.parametrize(
    "payload",
    [
        b"\x30\xff\0",
        gtp(b"", flags=1)[:-1],
        gtp(b"", extensions=2)[:-1],
        gtp(INNER, extensions=9),
        gtp(b"", extensions=1)[:12] + b"\0\0\0\0" + INNER,
    ],
)
def test_an_unreadable_gtpu_header_counts_as_the_outer_packet(payload: bytes) -> None:
    counter = bench()
    packet = n3(N3_V4, payload)
    assert pair(counter.see(packet).user) == (1, len(packet))
    assert counter.counts().errors[decode.GTPU_HEADER] == 1


def test_management_is_recognised_by_the_packet_that_is_counted() -> None:
    inner = bytes(IPv6() / TCP(dport=22))
    node = bench(Other(ports=frozenset({22}))).see(n3(N3_V4, gtp(inner)))
    assert pair(node.other) == (1, len(inner))
    node = bench(Other(ports=frozenset({2152}))).see(n3(N3_V4, gtp(inner)))
    assert pair(node.user) == (1, len(inner))


def test_ioam_on_the_outer_header_is_the_one_that_counts() -> None:
    outer = ipv6(traced(), bytes(UDP(dport=2152) / Raw(gtp(ipv6(traced(bytes(16)))))))
    assert trace_pairs(bench().see(outer)) == {TRACE_ID.hex(): (1, len(outer))}
    carrier = ipv6(traced(next_header=41), INNER)
    assert trace_pairs(bench().see(carrier)) == {TRACE_ID.hex(): (1, len(carrier))}


def test_ipv6_in_ipv6_counts_the_inner_packet() -> None:
    once = bytes(IPv6(nh=41) / Raw(INNER))
    assert trace_pairs(bench().see(once)) == {TRACE_ID.hex(): (1, len(INNER))}
    in_tunnel = n3(N3_V6, gtp(once))
    assert trace_pairs(bench().see(in_tunnel)) == {TRACE_ID.hex(): (1, len(INNER))}
    deep = INNER
    for _ in range(4):
        deep = bytes(IPv6(nh=41) / Raw(deep))
    node = bench().see(deep)
    assert (trace_pairs(node), pair(node.user)) == ({}, (1, len(INNER) + 40))


def test_data_beyond_the_end_of_the_carrier_are_not_a_packet() -> None:
    packet = bytearray(n3(N3_V6, gtp(INNER)))
    for length, octets in ((20, 60), (8, 48)):
        packet[4:6] = struct.pack("!H", length)
        assert pair(bench().see(bytes(packet)).user)[1] <= octets


def test_the_fragments_of_a_tunnels_packet_are_packets() -> None:
    counter = bench()
    whole = bytes(UDP(sport=2152, dport=2152, chksum=1) / Raw(gtp(INNER)))
    for packet in (
        IP(flags="MF", proto=17) / Raw(whole[:80]),
        IP(frag=10, proto=17) / Raw(whole[80:]),
        IPv6() / IPv6ExtHdrFragment(m=1, nh=17) / Raw(whole[:80]),
        IPv6() / IPv6ExtHdrFragment(offset=10, nh=17) / Raw(whole[80:]),
    ):
        counter.see(packet)
    assert counter.node.user.packets == counter.counts().fragments == 4
    assert counter.node.user.octets == 2 * len(whole) + 2 * 20 + 2 * 48
    assert trace_pairs(counter.node) == {}


def test_fragments_of_a_traced_packet_each_count() -> None:
    counter = bench()
    for more in (b"\0\1", b"\0\x80"):
        counter.see(ipv6(traced(next_header=44), b"\x11\0" + more + bytes(4) + bytes(100)))
    assert counter.counts().fragments == 2
    assert trace_pairs(counter.node)[TRACE_ID.hex()][0] == 2


def test_an_atomic_fragment_is_whole() -> None:
    counter = bench()
    counter.see(n3(IPv6() / IPv6ExtHdrFragment(nh=17), gtp(INNER)))
    assert counter.counts().fragments == 0
    assert trace_pairs(counter.node) == {TRACE_ID.hex(): (1, len(INNER))}


@pytest.mark.parametrize("outer", [N3_V4, N3_V6])
def test_each_segment_counts_for_its_own_user(outer: Packet) -> None:
    mine, others = gtp(INNER), gtp(ipv6(traced(bytes(16))), teid=2)
    plain = gtp(bytes(IPv6() / UDP() / Raw(bytes(50))))
    assert len(mine) == len(others)
    counter = bench()
    node = counter.see(n3(outer, mine + others + mine + plain), segments=Segments(len(mine), tcp=False, transport=-1))
    assert trace_pairs(node) == {TRACE_ID.hex(): (2, 2 * len(INNER)), "other": (1, len(INNER))}
    assert pair(node.user) == (4, 3 * len(INNER) + 98)
    assert not any(counter.counts().errors.values())


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_large_packet_in_an_ipv6_tunnel_counts_as_its_segments(is_stated: bool) -> None:
    inner = ipv6(traced(next_header=6), bytes(TCP() / Raw(bytes(2500))))
    packet = bytes(IPv6(nh=41) / Raw(inner))
    transport = len(packet) - 2520 if is_stated else -1
    node = bench().see(packet, segments=Segments(1000, tcp=True, transport=transport))
    assert trace_pairs(node) == {TRACE_ID.hex(): (3, len(inner) + 2 * (len(inner) - 2500))}


def test_a_jumbogram_says_its_length_in_an_option() -> None:
    payload = bytes(70_000)
    jumbo = b"\x11\0\xc2\x04" + struct.pack("!I", 8 + len(payload))
    packet = struct.pack("!IHBB", 6 << 28, 0, 0, 64) + bytes(32) + jumbo + payload
    counter = bench()
    assert pair(counter.see(packet, padding=9).user) == (1, len(packet))
    assert counter.counts().jumbograms == 1
    no_jumbo = struct.pack("!IHBB", 6 << 28, 0, 0, 64) + bytes(32) + b"\x11\0\x01\x04" + bytes(104)
    counter = bench()
    counter.see(no_jumbo)
    assert (counter.counts().jumbograms, counter.counts().errors[decode.TRUNCATED]) == (0, 1)


@given(st.binary(max_size=60))
def test_any_payload_has_an_answer(payload: bytes) -> None:
    try:
        start, teid, _ = gtpu.payload(bytearray(payload), 0, len(payload))
    except decode.Malformed:
        return
    assert start in (gtpu.SIGNALLING, gtpu.FOREIGN) or 8 <= start <= len(payload)
    assert 0 <= teid < 1 << 32


@given(st.binary(max_size=200), st.sampled_from([N3_V4, N3_V6]), st.booleans())
def test_whatever_a_tunnel_holds_counts_once(payload: bytes, outer: Packet, wrapped: bool) -> None:
    counter = bench()
    packet = n3(outer, gtp(payload) if wrapped else payload)
    node = counter.see(packet)
    assert node.user.packets + node.other.packets == 1
    assert node.user.octets + node.other.octets <= len(packet)
