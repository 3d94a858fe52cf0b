# SPDX-License-Identifier: Apache-2.0
"""Mirror ports: both directions come in, and the packet says which it has."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from joulepath.ioam import config
from joulepath.ioam.settings import Other, Point, Rule, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.directions import place
from joulepath.ioam.table.packets import PacketCounter
from tests.exporters.ioam.table.test_tunnels import N3_V4, gtp, n3

pytestmark = pytest.mark.unit

DOCUMENT = """
nodes:
  - node_id: 4
    interfaces:
      mirror0:
        mirror:
          uplink: {sources: ["10.60.0.0/16", "fd60::/32"], teids: [7, "0x1000-0x1fff"]}
          downlink: {destinations: ["10.60.0.0/16", "fd60::/32"]}
"""
RULES = (
    Rule("uplink", (ip_network("10.60.0.0/16"), ip_network("fd60::/32")), (), (range(7, 8), range(0x1000, 0x2000))),
    Rule("downlink", (), (ip_network("10.60.0.0/16"), ip_network("fd60::/32"))),
)
POINT = Point("mirror0", "received", 4, "unknown", path=True, rules=RULES)


def test_a_mirror_is_configured_by_rules_of_direction(tmp_path: Path) -> None:
    path = tmp_path / "ioam.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    assert config.read(path).points == (POINT,)


USER = bytes(IPv6(src="fd99::1", dst="fd99::2") / UDP())


@pytest.mark.parametrize(
    ("packet", "direction"),
    [
        (IP(src="10.60.1.2", dst="192.0.2.1") / UDP(), "uplink"),
        (IP(src="192.0.2.1", dst="10.60.1.2") / UDP(), "downlink"),
        (IPv6(src="fd60::1", dst="fd99::2") / UDP(), "uplink"),
        (IPv6(src="fd99::2", dst="fd60::1") / UDP(), "downlink"),
        (IP(src="10.60.1.2", dst="10.60.1.3") / UDP(), "uplink"),  # the first rule that fits
        (IP(src="10.61.1.2", dst="10.59.1.3") / UDP(), "unknown"),
        (n3(N3_V4, gtp(USER, teid=7)), "uplink"),
        (n3(N3_V4, gtp(USER, teid=0x1FFF)), "uplink"),
        (n3(N3_V4, gtp(USER, teid=0x2000)), "unknown"),
        (n3(N3_V4, gtp(bytes(IP(src="192.0.2.1", dst="10.60.1.2") / UDP()))), "downlink"),
    ],
)
def test_the_packet_decides_its_direction(packet: Packet | bytes, direction: str) -> None:
    table = Table(Settings(points=(POINT,)))
    assert [node.direction for node in table.snapshot().nodes] == ["unknown", "uplink", "downlink"]
    counter = PacketCounter(table, Classifier(Other()))
    frame = bytearray(bytes(packet))
    counter.count(place(table, POINT), frame, 0, len(frame), len(frame))
    assert {node.direction: node.user.packets for node in table.snapshot().nodes if node.user.packets} == {direction: 1}
