# SPDX-License-Identifier: Apache-2.0
"""The flow of a packet in the kernel: as in Python and as a plain loop says, while flows change."""

import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulepath.bpf import testrun
from joulepath.errors import UsageError
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Flow, Match, Namespace, Point, Settings
from tests.exporters.ioam.flowing import LISTED, Sent, flow_lists, flow_of, packets
from tests.exporters.ioam.kernelbench import Frame, KernelBench, Seen

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

SETTINGS = Settings(
    points=(Point("eth0", "received", 4, "uplink", path=True),),
    namespaces={0: Namespace(ids=frozenset({LISTED}))},
    flows=(Flow("first", (Match(),)),),
    hold_seconds=0,
)


@pytest.fixture(scope="module")
def bench() -> Iterator[KernelBench]:
    kernel_bench = KernelBench(SETTINGS)
    yield kernel_bench
    kernel_bench.close()


@settings(max_examples=40, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck), database=None)
@given(
    flows=flow_lists(),
    sent=st.lists(packets(), min_size=1, max_size=8),
    again=st.lists(st.integers(0, 7), max_size=8),
)
def generated_flows_and_packets(
    bench: KernelBench, flows: tuple[Flow, ...], sent: list[Sent], again: list[int]
) -> None:
    sent = sent + [sent[number % len(sent)] for number in again]
    bench.follow(flows)
    frames = [Frame(one.frame) for one in sent]
    seen = bench.count(frames)
    assert seen == bench.expected(frames)
    expected = {flow.name: (0, 0) for flow in flows}
    for one in sent:
        if (name := flow_of(one, flows)) is not None:
            expected[name] = expected[name][0] + 1, expected[name][1] + len(one.octets)
    assert flow_counts(seen) == expected


@pytest.mark.parametrize("seconds", [5, pytest.param(600, marks=pytest.mark.long)])
def test_the_kernel_finds_the_flow_of_a_plain_loop(bench: KernelBench, seconds: int) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        generated_flows_and_packets(bench)


def test_a_flow_that_stays_keeps_its_place_and_one_that_left_its_counts(bench: KernelBench) -> None:
    camera, robot, other = (Flow(name, (Match(ports=(range(port, port + 1),)),)) for name, port in PORTS.items())
    kernel = bench.kernel
    frames = {name: replace(SENT, destination_port=port).frame for name, port in PORTS.items()}
    kernel.follow([camera, robot])
    kernel.read()
    for name, turns in (("camera", 3), ("robot", 5), ("other", 7)):
        testrun.run(bench.program, frames[name], repeat=turns)
    kernel.follow([other, camera])  # without a reading in between
    for frame in frames.values():
        testrun.run(bench.program, frame, repeat=2)
    (flows,) = kernel.read().flows
    assert {name: packets_ for name, (packets_, _) in flows.items()} == {"camera": 5, "robot": 5, "other": 2}
    kernel.follow([robot])
    testrun.run(bench.program, frames["robot"])
    (flows,) = kernel.read().flows
    assert {name: packets_ for name, (packets_, _) in flows.items()} == {"robot": 1}


def flow_counts(seen: Seen) -> dict[str, tuple[int, int]]:
    """Packets and octets by flow, of the only node."""
    (node,) = cast("list[tuple[object, ...]]", seen["nodes"])
    return cast("dict[str, tuple[int, int]]", node[-1])


PORTS = {"camera": 5000, "robot": 5001, "other": 5002}
SENT = Sent(ip_address("10.1.2.3"), ip_address("192.0.2.1"))


def test_all_flows_may_change_at_once_again_and_again(bench: KernelBench) -> None:
    for turn in range(4):
        flows = [Flow(f"{turn}-{port}", (Match(ports=(range(port, port + 1),)),)) for port in range(512)]
        bench.kernel.read()
        bench.kernel.follow(flows)
        for port in (0, 63, 64, 511):
            testrun.run(bench.program, replace(SENT, destination_port=port).frame, repeat=port + 1)
        (counts,) = bench.kernel.read().flows
        assert {name: packets_ for name, (packets_, _) in counts.items()} == {
            f"{turn}-{port}": port + 1 for port in (0, 63, 64, 511)
        }


def test_prefixes_that_overlap_in_too_many_ways_are_refused(bench: KernelBench) -> None:
    nested = tuple(
        Match(ue=tuple(ip_network((number << 16, 16)).supernet(new_prefix=length) for number in range(0, 65536, 97)))
        for length in (4, 6, 8, 10, 12, 14, 16)
    )
    bench.kernel.follow([Flow("wide", nested)])
    bits = [
        Match(ue=tuple(ip_network((value << 8, 24)) for value in range(1 << 14) if value >> bit & 1))
        for bit in range(14)
    ]
    with pytest.raises(UsageError, match=r"overlap in \d+ ways; at most 8192"):
        bench.kernel.follow([Flow("sieve", tuple(bits))])
    testrun.run(bench.program, SENT.frame)
    (counts,) = bench.kernel.read().flows
    assert set(counts) <= {"wide"}


@pytest.mark.long
def test_ten_million_packets_of_five_hundred_flows_are_exact() -> None:
    """Each flow has its own number of packets; one in three comes in GTP-U with a QFI of its own."""
    flows = tuple(
        Flow(f"flow-{number}", (Match(ue=(ip_network(f"10.{number >> 8}.{number & 255}.0/24"),)),))
        for number in range(500)
    )
    bench = KernelBench(replace(SETTINGS, flows=flows))
    sent = {}
    for number, flow in enumerate(flows):
        user = ip_address(f"10.{number >> 8}.{number & 255}.{1 + number % 200}")
        one = replace(SENT, source=user, payload=20 + number)
        if number % 2:
            one = replace(one, source=one.destination, destination=user)
        turns = 17_500 + 10 * number
        testrun.run(bench.program, one.frame, repeat=turns)
        sent[flow.name] = turns, turns * len(one.octets)
    (counts,) = bench.kernel.read().flows
    bench.close()
    assert sum(turns for turns, _ in sent.values()) > 9_990_000
    assert counts == sent


def test_programs_of_several_points_count_flows_apart() -> None:
    points = (Point("n3", "received", 4, "uplink", path=True), Point("n3", "sent", 4, "downlink", path=True))
    kernel = Kernel(replace(SETTINGS, points=points))
    for point, turns in ((0, 3), (1, 5)):
        testrun.run(kernel.program(point, 14), SENT.frame, repeat=turns)
    counts = kernel.read().flows
    kernel.close()
    assert [one["first"][0] for one in counts] == [3, 5]


def test_a_frame_that_ends_in_its_headers_has_no_ports(bench: KernelBench) -> None:
    bench.follow((Flow("port", (Match(ports=(range(65536),)),)), Flow("any", (Match(),))))
    frames = [Frame(SENT.frame[: 34 + kept]) for kept in (0, 3, 4)]
    assert bench.count(frames) == bench.expected(frames)


def test_unlisted_traces_that_come_again_keep_their_flow(bench: KernelBench) -> None:
    bench.follow((Flow("any", (Match(),)),))
    addresses = ip_address("fd00:1::1"), ip_address("2001:db8::1")
    frames = [
        Frame(Sent(*addresses, trace=trace).frame)
        for trace in (LISTED, struct.pack("!4I", 1, 2, 3, 4))
        for _ in range(5)
    ]
    seen = bench.count(frames)
    assert seen == bench.expected(frames)
    assert flow_counts(seen)["any"][0] == 5
