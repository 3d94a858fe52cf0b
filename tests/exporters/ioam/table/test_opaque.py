# SPDX-License-Identifier: Apache-2.0
"""Encrypted and tunnelled packets count as docs/guides/which-traffic.md says."""

import random
import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from joulepath.ioam.settings import Flow, Match, Settings
from tests.exporters.ioam.bench import POINT, TRACE_ID, Bench, bench, ipv6, pair, trace_pairs, traced
from tests.exporters.ioam.table.test_tunnels import INNER, N3_V4, N3_V6, gtp, n3

pytestmark = pytest.mark.unit

ESP = 50  # RFC 4303
IPV4_INSIDE = 4  # RFC 2473
CIPHERED = random.Random(1).randbytes(len(INNER))


def esp(payload: bytes) -> bytes:
    """Of ESP what is in the clear, the SPI and the sequence number, and the rest."""
    return struct.pack("!II", 0x100, 1) + payload


@pytest.mark.parametrize(
    "packet",
    [
        N3_V4.copy() / Raw(esp(CIPHERED)),
        N3_V6.copy() / Raw(esp(CIPHERED)),
        N3_V4.copy() / UDP(sport=4500, dport=4500) / Raw(esp(CIPHERED)),  # RFC 3948
    ],
    ids=["ipv4", "ipv6", "udp"],
)
def test_of_encrypted_n3_only_the_outer_packet_counts(packet: Packet) -> None:
    if not packet.haslayer(UDP):
        setattr(packet, "nh" if packet.version == 6 else "proto", ESP)
    node = bench().see(bytes(packet))
    assert pair(node.user) == (1, len(packet))
    assert not any(packets for packets, _ in trace_pairs(node).values())


def test_a_trace_in_front_of_esp_counts() -> None:
    """Transport mode leaves hop-by-hop headers in the clear, in front of ESP: RFC 4303, section 3.1.1."""
    packet = bytearray(ipv6(traced()))
    packet[40] = ESP
    assert trace_pairs(bench().see(bytes(packet))) == {TRACE_ID.hex(): (1, len(packet))}


@pytest.mark.parametrize("outer", [N3_V4, N3_V6])
def test_f1_u_counts_as_its_carrier(outer: Packet) -> None:
    """GTP-U with PDCP's ciphered data: one extension, the NR RAN container of TS 38.425, is in front of them."""
    packet = n3(outer, gtp(CIPHERED, extensions=1))
    node = bench().see(packet)
    assert pair(node.user) == (1, len(packet))
    assert not any(packets for packets, _ in trace_pairs(node).values())


def test_ipv4_in_ipv6_counts_as_the_tunnel_does() -> None:
    inner = bytes(IP() / UDP() / Raw(b"12345"))
    packet = bytes(IPv6(nh=IPV4_INSIDE) / Raw(inner))
    assert pair(bench().see(packet).user) == (1, len(inner) + 40)


@pytest.mark.parametrize("payload", [CIPHERED, bytes(12) + b"\x88\x92" + bytes(60)], ids=["f1-u", "profinet"])
def test_a_flow_names_a_carrier_by_its_teid(payload: bytes) -> None:
    flows = (Flow("bearer", (Match(teid=(range(7, 8),)),)),)
    packet = n3(N3_V4, gtp(payload, teid=7))
    node = Bench(Settings(points=(POINT,), flows=flows)).see(packet)
    assert pair(node.flows["bearer"]) == (1, len(packet))
