# SPDX-License-Identifier: Apache-2.0
"""A table with one point and one configured trace, and a way to put packets into it."""

import struct

from scapy.packet import Packet

from joulepath.ioam.settings import Bounds, Namespace, Other, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.counts import Counts, NodeCounts
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.wire.segments import Segments
from tests.exporters.ioam.encoder import SNAPSHOT, Node, hop_by_hop, option, trace_data

TRACE_ID = bytes(range(16))
NOTHING = Other()
POINT = Point("eth0", "received", 4, "uplink", path=True)


class Bench:
    """Counts packets into a table of its own."""

    def __init__(self, settings: Settings) -> None:
        self.table = Table(settings)
        self.counter = PacketCounter(self.table, Classifier(settings.other), settings.clt)
        self.node = self.table.node(POINT.node_id, POINT.direction)

    def see(self, packet: bytes | Packet, *, padding: int = 0, segments: Segments | None = None) -> NodeCounts:
        octets = bytes(packet)
        frame = bytearray(octets + bytes(padding))
        self.counter.count(self.node, frame, 0, len(frame), len(frame), path=True, segments=segments)
        return self.node

    def counts(self) -> Counts:
        return self.table.snapshot()


def bench(other: Other = NOTHING, bounds: Bounds | None = None) -> Bench:
    """Trace 00..0f of namespace 123 is configured."""
    namespaces = {123: Namespace(ids=frozenset({TRACE_ID}))}
    return Bench(Settings(points=(POINT,), namespaces=namespaces, other=other, bounds=bounds))


def ipv6(header: bytes, payload: bytes = bytes(108), next_header: int = 0) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(header + payload), next_header, 64) + bytes(31) + b"\1" + header + payload


def traced(trace_id: bytes = TRACE_ID, namespace: int = 123, flags: int = 0, next_header: int = 17) -> bytes:
    nodes = [Node({0: (64, 1)}, trace_id), Node({0: (63, 2)})]
    data = trace_data(namespace, [0, SNAPSHOT], nodes, flags=flags)
    return hop_by_hop(b"\1\0", option(data), next_header=next_header)


def pair(count: object) -> tuple[int, int]:
    return count.packets, count.octets  # type: ignore[attr-defined]  # a Count, found in a dict


def trace_pairs(node: NodeCounts) -> dict[str, tuple[int, int]]:
    """Packets and octets by trace id, of the traces that had any."""
    return {label.trace_id: pair(count) for label, count in node.traces.items() if count.packets}
