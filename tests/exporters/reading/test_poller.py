# SPDX-License-Identifier: Apache-2.0
"""The poller: its counters, what it withdraws, and that a target's fault stays its own."""

import asyncio
import resource
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field

import pytest

from joulepath.errors import JoulepathError
from joulepath.reading.poller import WITHDRAW_AFTER_SECONDS, Poller, Snapshot, Target
from joulepath_lab.run.waiting import until

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Watts:
    watts: Mapping[Hashable, float]
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> Collection[Hashable]:
        return self.watts.keys()


class Meter:
    """A source that answers what `answer` returns or raises."""

    def __init__(self, answer: Callable[[], Watts], seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.closed = 0
        self.reads = 0

    async def read(self) -> Watts:
        self.reads += 1
        await asyncio.sleep(self.seconds)
        return self.answer()

    async def close(self) -> None:
        self.closed += 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def broken() -> Watts:
    raise JoulepathError("pdu-2: no answer")


def test_nothing_is_known_before_the_first_poll() -> None:
    poller = Poller([Target("a", Meter(lambda: Watts({"1": 100.0})), 5)])
    assert poller.snapshot("a") == Snapshot()
    assert poller.current("a") is None
    with pytest.raises(KeyError):
        poller.snapshot("b")


def test_polls_integrate_and_count_what_was_rejected() -> None:
    clock = Clock()
    poller = Poller([Target("a", Meter(lambda: Watts({"1": 100.0}, {"not_available": 2})), 5)], clock=clock)
    for _ in range(3):
        assert poller.once() == {}
        clock.now += 5
    snapshot = poller.snapshot("a")
    assert (snapshot.energy["1"].joules, snapshot.energy["1"].measured_seconds) == (1000.0, 10.0)
    assert snapshot.rejected == {"not_available": 6}
    assert snapshot.polls == {"success": 3}
    assert snapshot.up is True


def test_a_failed_poll_keeps_the_reading_and_the_counters() -> None:
    clock = Clock()
    meter = Meter(lambda: Watts({"1": 100.0}))
    poller = Poller([Target("a", meter, 5)], clock=clock)
    poller.once()
    clock.now += 5
    poller.once()
    meter.answer = broken
    clock.now += 5
    assert list(poller.once()) == ["a"]
    snapshot = poller.snapshot("a")
    assert snapshot.up is False
    assert snapshot.read_at == 1005
    assert snapshot.energy["1"].joules == 500
    assert snapshot.polls == {"success": 2, "failure": 1}
    assert poller.current("a") == Watts({"1": 100.0})


def test_a_reading_is_withdrawn_after_30_s_and_its_counters_go_on_later() -> None:
    clock = Clock()
    poller = Poller([Target("a", Meter(lambda: Watts({"1": 100.0})), 5)], clock=clock)
    poller.once()
    clock.now += 10
    poller.once()
    clock.now += WITHDRAW_AFTER_SECONDS - 0.001
    assert poller.current("a") is not None
    clock.now += 0.001
    assert poller.current("a") is None
    assert poller.snapshot("a").energy["1"].joules == 1000
    poller.once()  # the hole of 30 s is not bridged
    clock.now += 1
    poller.once()
    assert poller.current("a") is not None
    energy = poller.snapshot("a").energy["1"]
    assert (energy.joules, energy.measured_seconds) == (1100, 11)


def test_a_reading_between_seldom_polls_is_not_withdrawn() -> None:
    clock = Clock()
    poller = Poller([Target("a", Meter(lambda: Watts({"1": 100.0})), 60)], clock=clock)
    poller.once()
    clock.now += 179
    assert poller.current("a") is not None
    clock.now += 1
    assert poller.current("a") is None


@pytest.mark.parametrize(("interval", "hole", "bridged"), [(5, 15, True), (5, 15.1, False), (10, 30, True)])
def test_gaps_of_three_polls_or_15_s_are_bridged(interval: float, hole: float, bridged: bool) -> None:
    clock = Clock()
    poller = Poller([Target("a", Meter(lambda: Watts({"1": 1.0})), interval)], clock=clock)
    poller.once()
    clock.now += hole
    poller.once()
    assert poller.snapshot("a").energy["1"].measured_seconds == (hole if bridged else 0)


def test_a_row_that_is_missing_for_a_while_measures_nothing_meanwhile() -> None:
    clock = Clock()
    meter = Meter(lambda: Watts({"1": 100.0, "2": 10.0}))
    poller = Poller([Target("a", meter, 5)], clock=clock)
    for step in range(8):
        meter.answer = (lambda: Watts({"1": 100.0})) if 1 <= step <= 5 else (lambda: Watts({"1": 100.0, "2": 10.0}))
        poller.once()
        clock.now += 5
    energy = poller.snapshot("a").energy
    assert energy["1"].measured_seconds == 35
    assert energy["2"].measured_seconds == 5


def test_one_target_that_fails_or_has_a_defect_harms_no_other() -> None:
    def defect() -> Watts:
        raise ZeroDivisionError

    poller = Poller(
        [
            Target("good", Meter(lambda: Watts({"1": 1.0})), 5),
            Target("dead", Meter(broken), 5),
            Target("defect", Meter(defect), 5),
        ]
    )
    faults = poller.once()
    assert sorted(faults) == ["dead", "defect"]
    assert str(faults["defect"]).startswith("defect: unexpected ZeroDivisionError")
    assert poller.snapshot("good").up is True


def test_once_closes_every_source_on_the_loop_that_it_used() -> None:
    meter = Meter(lambda: Watts({}))
    poller = Poller([Target("a", meter, 5)])
    poller.once()
    assert meter.closed == 1


def test_a_slow_target_delays_no_other_and_misses_its_own_turns() -> None:
    slow, quick = Meter(lambda: Watts({"1": 1.0}), seconds=0.25), Meter(lambda: Watts({"1": 1.0}))
    poller = Poller([Target("slow", slow, 0.1), Target("quick", quick, 0.02)])
    poller.start()
    until(lambda: poller.snapshot("slow").polls.get("success", 0) >= 2)
    poller.stop()
    missed, polled = poller.snapshot("slow").polls["missed"], poller.snapshot("slow").polls["success"]
    assert missed >= 2 * (polled - 1)
    assert quick.reads > 3 * slow.reads
    assert slow.closed == quick.closed == 1


def test_the_grid_does_not_drift() -> None:
    """Polls of 10 ms every 50 ms are 20 a second, not 16."""
    meter = Meter(lambda: Watts({"1": 1.0}), seconds=0.01)
    poller = Poller([Target("a", meter, 0.05)])
    began = time.monotonic()
    poller.start()
    until(lambda: meter.reads >= 21)
    elapsed = time.monotonic() - began
    poller.stop()
    turns = poller.snapshot("a").polls
    assert (meter.reads - 1 + turns.get("missed", 0)) * 0.05 == pytest.approx(elapsed, abs=0.06)


def test_many_targets_begin_spread_over_their_interval() -> None:
    began: list[float] = []

    def answer() -> Watts:
        began.append(time.monotonic())
        return Watts({})

    poller = Poller([Target(str(n), Meter(answer), 1.0) for n in range(10)])
    poller.start()
    until(lambda: len(began) >= 10)
    poller.stop()
    assert began[9] - began[0] > 0.5


def test_stop_right_after_start_ends_the_thread_and_closes_the_sources() -> None:
    for _ in range(20):
        meter = Meter(lambda: Watts({}))
        poller = Poller([Target("a", meter, 5)])
        poller.start()
        poller.stop()
        assert meter.closed == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "poller"]


