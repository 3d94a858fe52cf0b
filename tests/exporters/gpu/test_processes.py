# SPDX-License-Identifier: Apache-2.0
"""Utilisation of processes over time, with a driver that samples as nvml.h describes it."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.gpu.vendors.processes import LAG_SECONDS, ImpossibleError, Sample, Window

pytestmark = pytest.mark.unit

EPOCH = 1_790_000_000.0
TICK = 0.25


@dataclass
class Driver:
    """Keeps a sample of every tick; its clock is the system's or the monotonic one (`ahead` 0) in us."""

    ahead: float = EPOCH
    now: float = 1000.0
    ticks: list[tuple[int, dict[int, int]]] = field(default_factory=list)

    def tick(self, percents: dict[int, int], seconds: float = TICK) -> None:
        """One sample of all processes, at the end of a tick."""
        self.now += seconds
        self.ticks.append((round((self.now + self.ahead) * 1e6), percents))

    def ask(self, since: int) -> Collection[Sample]:
        """Each process that was active since then: the mean over all ticks, and its last one."""
        ticks = [tick for tick in self.ticks if tick[0] > since]
        found = {pid: at for at, percents in ticks for pid, percent in percents.items() if percent}
        return [
            Sample(pid, at, sum(percents.get(pid, 0) for _, percents in ticks) / len(ticks))
            for pid, at in found.items()
        ]

    def window(self, wall: float = EPOCH) -> Window:
        return Window(self.ask, lambda: self.now, lambda: self.now + wall)


@pytest.mark.parametrize("ahead", [EPOCH, 0.0])
def test_a_steady_process_is_counted_exactly(ahead: float) -> None:
    """75 % over 40 ticks of 0.25 s: 7.5 s, whichever of the system's clocks the driver has."""
    driver = Driver(ahead)
    driver.tick({7: 75})
    window = driver.window()
    assert window.read() is None
    seconds = active = 0.0
    for turn in range(40):
        driver.tick({7: 75})
        if turn % 3 == 0 or turn == 39:
            shares = window.read()
            assert shares is not None
            seconds += shares.seconds
            active += shares.seconds * shares.of[7]
    assert seconds == pytest.approx(10.0, abs=1e-5)
    assert active == pytest.approx(7.5, abs=1e-5)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(1, 5), st.integers(0, 100), max_size=4),
            st.booleans(),
        ),
        min_size=4,
        max_size=60,
    )
)
def test_every_sample_counts_once(ticks: list[tuple[dict[int, int], bool]]) -> None:
    """Read at any tick while some process is active: the activity is the sum over all ticks, and the time theirs."""
    driver = Driver()
    driver.tick({9: 1})
    window = driver.window()
    window.read()
    began = driver.now
    seconds = 0.0
    active: dict[int, float] = {}
    truth: dict[int, float] = {}
    for percents, is_read in [*ticks, ({}, True)]:
        scaled = {pid: percent // 5 for pid, percent in percents.items()}  # together at most 100 %
        driver.tick({**scaled, 9: 1})
        for pid, percent in {**scaled, 9: 1}.items():
            truth[pid] = truth.get(pid, 0.0) + percent / 100 * TICK
        shares = window.read() if is_read else None
        if shares is not None:
            assert sum(shares.of.values()) <= 1 + 1e-9
            seconds += shares.seconds
            for pid, share in shares.of.items():
                active[pid] = active.get(pid, 0.0) + share * shares.seconds
    assert seconds == pytest.approx(driver.now - began, abs=1e-4)
    assert active == pytest.approx({pid: value for pid, value in truth.items() if value}, abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 130), st.floats(0.01, 5.0)), max_size=30))
def test_activity_never_exceeds_the_time(turns: list[tuple[int, float]]) -> None:
    """Whatever the driver says: shares are at most 1, and the times together at most the time that passed."""
    driver = Driver()
    window = driver.window()
    began, seconds = driver.now, 0.0
    for percent, wait in turns:
        driver.tick({1: percent, 2: percent}, wait)
        try:
            shares = window.read()
        except ImpossibleError:
            assert percent > 100 or any(value > 100 for _, percents in driver.ticks for value in percents.values())
            continue
        if shares is not None:
            assert shares.seconds > 0
            assert 0 <= sum(shares.of.values()) <= 1 + 1e-9
            seconds += shares.seconds
    assert seconds <= driver.now - began + 1e-3


