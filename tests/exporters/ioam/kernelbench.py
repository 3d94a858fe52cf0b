# SPDX-License-Identifier: Apache-2.0
"""The same frames through the program in the kernel (BPF_PROG_TEST_RUN) and through the counter in Python."""

from collections.abc import Iterable
from dataclasses import fields, replace
from ipaddress import ip_network
from typing import Any, NamedTuple

from joulepath.bpf import testrun
from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Bounds, Flow, Match, Namespace, Other, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.counts import Counts, NodeCounts
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.wire.link import ETHERNET, ip_offset, vlan_id
from joulepath.ioam.wire.segments import Segments

CAMERA = bytes(range(16))
SETTINGS = Settings(
    points=(Point("eth0", "received", 4, "uplink", path=True),),
    namespaces={
        0: Namespace(ids=frozenset({CAMERA})),
        1: Namespace(octets=4),
        2: Namespace(octets=0, ids=frozenset({b""})),
        3: Namespace(octets=9),
        4: Namespace(clt=True),
    },
    bounds=Bounds(max_traces=4000, new_per_hour=10**9),
    other=Other((ip_network("fd00:1::/32"), ip_network("10.1.0.0/16")), frozenset({22, 10474}), frozenset({132})),
    max_path_nodes=10**9,
    max_path_series=10**9,
    hold_seconds=0,
)
# Of each field one, for what the frames have; the last fits all that is left.
FLOWS = (
    Flow("tunnel", (Match(teid=(range(0xA0, 0xA2),), qfi=(range(1),), ports=(range(5000, 5001),)),)),
    Flow("tagged", (Match(vlan=(range(7, 8),), ue=(ip_network("fd00:2::/32"), ip_network("10.2.0.0/15"))),)),
    Flow("marked", (Match(dscp=(range(1, 64),), teid=(range(1 << 32),)), Match(protocol=(range(6, 7),)))),
    Flow("remote", (Match(remote=(ip_network("::/1"), ip_network("192.168.0.0/16")), ue_ports=(range(2000, 6000),)),)),
    Flow("rest", (Match(protocol=(range(256),), vlan=(range(1, 4095),)), Match(ue=(ip_network("::1/128"),)))),
)
# The program has no fast path where TCP is management, and asks no map without configured addresses or ports.
FORMS = {
    "general": replace(SETTINGS, other=replace(SETTINGS.other, protocols=frozenset({6, 132}))),
    "other": replace(SETTINGS, flows=FLOWS),
    "short": replace(SETTINGS, other=Other()),
}


class Frame(NamedTuple):
    """An Ethernet frame; `segment` is the segment size of a large packet."""

    octets: bytes
    segment: int = 0
    tcp: bool = False


Seen = dict[str, object]
"""The fields of Counts on which all backends agree."""
_OF_ONE_BACKEND = {"measured", "latencies", "clock_errors", "marked", "admitted"}
"""Clocks and samples; and the kernel leaves timestamps and sequence numbers in the packets."""


def summarize(counts: Counts) -> Seen:
    """Of a snapshot."""
    names = {field.name for field in fields(Counts)} - _OF_ONE_BACKEND
    return {name: getattr(counts, name) for name in names} | {"nodes": [_node(node) for node in counts.nodes]}


def _node(node: NodeCounts) -> tuple[object, ...]:
    return (
        node.node_id,
        node.direction,
        (node.user.packets, node.user.octets),
        (node.other.packets, node.other.octets),
        {label: (count.packets, count.octets) for label, count in node.traces.items()},
        {
            (label, name): (count.packets, count.octets)
            for label, path in node.paths.items()
            for name, count in path.counts.items()
        },
        {name: (count.packets, count.octets) for name, count in node.flows.items()},
    )


def _no_time() -> float:
    return 0.0


class KernelBench:
    """Programs that stay loaded, and a table that may begin anew."""

    def __init__(self, settings: Settings, **sizes: Any) -> None:
        self.settings = settings
        self.kernel = Kernel(settings, **sizes)
        self.program = self.kernel.program(0, 14)

    def follow(self, flows: tuple[Flow, ...]) -> None:
        """Counts by other flows from now on."""
        self.kernel.follow(flows)
        self.settings = replace(self.settings, flows=flows)

    def close(self) -> None:
        self.kernel.close()

    def count(self, frames: Iterable[Frame]) -> Seen:
        """The counts of the kernel."""
        self.kernel.read()
        source = EbpfSource(self.settings, _no_time)
        for frame in frames:
            testrun.run(self.program, frame.octets, segment=frame.segment)
        source._merge(self.kernel, self.kernel.read())
        return summarize(source._table.snapshot())

    def expected(self, frames: Iterable[Frame]) -> Seen:
        """The counts of Python."""
        table = Table(self.settings, _no_time)
        counter = PacketCounter(table, Classifier(self.settings.other), self.settings.clt)
        point = self.settings.points[0]
        node = table.node(point.node_id, point.direction)
        for frame in frames:
            octets = bytearray(frame.octets)
            start = ip_offset(octets, 0, len(octets), ETHERNET)
            if start < 0:
                counter.skip(start)
                continue
            segments = Segments(frame.segment, frame.tcp, -1) if frame.segment else None
            vlan = vlan_id(octets, 0, start, ETHERNET)
            length = len(octets) - start
            counter.count(node, octets, start, len(octets), length, path=point.path, segments=segments, vlan=vlan)
        return summarize(table.snapshot())