class Swallowing(Meter):
    """Its answers come together with each cancellation, and `asyncio.wait_for` of Python 3.11 prefers the answer."""

    swallowed = 0

    async def read(self) -> Watts:
        self.reads += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if self.swallowed:
                raise
            self.swallowed += 1
        return self.answer()


def test_a_library_that_swallows_a_cancellation_does_not_hold_up_the_stop() -> None:
    meter = Swallowing(lambda: Watts({"1": 1.0}))
    poller = Poller([Target("a", meter, 0.01)])
    poller.start()
    until(lambda: meter.reads == 1)
    began = time.monotonic()
    poller.stop()
    assert time.monotonic() - began < 5
    assert (meter.swallowed, meter.closed) == (1, 1)


def test_a_lost_cancellation_brings_no_reading_of_the_former_device() -> None:
    former, present = Swallowing(lambda: Watts({"1": 100.0})), Meter(lambda: Watts({"1": 7.0}), seconds=60)
    poller = Poller([Target("a", former, 0.01, "there")])
    poller.start()
    try:
        until(lambda: former.reads == 1)
        poller.update([Target("a", present, 0.01, "here")])
        until(lambda: former.closed == 1)
        assert former.swallowed == 1
        assert (poller.snapshot("a").up, poller.snapshot("a").energy) == (None, {})
        assert present.reads == 1  # by its own task alone
    finally:
        poller.stop()


