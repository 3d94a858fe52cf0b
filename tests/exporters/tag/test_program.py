# SPDX-License-Identifier: Apache-2.0
"""The program over generated frames (BPF_PROG_TEST_RUN), beside what a few lines of Python make of them."""

from collections.abc import Callable, Iterator
from ipaddress import IPv6Network
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulepath.bpf import libbpf, testrun
from joulepath.ioam import decode
from joulepath.ioam.encode import hop_by_hop
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
)
STATES = {"udp": State(ID, None), "net": State(OTHER_ID, None), "later": State(None, None)}
PASS = 0xFFFFFFFF
PORTS = bytes.fromhex("13881389")  # 5000 and 5001
ETHERNET = bytes(12) + b"\x86\xdd"


@pytest.fixture(scope="module")
def program(absent: Callable[[str, str], NoReturn]) -> Iterator[Program]:
    try:
        made = Program()
    except libbpf.UnavailableError as fault:
        absent("bpf", str(fault))
    made.apply(FLOWS, STATES, NODE, ROOM)
    yield made
    made.close()


EXTENSIONS = st.lists(
    st.tuples(st.sampled_from([0, 43, 60, 44]), st.integers(0, 3), st.binary(min_size=32)), max_size=4
)
ADDRESSES = st.sampled_from(["fd01::1", "fd02::1", "fd02:0:0:7::1", "fd02:0:0:8::1", "fd03::1"]).map(
    lambda text: IPv6Network(text).network_address.packed
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """IPv6 packets with extension headers in any order."""
    protocol = draw(st.sampled_from([6, 17, 17, 58]))
    ports = draw(st.sampled_from([5000, 1])).to_bytes(2, "big") + draw(st.sampled_from([5001, 2])).to_bytes(2, "big")
    body = ports + b"\x50" * 16 + draw(st.binary(max_size=40))
    for kind, units, filling in reversed(draw(EXTENSIONS)):
        octets = 8 if kind == 44 else 8 * (units + 1)
        body = bytes([protocol, 0 if kind == 44 else units]) + filling[: octets - 2].ljust(octets - 2, b"\0") + body
        protocol = kind
    head = b"\x60" + draw(st.binary(min_size=3, max_size=3)) + len(body).to_bytes(2, "big")
    return head + bytes([protocol, draw(st.integers(1, 255))]) + draw(ADDRESSES) + draw(ADDRESSES) + body


def expected(packet: bytes) -> tuple[bytes, str | None, str | None]:
    """The packet as it leaves, the flow that it belongs to, and the reason why it has no trace."""
    seen: list[int] = []
    kind, position = packet[6], 40
    while kind in (0, 43, 44, 60) and len(seen) < 4:
        seen.append(kind)
        kind, position = packet[position], position + (8 if kind == 44 else 8 * (packet[position + 1] + 1))
    if kind not in (6, 17):
        return packet, None, None
    hidden = 44 in seen
    ports = packet[position : position + 4]
    if packet[8:10] == b"\xfd\x01" and kind == 17 and (hidden or ports == PORTS):
        name, trace_id, namespace = "udp", ID, 1
    elif packet[24:31] == bytes.fromhex("fd020000000000") and packet[31] < 8:
        name, trace_id, namespace = "net", OTHER_ID, 2
    elif packet[24:32] == bytes.fromhex("fd03000000000000"):
        return packet, "later", "hop_by_hop" if 0 in seen else "no_id"
    else:
        return packet, None, None
    if name == "udp" and hidden:
        return packet, name, "hidden_ports"
    if 0 in seen:
        return packet, name, "hop_by_hop"
    header = bytes([packet[6]]) + hop_by_hop(namespace, trace_id, NODE, packet[7], ROOM)[1:]
    length = (len(packet) - 40 + HEADER).to_bytes(2, "big")
    return packet[:4] + length + b"\0" + packet[7:40] + header + packet[40:], name, None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packets())
def test_as_python_would(program: Program, packet: bytes) -> None:
    made, name, reason = expected(packet)
    before = program.counts()
    run = testrun.run(program.fd(ethernet=True), ETHERNET + packet)
    after = program.counts()
    assert run.returned == PASS
    assert run.frame == ETHERNET + made
    for flow in FLOWS:
        hit = flow.name == name
        tagged = hit and reason is None
        assert after[flow.name].packets - before[flow.name].packets == tagged
        assert after[flow.name].bytes - before[flow.name].bytes == (len(made) if tagged else 0)
        for text, number in after[flow.name].untagged.items():
            assert number - before[flow.name].untagged[text] == (hit and reason == text)
    if name and reason is None:
        (trace,) = decode.options(made[40 : 40 + HEADER]).traces
        assert trace.nodes == (NODE,)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packets(), st.data())
def test_damaged_packets_pass(program: Program, packet: bytes, data: st.DataObject) -> None:
    # The runner itself refuses less than an IPv6 header.
    damaged = bytearray(packet[: data.draw(st.integers(40, len(packet)))])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    run = testrun.run(program.fd(ethernet=True), ETHERNET + bytes(damaged))
    assert run.returned == PASS
    assert len(run.frame) - len(damaged) - 14 in (0, HEADER)
    assert run.frame.endswith(bytes(damaged[40:]))


def test_what_the_kernel_refuses_passes(program: Program) -> None:
    """A large packet of no kind that the kernel knows, as only the runner makes them; it says two segments."""
    packet = b"\x60\0\0\0\x04\x08\x11\x40" + bytes.fromhex("fd01" + "00" * 30) + PORTS + bytes(1028)
    before = program.counts()["udp"]
    run = testrun.run(program.fd(ethernet=True), ETHERNET + packet, segment=512)
    assert run.frame == ETHERNET + packet
    after = program.counts()["udp"]
    assert after.packets == before.packets
    assert after.untagged["refused"] == before.untagged["refused"] + 2


def test_a_change_goes_over_at_once(program: Program) -> None:
    packet = b"\x60\0\0\0\0\x14\x11\x40" + bytes.fromhex("fd01" + "00" * 30) + PORTS + bytes(16)
    for trace_id in (OTHER_ID, bytes(16), ID):
        program.apply(FLOWS, {**STATES, "udp": State(trace_id, None)}, NODE, ROOM)
        frame = testrun.run(program.fd(ethernet=True), ETHERNET + packet).frame
        (trace,) = decode.options(frame[54 : 54 + HEADER]).traces
        assert trace.trace_id == trace_id


def test_counts_go_on_by_the_flows_name(program: Program) -> None:
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
