# SPDX-License-Identifier: Apache-2.0
"""The interface's own counters beside ours: what was not seen is told, and nothing else."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.health import PROGRAM_AHEAD, XDP, Gap, Health
from joulepath.ioam.settings import Point
from joulepath.ioam.statistics import Statistics

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
def test_what_is_all_seen_has_no_gap(packets: list[int]) -> None:
    both = Both()
    assert all(both.passes(number, number) == 0 for number in packets)


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=30))
def test_once_all_is_quiet_what_was_missed_is_told_to_the_packet(intervals: list[tuple[int, int]]) -> None:
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
def test_a_surplus_of_large_packets_hides_a_blackout_for_two_intervals_at_most(
    intervals: list[tuple[int, int]], frames: int
) -> None:
    both = Both()
    for large, segments in intervals:
        assert both.passes(large, large * segments) == 0
    before = both.found
    for _ in range(3):
        both.passes(frames, 0)
    assert both.found > before
    assert both.gap.blind


def test_counters_that_begin_anew_are_another_interfaces() -> None:
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


def test_the_loopback_interface_is_told_and_another_is_not() -> None:
    health = Health()
    found = health.ask(["lo", "no-such-one"])
    assert set(found) == {"lo"}
    assert found["lo"].number == 1
    assert not found["lo"].xdp
    health.close()
    assert health.ask(["lo"]) == {}


def test_the_kernels_other_words_agree() -> None:
    """The counters of the loopback interface are those in /proc/net/dev."""
    health = Health()
    before = health.ask(["lo"])["lo"]
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    words = next(line for line in lines if "lo:" in line).split()
    after = health.ask(["lo"])["lo"]
    health.close()
    assert before.sent <= int(words[10]) <= after.sent
    assert before.received <= int(words[2]) - int(words[4]) <= after.received
