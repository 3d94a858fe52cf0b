# SPDX-License-Identifier: Apache-2.0
"""The program over generated frames (BPF_PROG_TEST_RUN), beside what a few lines of Python make of them."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulepath.bpf import libbpf, testrun
from joulepath.ioam.wire import decode
from joulepath.ioam.wire.encode import hop_by_hop
from joulepath.tag.program import Program, State
from joulepath.tag.settings import Flow

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

ID, OTHER_ID = bytes(range(16)), bytes(range(16, 32))
NODE, ROOM = 7, 3
HEADER = 40 + 8 * ROOM
FLOWS = (
    Flow("udp", 1, ID, source=IPv6Network("fd01::/16"), protocol="udp", source_port=5000, destination_port=5001),
    Flow("net", 2, OTHER_ID, destination=IPv6Network("fd02::/61")),
    Flow("later", 3, ID, destination=IPv6Network("fd03::/64")),
    Flow("any address", 4, ID, protocol="udp", destination_port=5004),
)
STATES = {name: State(ID, None) for name in ("udp", "any address")} | {
    "net": State(OTHER_ID, None),
    "later": State(None, None),
}
PASS = 0xFFFFFFFF
PORTS = bytes.fromhex("13881389")  # 5000 and 5001
ETHERNET = bytes(12) + b"\x86\xdd"
ETHERNET_IPV4 = bytes(12) + b"\x08\x00"
TRANSPORTS = (6, 17)
IPV4_INSIDE = 4
KERNELS = -1
"""ICMPv6 that no application sends."""


def loaded(absent: Callable[[str, str], NoReturn]) -> Iterator[Program]:
    try:
        tagger = Program()
    except libbpf.UnavailableError as fault:
        absent("bpf", str(fault))
    tagger.apply(FLOWS, STATES, NODE, ROOM)
    yield tagger
    tagger.close()


@pytest.fixture(scope="module")
def program(absent: Callable[[str, str], NoReturn]) -> Iterator[Program]:
    yield from loaded(absent)


@pytest.fixture(name="damaged_program", scope="module")
def for_damaged_packets(absent: Callable[[str, str], NoReturn]) -> Iterator[Program]:
    yield from loaded(absent)


@pytest.fixture(name="fresh")
def fresh_program(absent: Callable[[str, str], NoReturn]) -> Iterator[Program]:
    """One that has seen no fragment and no message yet."""
    yield from loaded(absent)


@pytest.fixture(scope="module")
def shown() -> dict[bytes, tuple[int, bytes]]:
    """Protocol and ports of datagrams that `program` saw the first fragment of."""
    return {}


EXTENSIONS = st.lists(
    st.tuples(st.sampled_from([0, 43, 60, 44]), st.integers(0, 3), st.binary(min_size=32)), max_size=4
)
ADDRESSES = st.sampled_from(["fd01::1", "fd02::1", "fd02:0:0:7::1", "fd02:0:0:8::1", "fd03::1"]).map(
    lambda text: IPv6Network(text).network_address.packed
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """IPv6 packets with extension headers in any order."""
    protocol = draw(st.sampled_from([6, 17, 17, IPV4_INSIDE, 132, 58, 50, 59]))
    ports = draw(st.sampled_from([5000, 1])).to_bytes(2, "big") + draw(st.sampled_from([5001, 2])).to_bytes(2, "big")
    if protocol == 58:
        ports = draw(st.sampled_from([b"\x80", b"\x81", b"\x87"])) + ports[1:]  # echo, reply, neighbour solicitation
    body = ports + b"\x50" * 16 + draw(st.binary(max_size=40))
    for kind, units, drawn in reversed(draw(EXTENSIONS)):
        # Of few fragments and ids some agree.
        place = draw(st.sampled_from([b"\0\0", b"\0\1", b"\0\x08"])) + bytes(3) + draw(st.sampled_from([b"\1", b"\2"]))
        filling = place if kind == 44 else drawn
        octets = 8 if kind == 44 else 8 * (units + 1)
        body = bytes([protocol, 0 if kind == 44 else units]) + filling[: octets - 2].ljust(octets - 2, b"\0") + body
        protocol = kind
    head = b"\x60" + draw(st.binary(min_size=3, max_size=3)) + len(body).to_bytes(2, "big")
    return head + bytes([protocol, draw(st.integers(1, 255))]) + draw(ADDRESSES) + draw(ADDRESSES) + body


def shows(packet: bytes, shown: dict[bytes, tuple[int, bytes]]) -> tuple[int, bytes | None, Sequence[int]]:
    """Protocol, ports (b"" of a protocol without, None where hidden) and extension headers."""
    seen: list[int] = []
    kind, position, datagram = packet[6], 40, b""
    while kind in (0, 43, 44, 60) and len(seen) < 4:
        seen.append(kind)
        head = packet[position : position + 8]
        kind, position = head[0], position + (8 if kind == 44 else 8 * (head[1] + 1))
        if seen[-1] == 44:
            datagram = packet[8:40] + head[4:]
            if int.from_bytes(head[2:4], "big") & 0xFFF8:
                kind, ports = shown.get(datagram, (kind, None))
                return kind, ports if kind in TRANSPORTS else b"", seen
    ports = packet[position : position + 4] if kind in TRANSPORTS else b""
    if kind == 58 and packet[position] not in (128, 129):
        kind = KERNELS
    if datagram and (ports or kind == IPV4_INSIDE):
        shown[datagram] = kind, ports
    return kind, ports, seen


def expected_frame(packet: bytes, shown: dict[bytes, tuple[int, bytes]]) -> tuple[bytes, str | None, str | None]:
    """The packet as it leaves, the flow that it belongs to, and the reason why it has no trace."""
    kind, ports, seen = shows(packet, shown)
    unknown = "protocol" if ports == b"" and kind != IPV4_INSIDE else None
    in_the_way = "hop_by_hop" if 0 in seen else None
    name = None
    if kind == KERNELS:
        pass
    elif packet[8:10] == b"\xfd\x01" and kind == 17 and ports in (None, PORTS):
        name, trace_id, namespace = "udp", ID, 1
        reason = "hidden_ports" if ports is None else in_the_way
    elif packet[24:31] == bytes.fromhex("fd020000000000") and packet[31] < 8:
        name, trace_id, namespace = "net", OTHER_ID, 2
        reason = unknown or in_the_way
    elif packet[24:32] == bytes.fromhex("fd03000000000000"):
        name, reason = "later", unknown or in_the_way or "no_id"
    elif kind == 17 and ports is None:
        name, reason = "any address", "hidden_ports"
    if name is None or reason is not None:
        return packet, name, name and reason
    header = bytes([packet[6]]) + hop_by_hop(namespace, trace_id, NODE, packet[7], ROOM)[1:]
    length = (len(packet) - 40 + HEADER).to_bytes(2, "big")
    return packet[:4] + length + b"\0" + packet[7:40] + header + packet[40:], name, None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packets())
def test_a_packet_is_tagged_as_in_python(
    program: Program, shown: dict[bytes, tuple[int, bytes]], packet: bytes
) -> None:
    frame, name, reason = expected_frame(packet, shown)
    before = program.counts()
    run = testrun.run(program.fd(ethernet=True), ETHERNET + packet)
    after = program.counts()
    assert run.returned == PASS
    assert run.frame == ETHERNET + frame
    for flow in FLOWS:
        hit = flow.name == name
        tagged = hit and reason is None
        assert after[flow.name].packets - before[flow.name].packets == tagged
        assert after[flow.name].bytes - before[flow.name].bytes == (len(frame) if tagged else 0)
        for text, number in after[flow.name].untagged.items():
            assert number - before[flow.name].untagged[text] == (hit and reason == text)
    if name and reason is None:
        (trace,) = decode.options(frame[40 : 40 + HEADER]).traces
        assert trace.nodes == (NODE,)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packets(), st.data())
def test_damaged_packets_pass_untagged(damaged_program: Program, packet: bytes, data: st.DataObject) -> None:
    # The program is one that nothing models. The runner itself refuses less than an IPv6 header.
    damaged = bytearray(packet[: data.draw(st.integers(40, len(packet)))])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    run = testrun.run(damaged_program.fd(ethernet=True), ETHERNET + bytes(damaged))
    assert run.returned == PASS
    assert len(run.frame) - len(damaged) - 14 in (0, HEADER)
    assert run.frame.endswith(bytes(damaged[40:]))


def test_a_packet_that_the_kernel_refuses_to_grow_passes(program: Program) -> None:
    """A large packet of no kind that the kernel knows, as only the runner makes them; it says two segments."""
    packet = b"\x60\0\0\0\x04\x08\x11\x40" + bytes.fromhex("fd01" + "00" * 30) + PORTS + bytes(1028)
    before = program.counts()["udp"]
    run = testrun.run(program.fd(ethernet=True), ETHERNET + packet, segment=512)
    assert run.frame == ETHERNET + packet
    after = program.counts()["udp"]
    assert after.packets == before.packets
    assert after.untagged["refused"] == before.untagged["refused"] + 2


def test_a_change_takes_effect_at_once(program: Program) -> None:
    packet = b"\x60\0\0\0\0\x14\x11\x40" + bytes.fromhex("fd01" + "00" * 30) + PORTS + bytes(16)
    for trace_id in (OTHER_ID, bytes(16), ID):
        program.apply(FLOWS, {**STATES, "udp": State(trace_id, None)}, NODE, ROOM)
        frame = testrun.run(program.fd(ethernet=True), ETHERNET + packet).frame
        (trace,) = decode.options(frame[54 : 54 + HEADER]).traces
        assert trace.trace_id == trace_id


def test_counts_go_on_under_the_name_of_the_flow(program: Program) -> None:
    packet = b"\x60\0\0\0\0\x14\x11\x40" + bytes.fromhex("fd01" + "00" * 30) + PORTS + bytes(16)

    def udp(flows: tuple[Flow, ...]) -> int:
        program.apply(flows, {flow.name: State(ID, None) for flow in flows}, NODE, ROOM)
        testrun.run(program.fd(ethernet=True), ETHERNET + packet)
        assert list(program.counts()) == [flow.name for flow in flows]
        return program.counts()["udp"].packets

    before = udp(FLOWS)
    others = tuple(Flow(f"other {number}", 1, ID, destination=IPv6Network("fd09::/64")) for number in range(63))
    assert udp((*others, FLOWS[0])) == before + 1
    assert udp((FLOWS[0],)) == before + 2
    program.apply(others, {flow.name: State(ID, None) for flow in others}, NODE, ROOM)
    testrun.run(program.fd(ethernet=True), ETHERNET + packet)
    assert {count.packets for count in program.counts().values()} == {0}
    assert udp(FLOWS) == 1


SOURCE, DESTINATION = IPv6Address("fd01::1"), IPv6Address("fd02::1")


def udp_packet(octets: int, ports: bytes = PORTS, source: IPv6Address = SOURCE) -> bytes:
    """With so many octets of data."""
    head = struct.pack("!IHBB", 6 << 28, 8 + octets, 17, 64) + source.packed + DESTINATION.packed
    return head + ports + struct.pack("!HH", 8 + octets, 0) + bytes(octets)


def tag_packet(program: Program, packet: bytes) -> bytes:
    return testrun.run(program.fd(ethernet=True), ETHERNET + packet).frame[14:]


def too_big(mtu: int, quoted: bytes, destination: IPv6Address = SOURCE) -> bytes:
    """A router's message (RFC 4443, section 3.2)."""
    addresses = IPv6Address("fd01::2").packed + destination.packed
    body = struct.pack("!BBHI", 2, 0, 0, mtu) + quoted[: 1280 - 48]
    checksum = ~ones_sum(addresses + struct.pack("!II", len(body), 58) + body) & 0xFFFF
    body = body[:2] + checksum.to_bytes(2, "big") + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), 58, 64) + addresses + body


