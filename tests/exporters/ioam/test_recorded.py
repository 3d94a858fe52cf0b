# SPDX-License-Identifier: Apache-2.0
"""A capture of packets that a Linux kernel stamped, and a second opinion on it where tshark is installed."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import RawPcapReader, wrpcap

from joulepath.ioam.settings import Namespace, Other, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.wire import decode
from tests.exporters.ioam.encoder import Node, option, trace_data
from tests.exporters.ioam.encoder import hop_by_hop as encode
from tests.exporters.ioam.tshark import Tshark

pytestmark = pytest.mark.unit


def frames(path: Path) -> list[bytes]:
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


def hop_by_hop(frame: bytes) -> bytes | None:
    """The hop-by-hop header of an Ethernet frame."""
    if frame[12:14] != b"\x86\xdd" or frame[20] != 0:
        return None
    return frame[54 : 54 + 8 + frame[55] * 8]


@pytest.fixture
def capture(recordings: Path) -> Path:
    path = recordings / "ioam" / "linux-6.18-transit-stamped.pcap"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path


def test_a_kernels_stamps_are_read(capture: Path) -> None:
    headers = [header for frame in frames(capture) if (header := hop_by_hop(frame)) is not None]
    traces = [trace for header in headers for trace in decode.options(header).traces]
    assert [trace._replace(times=(), stamps=()) for trace in traces] == [
        decode.Trace(123, None, (2,), overflow=False)
    ] * 20
    # The capture's own clock is the kernel's: the node's time is not later, and its fraction holds microseconds.
    assert all(time & 0xFFFFFFFF < 1_000_000 for trace in traces for time in trace.times)
    assert len(headers) == 23  # three are multicast listener reports


def test_recorded_packets_are_counted(capture: Path) -> None:
    point = Point("eth0", "received", 4, "uplink", path=True)
    table = Table(Settings(points=(point,), namespaces={123: Namespace(octets=0, ids=frozenset({b""}))}))
    counter, node = PacketCounter(table, Classifier(Other())), table.node(4, "uplink")
    seen = frames(capture)
    for frame in seen:
        counter.count(node, bytearray(frame), 14, len(frame), len(frame) - 14, path=True)
    assert (node.user.packets, node.other.packets) == (20, 3)
    assert node.user.octets + node.other.octets == sum(len(frame) - 14 for frame in seen)
    assert {label: count.packets for label, count in node.traces.items() if count.packets} == {("123", "all"): 20}


Dissect = Callable[[Path], list[tuple[int, bool, tuple[int, ...]]]]


@pytest.fixture(scope="module")
def dissect(absent: Callable[[str, str], NoReturn]) -> Dissect:
    """Namespace, overflow flag and node ids of each trace in a capture, as Wireshark's dissector reads them."""
    try:
        tshark = Tshark()
    except FileNotFoundError as missing:
        absent("tshark", str(missing))
    fields = [f"ipv6.opt.ioam.trace.{name}" for name in ("ns", "flag.o", "node.id", "node.id_wide")]
    arguments = ["-Y", "ipv6.opt.ioam.trace.ns", "-T", "fields", *(item for name in fields for item in ("-e", name))]

    def run(path: Path) -> list[tuple[int, bool, tuple[int, ...]]]:
        lines = [line.split("\t") for line in tshark.read(path, *arguments).splitlines()]
        return [
            (int(namespace), overflow == "1", tuple(int(node, 0) for node in (short or wide).split(",") if node))
            for namespace, overflow, short, wide in lines
        ]

    return run


def ours(headers: list[bytes]) -> list[tuple[int, bool, tuple[int, ...]]]:
    traces = [trace for header in headers for trace in decode.options(header).traces]
    return [(trace.namespace, trace.overflow, trace.nodes) for trace in traces]


def test_tshark_agrees_on_a_kernels_stamps(capture: Path, dissect: Dissect) -> None:
    assert dissect(capture) == ours([header for frame in frames(capture) if (header := hop_by_hop(frame)) is not None])


@pytest.mark.parametrize("wide", [False, True])
def test_tshark_agrees_on_what_the_tests_encode(tmp_path: Path, dissect: Dissect, wide: bool) -> None:
    """A thousand traces of any type, with any number of nodes and Opaque State Snapshots of any length."""
    chance = random.Random(8 if wide else 0)
    headers: list[bytes] = []
    lengths: set[int] = set()
    while len(headers) < 1000:
        bits = sorted({8 if wide else 0, *chance.sample([*range(1, 8), *range(9, 12), 22], chance.randrange(8))})
        nodes = [
            Node({8 if wide else 0: (64 - at, chance.randrange(1 << 24))}, snapshot(chance))
            for at in range(chance.randrange(6))
        ]
        data = trace_data(chance.randrange(1 << 16), bits, nodes, chance.randrange(4), 8 * chance.randrange(2))
        if len(data) <= 240:
            headers.append(encode(b"\1\0", option(data)))
            lengths.add(len(nodes))
    path = tmp_path / "encoded.pcap"
    wrpcap(str(path), [Ether() / IPv6(nh=0) / Raw(header) / UDP() for header in headers])
    assert lengths == set(range(6))
    assert dissect(path) == ours(headers)


def snapshot(chance: random.Random) -> bytes | None:
    return chance.choice([None, b"", chance.randbytes(4 * chance.randrange(6))])