def test_the_next_question_is_for_later_than_the_newest_sample() -> None:
    """To the microsecond, whatever binary fractions do: else that sample would be given again."""
    asked: list[int] = []
    driver = Driver()

    def ask(since: int) -> Collection[Sample]:
        asked.append(since)
        return driver.ask(since)

    window = Window(ask, lambda: driver.now, lambda: driver.now + EPOCH)
    driver.tick({7: 50})
    window.read()
    for turn in range(200):
        driver.tick({7: 50}, 0.1 + turn / 7000)
        assert window.read() is not None
        newest, _ = driver.ticks[-1]
        driver.now += 0.01
        assert window.read() is None
        assert asked[-1] == newest


def test_idle_time_is_measured_once_it_is_certain() -> None:
    driver = Driver()
    driver.tick({7: 50})
    window = driver.window()
    window.read()
    driver.now += 2 * LAG_SECONDS - 0.1
    assert window.read() is None  # a sample may be on its way
    driver.now += 0.2
    shares = window.read()
    assert shares is not None
    assert shares.of == {}
    assert shares.seconds == pytest.approx(2 * LAG_SECONDS + 0.1 - LAG_SECONDS)


def test_work_after_a_long_idle_time_is_not_spread_over_it() -> None:
    """20 s idle, then 1 s at 80 %: 0.8 s, though the driver was last asked for what came after a sample 20 s ago."""
    driver = Driver()
    driver.tick({7: 50})
    window = driver.window()
    window.read()
    active = 0.0
    for _ in range(80):
        driver.tick({})
        shares = window.read()
        active += 0 if shares is None else sum(shares.of.values()) * shares.seconds
    assert active == 0
    for _ in range(4):
        driver.tick({7: 80})
        shares = window.read()
        active += 0 if shares is None else shares.of[7] * shares.seconds
    assert active == pytest.approx(0.8, abs=1e-3)


def test_a_gpu_that_was_never_used_is_idle_and_then_counts() -> None:
    driver = Driver()
    window = driver.window()
    assert window.read() is None
    driver.now += 5
    shares = window.read()
    assert shares is not None
    assert shares.of == {}
    driver.tick({7: 100}, 0.5)
    shares = window.read()
    assert shares is not None
    assert shares.of == {7: 1.0}


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_is_set_loses_its_interval_and_no_more(step: float) -> None:
    driver = Driver()
    wall = [EPOCH]
    window = Window(driver.ask, lambda: driver.now, lambda: driver.now + wall[0])
    driver.tick({7: 50})
    window.read()
    wall[0] += step
    driver.ahead += step
    driver.tick({7: 50})
    assert window.read() is None
    driver.tick({7: 50})
    driver.tick({7: 50})
    shares = window.read()
    assert shares is not None
    assert shares.of == {7: 0.5}
    assert shares.seconds == pytest.approx(2 * TICK, abs=1e-3)


@pytest.mark.parametrize(
    "sample",
    [Sample(7, round((1002 + EPOCH) * 1e6), 101), Sample(7, 1 << 63, 50), Sample(7, round((1010 + EPOCH) * 1e6), 50)],
)
def test_an_impossible_sample_leaves_out_its_time(sample: Sample) -> None:
    """More than all multiprocessors, and an instant that is yet to come."""
    driver = Driver()
    answers: list[Sample] = [Sample(7, round((1000 + EPOCH) * 1e6), 50)]
    window = Window(
        lambda since: [answer for answer in answers if answer.at > since],
        lambda: driver.now,
        lambda: driver.now + EPOCH,
    )
    window.read()
    driver.now = 1002
    answers.append(sample)
    with pytest.raises(ImpossibleError):
        window.read()
    answers[:] = [Sample(7, round((1003 + EPOCH) * 1e6), 40)]
    driver.now = 1003
    shares = window.read()
    assert shares is not None
    assert shares.seconds == pytest.approx(1.0, abs=1e-3)
    assert shares.of == {7: 0.4}


def test_samples_from_before_are_not_counted_again() -> None:
    """A driver that repeats old samples, as it does for processes that have ended."""
    driver = Driver()
    old = Sample(3, round((999.5 + EPOCH) * 1e6), 90)
    window = Window(lambda _: [old, *driver.ask(0)], lambda: driver.now, lambda: driver.now + EPOCH)
    driver.tick({7: 50})
    window.read()
    driver.tick({7: 50})
    shares = window.read()
    assert shares is not None
    assert set(shares.of) == {7}


def test_more_than_the_ring_holds_is_not_measured() -> None:
    driver = Driver()
    driver.tick({7: 50})
    window = driver.window()
    window.read()
    driver.tick({7: 50}, 61)
    assert window.read() is None
    driver.tick({7: 50})
    shares = window.read()
    assert shares is not None
    assert shares.seconds == pytest.approx(TICK, abs=1e-3)