def ones_sum(octets: bytes) -> int:
    """RFC 1071."""
    total = sum(int.from_bytes(octets[place : place + 2].ljust(2, b"\0"), "big") for place in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def learn_mtu(program: Program, message: bytes) -> int:
    """The MTU that the sender is told; the message has a right checksum and is otherwise the same."""
    run = testrun.run(program.learning(ethernet=True), ETHERNET + message)
    assert run.returned == PASS
    after = run.frame[14:]
    assert ones_sum(after[8:40] + struct.pack("!II", len(after) - 40, 58) + after[40:]) == 0xFFFF
    assert (after[:42], after[48:]) == (message[:42], message[48:])
    return int.from_bytes(after[44:48], "big")


def test_packet_too_big_of_a_router_is_corrected_and_learned(fresh: Program) -> None:
    small, large = udp_packet(1280 - 48 - HEADER), udp_packet(1340 - 48)
    quoted = tag_packet(fresh, large)
    assert len(quoted) == 1340 + HEADER
    assert learn_mtu(fresh, too_big(1400, quoted)) == 1400 - HEADER
    ((address, path),) = fresh.paths().items()
    assert (address, path.mtu, path.from_router) == (DESTINATION, 1400, True)
    assert tag_packet(fresh, large) == large
    assert fresh.counts()["udp"].untagged["path_mtu"] == 1
    fits = udp_packet(1400 - HEADER - 48)
    assert len(tag_packet(fresh, fits)) == 1400
    assert len(tag_packet(fresh, small)) == 1280
    # The packet that passed untagged was too large as well: the sender is told the same.
    assert learn_mtu(fresh, too_big(1400, large + bytes(100))) == 1400  # the message is not about a packet that large
    assert learn_mtu(fresh, too_big(1300, large)) == 1300  # no room to go lower
    assert learn_mtu(fresh, too_big(1350, udp_packet(1400 - 48))) == 1350 - HEADER
    # Anyone can write a message about a packet without a trace: tagging goes on as before.
    assert fresh.paths()[DESTINATION].mtu == 1400
    assert len(tag_packet(fresh, fits)) == 1400


@pytest.mark.parametrize(
    "message",
    [
        too_big(1400, udp_packet(1452)),  # quotes a packet without a trace
        too_big(1279, udp_packet(1452)),
    ],
    ids=["untagged", "below the minimum"],
)
def test_other_messages_are_left_alone(fresh: Program, message: bytes) -> None:
    assert learn_mtu(fresh, message) == int.from_bytes(message[44:48], "big")
    assert fresh.paths() == {}


def test_impossible_packet_too_big_messages_are_ignored(fresh: Program) -> None:
    quoted = tag_packet(fresh, udp_packet(1340 - 48))
    changed = {
        "as large as the packet": too_big(1340 + HEADER, quoted),
        "below IPv6's minimum": too_big(1279, quoted),
        "to another host": too_big(1400, quoted, IPv6Address("fd01::9")),
        "another namespace": too_big(1400, quoted[:48] + b"\7\7" + quoted[50:]),
        "another trace id": too_big(1400, quoted[: 40 + HEADER - 1] + b"\x63" + quoted[40 + HEADER :]),
        "an id of zeros": too_big(1400, quoted[: 40 + HEADER - 16] + bytes(16) + quoted[40 + HEADER :]),
        "another host's trace": too_big(1400, quoted[: 40 + HEADER - 21] + b"\x63" + quoted[40 + HEADER - 20 :]),
    }
    for why, message in changed.items():
        assert learn_mtu(fresh, message) == int.from_bytes(message[44:48], "big"), why
        assert fresh.paths() == {}, why


def test_a_message_about_the_previous_id_is_accepted(fresh: Program) -> None:
    """A message may be on its way while the id changes."""
    tagged_before = tag_packet(fresh, udp_packet(1340 - 48))
    message = too_big(1400, tagged_before)
    fresh.apply(FLOWS, {**STATES, "udp": State(OTHER_ID, None)}, NODE, ROOM)
    assert learn_mtu(fresh, message) == 1400 - HEADER
    assert fresh.paths()[DESTINATION].from_router
    fresh.apply(FLOWS, {**STATES, "udp": State(bytes(15) + b"\7", None)}, NODE, ROOM)
    learn_mtu(fresh, too_big(1350, tagged_before))
    assert fresh.paths()[DESTINATION].mtu == 1400  # two changes ago is too long


def test_a_flow_may_drop_packets_without_room(fresh: Program) -> None:
    """So that a sender which looks for the path's MTU with its own packets (RFC 8899) finds one with room."""
    quoted = tag_packet(fresh, udp_packet(1340 - 48))
    learn_mtu(fresh, too_big(1300, quoted))
    fresh.apply([replace(FLOWS[0], too_large="drop")], STATES, NODE, ROOM)

    def run_program(packet: bytes) -> int:
        return testrun.run(fresh.fd(ethernet=True), ETHERNET + packet).returned

    assert run_program(udp_packet(1281 - 48)) == 2
    assert run_program(udp_packet(1280 - 48)) == PASS  # every path carries it: QUIC's first packets are of this size
    assert fresh.counts()["udp"].untagged["path_mtu"] == 2


def test_multicast_is_tagged_as_other_packets_are(fresh: Program) -> None:
    fresh.apply([Flow("group", 1, ID, destination=IPv6Network("ff00::/8"))], {"group": State(ID, None)}, NODE, ROOM)
    packet = udp_packet(100)
    packet = packet[:24] + IPv6Address("ff3e::1").packed + packet[40:]
    frame = tag_packet(fresh, packet)
    assert frame[-108:] == packet[40:]
    assert decode.options(frame[40 : 40 + HEADER]).traces[0].trace_id == ID


@pytest.mark.parametrize(
    ("packet", "counted"),
    [
        (
            struct.pack("!BBHHHBBHII", 0x45, 0, 36, 1, 0, 64, 17, 0, 1, 2)
            + bytes.fromhex("1388138c00100000")
            + bytes(8),
            1,
        ),
        (struct.pack("!BBHHHBBHII", 0x45, 0, 36, 1, 0, 64, 17, 0, 1, 2) + PORTS + bytes(12), 0),
        (struct.pack("!BBHHHBBHII", 0x45, 0, 36, 1, 8, 64, 17, 0, 1, 2) + PORTS + bytes(12), 1),  # a later fragment
        (
            struct.pack("!BBHHHBBHII", 0x46, 0, 36, 1, 0, 64, 17, 0, 1, 2)
            + bytes(4)
            + bytes.fromhex("1388138c")
            + bytes(8),
            1,
        ),
        (struct.pack("!BBHHHBBHII", 0x45, 0, 36, 1, 0, 64, 6, 0, 1, 2) + bytes.fromhex("1388138c") + bytes(12), 0),
    ],
    ids=["of the flow", "other ports", "fragment", "options", "tcp"],
)
def test_ipv4_packets_are_counted(fresh: Program, packet: bytes, counted: int) -> None:
    run = testrun.run(fresh.fd(ethernet=True), ETHERNET_IPV4 + packet)
    assert (run.returned, run.frame) == (PASS, ETHERNET_IPV4 + packet)
    counts = {
        (name, reason): number for name, count in fresh.counts().items() for reason, number in count.untagged.items()
    }
    assert {key: number for key, number in counts.items() if number} == (
        {("any address", "ipv4"): 1} if counted else {}
    )