def test_as_many_sockets_may_be_open_as_the_system_allows() -> None:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, most), most))
    try:
        poller = Poller([Target("a", Meter(lambda: Watts({})), 5)])
        poller.start()
        poller.stop()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


class Changing:
    """A poller under a changing configuration, at a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.meters: dict[str, Meter] = {}
        self.poller: Poller[Watts] = Poller([self.target("a"), self.target("b")], clock=self.clock)

    def target(self, name: str, made_of: object = "x", watts: float = 100.0, interval: float = 5) -> Target[Watts]:
        meter = self.meters[name] = Meter(lambda: Watts({"1": watts}))
        return Target(name, meter, interval, made_of)

    def poll(self, seconds: float = 5.0) -> None:
        self.poller.once()
        self.clock.now += seconds

    def joules(self, name: str) -> float:
        return self.poller.snapshot(name).energy["1"].joules


def test_unchanged_targets_keep_source_and_counters_while_others_change() -> None:
    changing = Changing()
    changing.poll()
    changing.poll()
    kept = changing.meters["a"]
    changing.poller.update([changing.target("a"), changing.target("c")])
    assert changing.poller.names == ["a", "c"]
    assert changing.poller.snapshot("c").up is None
    with pytest.raises(KeyError):
        changing.poller.snapshot("b")
    changing.poll()
    assert kept.reads == 3
    assert changing.meters["a"].reads == 0
    assert changing.joules("a") == 1000


def test_a_changed_target_keeps_its_counters_and_bridges_nothing() -> None:
    changing = Changing()
    changing.poll()
    changing.poll()
    assert changing.joules("a") == 500
    changing.poller.update([changing.target("a", made_of="another address", watts=7.0), changing.target("b")])
    snapshot = changing.poller.snapshot("a")
    assert (snapshot.up, snapshot.reading, snapshot.energy["1"].joules) == (None, None, 500)
    changing.poll()
    assert changing.joules("a") == 500  # the step between two devices belongs to neither
    changing.poll()
    assert changing.joules("a") == 535
    assert changing.joules("b") == 1500


def test_a_target_that_returns_goes_on_counting_and_no_total_ever_falls() -> None:
    changing = Changing()
    changing.poll()
    changing.poll()
    changing.poller.update([changing.target("a")])
    totals = changing.poller.totals[0]
    assert totals == {"success": 4}
    changing.poll()
    assert changing.poller.totals[0] == {"success": 5}
    changing.poller.update([changing.target("b"), changing.target("a")])
    assert changing.poller.snapshot("b").up is None
    assert changing.joules("b") == 500
    changing.poll()
    changing.poll()
    assert changing.joules("b") == 1000
    assert changing.poller.totals[0] == {"success": 9}


def test_changes_while_polling_end_and_begin_the_polls_concerned() -> None:
    kept, leaving, stuck, coming = (Meter(lambda: Watts({"1": 1.0})) for _ in range(4))
    stuck.seconds = 60
    poller = Poller([Target("kept", kept, 0.02, 1), Target("leaving", leaving, 0.02, 1), Target("stuck", stuck, 5, 1)])
    poller.start()
    try:
        until(lambda: kept.reads > 2 and leaving.reads > 2 and stuck.reads == 1)
        poller.update([Target("kept", Meter(broken), 0.02, 1), Target("coming", coming, 0.02, 1)])
        reads = leaving.reads
        until(lambda: coming.reads > 2 and leaving.closed == 1 and stuck.closed == 1)
        assert leaving.reads <= reads + 1
        assert (kept.closed, poller.snapshot("kept").up) == (0, True)
    finally:
        poller.stop()
    assert [meter.closed for meter in (kept, leaving, stuck, coming)] == [1, 1, 1, 1]


def test_a_scrape_sees_one_configuration_or_the_other_and_no_total_falls() -> None:
    changing = Changing()
    changing.poll()
    both = [changing.target("a"), changing.target("b")], [changing.target("c"), changing.target("d")]
    ended = threading.Event()

    def change() -> None:
        for turn in range(2000):
            changing.poller.update(both[turn % 2])
        ended.set()

    thread = threading.Thread(target=change)
    thread.start()
    while not ended.is_set():
        assert set(changing.poller.names) in ({"a", "b"}, {"c", "d"})
        assert changing.poller.totals[0] == {"success": 2}
    thread.join()
