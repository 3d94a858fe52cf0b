# SPDX-License-Identifier: Apache-2.0
"""The flow of a packet: each field, both directions, the first that fits, and what is disjoint from it."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network, summarize_address_range

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.settings import Flow, Match, Namespace, Other, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import MAX_LEFT_FLOWS, Table
from joulepath.ioam.table.counts import NodeCounts
from joulepath.ioam.table.flows import MAX_MATCHES, joined, too_many
from joulepath.ioam.table.overlap import hidden, remarks
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.table.vectors import NONE, Vectors
from joulepath.ioam.wire.link import ETHERNET, ip_offset, vlan_id
from joulepath.ioam.wire.segments import Segments
from tests.exporters.ioam.flowing import LISTED, TCP, UDP, UNLISTED, Sent, Tunnel, flow_lists, flow_of, packets
from tests.exporters.ioam.tables import Clock

pytestmark = pytest.mark.unit

SETTINGS = Settings(
    points=(Point("eth0", "received", 4, "uplink", path=True),), namespaces={0: Namespace(ids=frozenset({LISTED}))}
)
USER, SERVER = ip_address("10.1.2.3"), ip_address("192.0.2.1")
CAMERA = Match(ue=(ip_network("10.1.2.3/32"),), remote=(ip_network("192.0.2.0/24"),), ports=(range(5000, 5010),))
SENT = Sent(USER, SERVER)


def count(flows: Sequence[Flow], sent: Sequence[Sent], **more: object) -> NodeCounts:
    """The counts of one node that has seen the frames."""
    table = Table(replace(SETTINGS, flows=tuple(flows), **more), Clock())  # type: ignore[arg-type]
    (node,) = [see(table, one) for one in sent][-1:]
    return node


def see(table: Table, sent: Sent, *, segment: int = 0) -> NodeCounts:
    counter = PacketCounter(table, Classifier(Other(ports=frozenset({22}))))
    node = table.node(4, "uplink")
    octets = bytearray(sent.frame)
    start = ip_offset(octets, 0, len(octets), ETHERNET)
    vlan = vlan_id(octets, 0, start, ETHERNET)
    segments = Segments(segment, sent.protocol == TCP, -1) if segment else None
    counter.count(node, octets, start, len(octets), len(octets) - start, segments=segments, vlan=vlan)
    return node


def flow(*matches: Match, name: str = "camera") -> Flow:
    return Flow(name, matches)


@given(flow_lists(), st.lists(packets(), min_size=1, max_size=8))
def test_the_flow_is_that_of_a_plain_loop(flows: tuple[Flow, ...], sent: list[Sent]) -> None:
    expected = {one.name: [0, 0] for one in flows}
    for packet in sent:
        if (name := flow_of(packet, flows)) is not None:
            expected[name][0] += 1
            expected[name][1] += len(packet.octets)
    node = count(flows, sent)
    assert {name: [one.packets, one.octets] for name, one in node.flows.items()} == expected
    listed = sum(one.packets for label, one in node.traces.items() if label.trace_id == LISTED.hex())
    assert sum(one.packets for one in node.flows.values()) + listed <= node.user.packets == len(sent)


@pytest.mark.parametrize("way", ["sent", "got"])
@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"destination_port": 5009}, True),
        ({"destination_port": 5010}, False),
        ({"destination": ip_address("192.0.3.1")}, False),
        ({"source": ip_address("10.1.2.4")}, False),
        ({"protocol": TCP}, True),
        ({"protocol": 1}, False),
    ],
)
def test_a_match_holds_in_both_directions(way: str, change: dict[str, object], fits: bool) -> None:
    sent = replace(SENT, **change)  # type: ignore[arg-type]
    if way == "got":
        sent = replace(
            sent,
            source=sent.destination,
            destination=sent.source,
            source_port=sent.destination_port,
            destination_port=sent.source_port,
        )
    assert count([flow(CAMERA)], [sent]).flows["camera"].packets == fits


@pytest.mark.parametrize(
    ("match", "fitting", "other"),
    [
        (Match(dscp=(range(46, 47),)), {"dscp": 46}, {"dscp": 45}),
        (Match(vlan=(range(7, 8),)), {"tags": (100, 7)}, {"tags": (7, 100)}),
        (Match(vlan=(range(7, 8),)), {"tags": (7, 0)}, {"tags": ()}),
        (Match(vlan=(range(7, 8),)), {"tags": (7,), "tunnels": (Tunnel(1, tags=()),)}, {"tags": (0,)}),
        (Match(vlan=(range(7, 8),)), {"tags": (9,), "tunnels": (Tunnel(1, tags=(7,)),)}, {"tags": (9,)}),
        (Match(teid=(range(8, 9),)), {"tunnels": (Tunnel(1), Tunnel(8))}, {"tunnels": (Tunnel(8), Tunnel(1))}),
        (Match(teid=(range(1),)), {"tunnels": (Tunnel(0),)}, {}),
        (Match(qfi=(range(5, 6),)), {"tunnels": (Tunnel(1, 5),)}, {"tunnels": (Tunnel(1, 5), Tunnel(2))}),
        (Match(qfi=(range(1),)), {"tunnels": (Tunnel(1, 0, uplink=True),)}, {"tunnels": (Tunnel(1),)}),
        (Match(ue_ports=(range(40000, 40001),)), {}, {"source_port": 40001}),
        (Match(protocol=(range(17, 18),)), {}, {"protocol": TCP}),
    ],
)
def test_each_field_is_that_of_the_packet_or_its_carrier(
    match: Match, fitting: dict[str, object], other: dict[str, object]
) -> None:
    flows = [flow(match)]
    assert count(flows, [replace(SENT, **fitting)]).flows["camera"].packets == 1  # type: ignore[arg-type]
    assert count(flows, [replace(SENT, **other)]).flows["camera"].packets == 0  # type: ignore[arg-type]


def test_the_first_flow_counts_and_no_other() -> None:
    everything = flow(Match(ue=(ip_network("0.0.0.0/0"),)), name="rest")
    node = count([flow(CAMERA), everything], [SENT, replace(SENT, destination_port=80)])
    assert {name: one.packets for name, one in node.flows.items()} == {"camera": 1, "rest": 1}
    node = count([everything, flow(CAMERA)], [SENT, replace(SENT, destination_port=80)])
    assert {name: one.packets for name, one in node.flows.items()} == {"rest": 2, "camera": 0}


def test_a_configured_trace_keeps_its_packets_and_others_do_not() -> None:
    sent = Sent(ip_address("fd00:1::1"), ip_address("2001:db8::1"))
    flows = [flow(Match(ue=(ip_network("fd00::/8"),)))]
    node = count(flows, [sent, replace(sent, trace=LISTED), replace(sent, trace=UNLISTED)])
    assert {label.trace_id: one.packets for label, one in node.traces.items() if one.packets} == {
        LISTED.hex(): 1,
        "other": 1,
    }
    assert node.flows["camera"].packets == 2  # without a trace, and with the unlisted one
    assert node.user.packets == 3


def test_signalling_has_no_flow() -> None:
    node = count([flow(Match(protocol=(range(256),)))], [replace(SENT, destination_port=22)])
    assert (node.other.packets, node.user.packets, node.flows["camera"].packets) == (1, 0, 0)


def test_a_large_packet_counts_as_the_packets_on_the_wire() -> None:
    table = Table(replace(SETTINGS, flows=(flow(CAMERA),)), Clock())
    node = see(table, replace(SENT, payload=1000), segment=100)
    # 1000 octets of payload in pieces of 100, each with 20 octets of IPv4 and 8 of UDP
    assert (node.flows["camera"].packets, node.flows["camera"].octets) == (10, 1000 + 10 * 28)


def test_pieces_of_a_tunnels_large_packet_have_flows_of_their_own() -> None:
    first, second = (replace(SENT, payload=200, tunnels=(Tunnel(teid, 5),)) for teid in (1, 2))
    whole = Tunnel(1, 5).around(first.octets)[28:] + Tunnel(2, 5).around(second.octets)[28:]
    frame = Sent(ip_address("192.0.2.200"), SERVER, UDP, 2152, 2152)
    body = frame.octets[20:28] + whole
    table = Table(
        replace(
            SETTINGS,
            flows=(flow(Match(teid=(range(1, 2),))), flow(Match(teid=(range(2, 3),), vlan=(range(7, 8),)), name="b")),
        ),
        Clock(),
    )
    head = bytearray(frame.octets[:20])
    head[2:4] = (20 + len(body)).to_bytes(2, "big")
    packet = bytes(head) + body
    counter, node = PacketCounter(table, Classifier(Other())), table.node(4, "uplink")
    counter.count(
        node, bytearray(packet), 0, len(packet), len(packet), segments=Segments(len(whole) // 2, False, -1), vlan=7
    )
    assert {name: one.packets for name, one in node.flows.items()} == {"camera": 1, "b": 1}


def test_fragments_behind_the_first_have_no_ports() -> None:
    sent = bytearray(SENT.octets)
    sent[6:8] = b"\0\x10"
    table = Table(replace(SETTINGS, flows=(flow(CAMERA), flow(replace(CAMERA, ports=()), name="any"))), Clock())
    node = table.node(4, "uplink")
    PacketCounter(table, Classifier(Other())).count(node, sent, 0, len(sent), len(sent), vlan=NONE)
    assert {name: one.packets for name, one in node.flows.items()} == {"camera": 0, "any": 1}


def test_flows_change_without_losing_a_count() -> None:
    clock = Clock()
    table = Table(replace(SETTINGS, flows=(flow(CAMERA), flow(CAMERA, name="old")), hold_seconds=30.0), clock)
    for _ in range(3):
        see(table, SENT)
    table.follow([flow(CAMERA, name="new"), flow(CAMERA)])
    for _ in range(2):
        see(table, SENT)
    (node,) = table.snapshot().nodes
    assert {name: one.packets for name, one in node.flows.items()} == {"camera": 3, "old": 0, "new": 0}
    clock.now += 30  # a new series is held at 0, so that a scrape sees where it begins
    (node,) = table.snapshot().nodes
    assert {name: one.packets for name, one in node.flows.items()} == {"camera": 3, "old": 0, "new": 2}
    table.follow([])
    see(table, SENT)
    (node,) = table.snapshot().nodes
    assert {name: one.packets for name, one in node.flows.items()} == {"old": 0, "camera": 3, "new": 2}


def test_series_of_flows_that_left_are_bounded() -> None:
    table = Table(replace(SETTINGS, flows=(flow(CAMERA),)), Clock())
    see(table, SENT)
    for number in range(MAX_LEFT_FLOWS + 10):
        table.follow([flow(CAMERA, name=f"flow-{number}")])
    (node,) = table.snapshot().nodes
    assert len(node.flows) == MAX_LEFT_FLOWS + 1
    assert "camera" not in node.flows  # the earliest that left
    again = Table(replace(SETTINGS, flows=(flow(CAMERA),), before=table.snapshot().before()), Clock())
    assert len(again.node(4, "uplink").flows) == MAX_LEFT_FLOWS + 1


@given(flow_lists(4), st.lists(packets(), max_size=20))
def test_a_flow_that_is_called_hidden_counts_nothing(flows: tuple[Flow, ...], sent: list[Sent]) -> None:
    names = {name for name, _ in hidden(flows)}
    assert not names & {flow_of(packet, flows) for packet in sent}


def test_a_hidden_flow_is_named_with_what_hides_it() -> None:
    wide = flow(Match(ue=(ip_network("10.0.0.0/8"),), ports=(range(5000, 6000),)), name="wide")
    narrow = flow(Match(ue=(ip_network("10.1.0.0/16"),), ports=(range(5000, 5001), range(5900, 5910))), name="narrow")
    (line,) = remarks([wide, narrow])
    assert line.startswith("flows.narrow: never counts a packet, since wide before it fits all of its packets: put it")
    assert remarks([narrow, wide]) == []
    folder, below = (flow(Match(cgroup=path), name=path) for path in ("/a", "/a/b"))
    assert [name for name, _ in hidden([folder, below, flow(Match(cgroup="/ab"), name="c")])] == ["/a/b"]


@pytest.mark.parametrize(
    ("match", "why"),
    [
        (
            Match(ue=(ip_network("10.0.0.0/8"),), remote=(ip_network("fd00::/8"),)),
            "`ue` and `remote` have no IP version in common",
        ),
        (Match(protocol=(range(1, 2),), ue_ports=(range(80, 81),)), "only UDP, TCP and SCTP have ports"),
        (Match(cgroup="/a"), "`cgroup` needs an interface with `sent`"),
    ],
)
def test_a_match_that_fits_no_packet_is_named(match: Match, why: str) -> None:
    assert remarks([flow(match)], sent=False) == [f"flows.camera: fits no packet, since {why}"]
    assert remarks([flow(CAMERA, match)], sent=False) == [f"flows.camera[1]: fits no packet, since {why}"]
    assert remarks([flow(Match(cgroup="/a"))]) == []


def test_a_flow_without_matches_stays_at_0() -> None:
    node = count([Flow("nobody", ()), flow(CAMERA)], [SENT])
    assert {name: series.packets for name, series in node.flows.items()} == {"nobody": 0, "camera": 1}


@given(st.integers(0, 400), st.integers(1, 400))
def test_aligned_blocks_of_a_range_are_counted(start: int, length: int) -> None:
    own = Vectors([flow(Match(teid=(range(start, start + length),)))])
    blocks = list(summarize_address_range(IPv4Address(start), IPv4Address(start + length - 1)))
    assert own.entries == len(blocks)


def test_flows_beyond_the_room_of_the_kernel_are_refused() -> None:
    # 4095 of 4096 numbers: 12 blocks on each side of the middle, less the one number, in each of 12,000 ranges
    ranges = tuple(range(4096 * number + 1, 4096 * number + 4095) for number in range(12_000))
    (line,) = too_many((flow(Match(teid=ranges)),))
    assert line == "flows: 264000 prefixes and aligned blocks of TEIDs; at most 262144: align the ranges of TEIDs"
    bits = [tuple(ip_network((value << 8, 24)) for value in range(1 << 13) if value >> bit & 1) for bit in range(13)]
    sieve = flow(*(Match(ue=prefixes) for prefixes in bits))
    assert list(too_many((sieve,))) == []  # each of 2**13 sets of matches
    assert list(too_many((sieve, flow(Match(dscp=(range(1),)))))) == [
        "flows: prefixes and ranges overlap in 8193 ways; at most 8192"  # and all but the last
    ]


def test_bounds_and_names_that_stand_twice_are_mistakes() -> None:
    many = tuple(flow(CAMERA, name=str(number)) for number in range(MAX_MATCHES + 1))
    assert list(too_many(many[1:])) == []
    with pytest.raises(ValueError, match=r"513 flows with 513 matches; at most 512"):
        joined(many[:1], many[1:])
    with pytest.raises(ValueError, match=r"flows\.7: is in the configuration, too"):
        joined(many[:8], many[7:8])
