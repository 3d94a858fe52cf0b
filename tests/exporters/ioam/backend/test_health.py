# SPDX-License-Identifier: Apache-2.0
"""The interface's own counters beside ours: what was not seen is told, and nothing else."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.backend.health import PROGRAM_AHEAD, XDP, Gap, Health
from joulepath.ioam.backend.statistics import Statistics
from joulepath.ioam.backend.taps import Taps, _Tap
from joulepath.ioam.bpf import kernel
from joulepath.ioam.bpf.layout import PointCounts
from joulepath.ioam.settings import Point, Settings

pytestmark = pytest.mark.unit

POINT = Point("n3", "received", 4, "uplink", path=True)
COUNTS = st.integers(0, 100_000)


class Both:
    """An interface and a counter on it."""

    def __init__(self) -> None:
        self.gap = Gap(1, 1000, 0)
        self.frames, self.counted, self.found = 1000, 0, 0

    def passes(self, frames: int, counted: int) -> int:
        self.frames += frames
        self.counted += counted
        new = self.gap.update(1, self.frames, self.counted)
        assert new >= 0
        self.found += new
        return self.found


@given(st.lists(COUNTS, max_size=30))
def test_traffic_that_is_fully_seen_has_no_gap(packets: list[int]) -> None:
    both = Both()
    assert all(both.passes(number, number) == 0 for number in packets)


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=30))
def test_missed_packets_are_exact_once_traffic_stops(intervals: list[tuple[int, int]]) -> None:
    both = Both()
    missed = 0
    for seen, not_seen in intervals:
        both.passes(seen + not_seen, seen)
        missed += not_seen
        assert both.found <= missed
    assert both.passes(0, 0) == missed


@given(st.lists(st.tuples(st.integers(1000, 100_000), st.integers(0, 19)), min_size=1, max_size=40))
def test_packets_between_the_two_counters_are_not_missed(intervals: list[tuple[int, int]]) -> None:
    """The interface has counted some that are still on their way to us: up to 1.9 % of an interval's."""
    both = Both()
    waiting = 0
    smallest = min(packets for packets, _ in intervals)
    for packets, thousandths in intervals:
        late = smallest * thousandths // 1000
        assert both.passes(packets, packets + waiting - late) == 0
        waiting = late


@given(st.lists(st.tuples(st.integers(1, 10_000), st.booleans()), max_size=40))
def test_a_driver_that_counts_an_interval_late_misses_nothing(intervals: list[tuple[int, bool]]) -> None:
    both = Both()
    before = 0
    for packets, _ in [*intervals, (0, True)]:
        assert both.passes(before, packets) == 0
        before = packets


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 45)), max_size=40), st.integers(10, 1000))
def test_large_packets_hide_a_blackout_for_two_intervals_at_most(intervals: list[tuple[int, int]], frames: int) -> None:
    both = Both()
    for large, segments in intervals:
        assert both.passes(large, large * segments) == 0
    before = both.found
    for _ in range(3):
        both.passes(frames, 0)
    assert both.found > before
    assert both.gap.blind


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), max_size=60),
    st.integers(0, 50),
)
def test_packets_that_wait_in_a_queue_are_not_missed(intervals: list[tuple[int, int]], more: int) -> None:
    """A slow link counts for many intervals what was seen in one: bursts of packets, and how many leave."""
    both = Both()
    queue = 0
    for arriving, leaving in [*intervals, *[(0, 1 + more)] * 20, (0, 10**9)]:
        left = min(queue + arriving, leaving)
        queue += arriving - left
        both.frames += left
        both.counted += arriving
        assert both.gap.update(1, both.frames, both.counted, waiting=queue) == 0


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 64), st.integers(0, 3000)), max_size=40))
def test_large_packets_that_are_not_yet_decoded_are_not_missed(intervals: list[tuple[int, int, int]]) -> None:
    """The driver counts the packets on the wire, the capture one packet until it has decoded it."""
    both = Both()
    ring: list[int] = []
    for large, segments, decoded in [*intervals, (0, 1, 10**9)]:
        both.frames += large * segments
        both.counted += large
        ring += [segments] * large
        done, ring = ring[:decoded], ring[decoded:]
        both.counted += sum(done) - len(done)
        assert both.gap.update(1, both.frames, both.counted, unread=63 * len(ring)) == 0
    assert both.frames - 1000 == both.counted


def test_counters_that_restart_belong_to_another_interface() -> None:
    gap = Gap(1, 1000, 50)
    assert gap.update(1, 1100, 60) == 87  # of 90, 3 may be on their way
    assert gap.update(1, 20, 60) == 0
    assert gap.update(1, 120, 60) == 97
    assert gap.update(2, 5000, 60) == 0
    assert gap.update(2, 5000, 60) == 0


def statistics(received: int, *, xdp: bool = False) -> Statistics:
    return Statistics(1, received, 0, xdp)


def test_one_line_an_hour_says_what_may_be_the_cause(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    health = Health(lambda: now)
    health.unseen["n3"] = 0
    gap = Gap(1, 0, 0)
    with caplog.at_level(logging.WARNING):
        health.check(POINT, gap, statistics(100, xdp=True), 0)
        health.check(POINT, gap, statistics(200, xdp=True), 0)
        assert health.limits == {XDP}
        assert health.unseen["n3"] == 197
        now = 3600.0
        health.check(POINT, gap, statistics(300), 0, ahead=1)
        assert health.limits == {XDP, PROGRAM_AHEAD}
        now = 7200.0
        health.check(POINT, gap, statistics(400), 0)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].startswith("n3: 97 packets received were not counted: an XDP program is attached")
    assert "tcx programs that run before ours (1)" in lines[1]
    assert "offload" in lines[2]
    health.close()


@pytest.mark.parametrize(("bond", "unseen"), [(True, 0), (False, 7199)])
def test_frames_kept_by_the_members_of_a_bond_are_not_missed(bond: bool, unseen: int) -> None:
    """Two members send and receive a frame of LACP in each second; the bond's counters have them all."""
    now = 0.0
    health = Health(lambda: now)
    health.unseen["n3"] = 0
    gap = Gap(1, 0, 0)
    for second in range(1, 3601, 5):
        now = float(second + 4)
        health.check(POINT, gap, Statistics(1, 2 * (second + 4), 0, xdp=False, bond=bond), 0)
    assert health.unseen["n3"] == unseen
    now += 5.0
    health.check(POINT, gap, Statistics(1, 7200 + 1000, 0, xdp=False, bond=bond), 0)
    assert health.unseen["n3"] - unseen > 880  # a bond that goes blind
    health.close()


class Arriving(Taps):
    """An interface that has received 100 packets."""

    def ask(self) -> dict[str, Statistics]:
        return {"n3": statistics(100)}


class NoLink:
    """A program that is attached nowhere."""

    kind = "tcx"

    def ahead(self) -> int:
        return 0

    def advance(self) -> None:
        raise AssertionError

    def close(self) -> None:
        pass


class Programs(kernel.Kernel):
    """Programs that have seen some of them, and a moment later the others."""

    def __init__(self, *packets: int) -> None:
        self.news = [PointCounts((number, 0), (0, 0), 0, 0, 0, 0, 0, {}, {}) for number in packets]

    def read(self) -> kernel.NewCounts:
        return kernel.NewCounts([self.news.pop(0)], [], [{}])


@pytest.mark.parametrize(("second", "unseen"), [(60, 0), (0, 57), (20, 37)])
def test_packets_that_are_on_their_way_are_waited_for(second: int, unseen: int) -> None:
    """The processor that hands them on may be busy: two readings 0.02 s apart tell those from lost ones."""
    source = EbpfSource(Settings(points=(POINT,)), lambda: 0.0)
    programs = Programs(40, second)
    taps = Arriving((POINT,), programs, source._seen, source.reading)
    taps._health.unseen["n3"] = 0
    taps._taps[POINT] = _Tap(NoLink(), 1, 14, up=True, gap=Gap(1, 0, 0))
    source._taps, source._kernel = taps, programs
    assert source._read().unseen == {"n3": unseen}
    taps._health.close()


def test_the_loopback_interface_is_recognised_by_its_flags() -> None:
    health = Health()
    interfaces = health.ask(["lo", "no-such-one"])
    assert set(interfaces) == {"lo"}
    assert interfaces["lo"].number == 1
    assert not interfaces["lo"].xdp
    health.close()
    assert health.ask(["lo"]) == {}


def test_other_counters_of_the_kernel_agree() -> None:
    """The counters of the loopback interface are those in /proc/net/dev."""
    health = Health()
    before = health.ask(["lo"])["lo"]
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    words = next(line for line in lines if "lo:" in line).split()
    after = health.ask(["lo"])["lo"]
    health.close()
    assert before.sent <= int(words[10]) <= after.sent
    assert before.received <= int(words[2]) - int(words[4]) <= after.received
