# SPDX-License-Identifier: Apache-2.0
"""How the host's time is divided among workloads."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.reading.bounds import FORGET_SECONDS
from joulepath.workload.account import SLACK_SECONDS, Account, Snapshot
from joulepath.workload.host import MODES, HostTimes
from joulepath.workload.settings import Rule, Settings
from joulepath.workload.source import Reading, Step, Usage

pytestmark = pytest.mark.unit

CPUS = 4
BUSY = ("user", "nice", "system", "irq", "softirq")


class Run:
    """An account that is read every 10 s."""

    def __init__(self, *rules: Rule, limit: int = 500) -> None:
        self.account = Account(Settings(rules, limit=limit))
        self.at = 0.0
        self.modes = dict.fromkeys(MODES, 50.0)

    def __call__(
        self, groups: Sequence[Usage] = (), processes: Sequence[Usage] = (), seconds: float = 10.0, **modes: float
    ) -> Snapshot:
        self.at += seconds
        for mode, step in modes.items():
            self.modes[mode] += step
        return self.account.add(self.at, Reading(HostTimes(dict(self.modes), CPUS), groups, processes))


@pytest.fixture
def run() -> Run:
    made = Run()
    made()
    return made


def usage(workload: str, step: float, within: int | None = None, before: float = 100.0) -> Usage:
    return Usage(workload, Step(before, before + step), within)


def cpu(snapshot: Snapshot) -> dict[str, float]:
    """CPU seconds of the workloads that have any."""
    return {workload: seconds for workload, seconds in snapshot.cpu.items() if seconds}


def assert_sums(snapshot: Snapshot) -> None:
    busy = sum(snapshot.modes[mode] for mode in BUSY)
    named = sum(seconds for workload, seconds in snapshot.cpu.items() if workload != "steal")
    assert named == pytest.approx(busy, rel=1e-9, abs=1e-9)


def test_the_rest_of_the_busy_time_is_other(run: Run) -> None:
    snapshot = run([usage("a", 3), usage("b", 2)], user=6, system=1, nice=0.5)
    assert cpu(snapshot) == pytest.approx({"a": 3, "b": 2, "other": 2.5})
    assert snapshot.measured_seconds == 10


def test_interrupts_and_stolen_time_are_workloads(run: Run) -> None:
    snapshot = run(user=1, irq=0.25, softirq=2, steal=4, idle=20, iowait=3)
    assert cpu(snapshot) == pytest.approx({"other": 1, "irq": 0.25, "softirq": 2, "steal": 4})
    assert {mode: seconds for mode, seconds in snapshot.modes.items() if seconds} == pytest.approx(
        {"user": 1, "irq": 0.25, "softirq": 2, "steal": 4, "idle": 20, "iowait": 3}
    )
    assert_sums(snapshot)


def test_nothing_counts_before_the_first_reading() -> None:
    snapshot = Run(Rule("unit", "x", "fixed"))([usage("a", 3)], user=6)
    assert not cpu(snapshot)
    assert set(snapshot.cpu) == {"other", "irq", "softirq", "steal", "fixed", "a"}  # rate() needs them from the start
    assert snapshot.measured_seconds == 0


def test_an_inner_workload_is_not_counted_in_the_outer_one(run: Run) -> None:
    # 5 s in the outer cgroup: 2 s in the one inside, of which a process of another workload has 0.5 s, and 1 s in a
    # process of the outer one.
    groups = [usage("outer", 5), usage("inner", 2, within=0)]
    processes = [usage("p", 0.5, within=1), usage("q", 1, within=0), usage("r", 0.25)]
    snapshot = run(groups, processes, user=6)
    assert cpu(snapshot) == pytest.approx({"outer": 2, "inner": 1.5, "p": 0.5, "q": 1, "r": 0.25, "other": 0.75})


def test_a_workload_of_several_cgroups_is_their_sum(run: Run) -> None:
    assert cpu(run([usage("a", 1), usage("a", 2)], user=3)) == pytest.approx({"a": 3})


def test_a_workload_that_ends_keeps_its_counter(run: Run) -> None:
    run([usage("a", 3)], user=3)
    assert run(user=1).cpu["a"] == 3
    assert run([usage("a", 1, before=0)], user=1).cpu["a"] == 4


def test_the_clock_of_the_host_holds_and_later_intervals_make_up(run: Run) -> None:
    """The scheduler counts 6 s of two workloads, the timer's ticks 4 s; later the ticks are ahead."""
    first = run([usage("a", 4), usage("b", 2)], user=4)
    assert first.cpu["a"] == pytest.approx(4 * 4 / 6)
    assert first.cpu["b"] == pytest.approx(2 * 4 / 6)
    assert first.cpu["other"] == 0
    assert_sums(first)
    second = run([usage("a", 1), usage("b", 1)], user=4.5)
    assert cpu(second) == pytest.approx({"a": 5, "b": 3, "other": 0.5})


def test_no_more_is_made_up_for_than_clocks_can_differ(run: Run) -> None:
    run([usage("a", 40)], user=10)
    later = run(user=40)
    assert later.cpu["a"] == pytest.approx(10 + CPUS * SLACK_SECONDS)
    assert_sums(later)


def test_time_that_an_inner_cgroup_counted_first_is_waited_for(run: Run) -> None:
    """The outer cgroup was read 0.5 s before the inner one."""
    groups = [usage("outer", 2), usage("inner", 2.5, within=0)]
    assert cpu(run(groups, user=2.5)) == pytest.approx({"inner": 2.5})
    assert cpu(run([usage("outer", 1.5), usage("inner", 0.5, within=0)], user=1.5)) == pytest.approx(
        {"inner": 3, "outer": 0.5, "other": 0.5}
    )


@pytest.mark.parametrize("step", [-100, 4 * 1.25 * 10 + 4 * SLACK_SECONDS + 0.01, 1e12])
def test_a_counter_that_cannot_be_right_counts_as_other(run: Run, step: float) -> None:
    snapshot = run([usage("a", step), usage("b", 1)], [usage("c", step)], user=6)
    assert cpu(snapshot) == pytest.approx({"b": 1, "other": 5})


def test_a_cgroup_inside_one_that_cannot_be_right_still_counts(run: Run) -> None:
    assert cpu(run([usage("a", -100), usage("b", 1, within=0)], user=6)) == pytest.approx({"b": 1, "other": 5})
    assert cpu(run([usage("a", 0.5)], user=0.5))["a"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "modes", [{"user": -50}, {"user": 1000}, {"softirq": 1000}, {"system": -5, "user": 20}, {"irq": -4.5}]
)
def test_an_interval_that_cannot_be_known_is_left_out(run: Run, modes: dict[str, float]) -> None:
    before = run([usage("a", 3)], user=6)
    during = run([usage("a", 3)], [], 10.0, **modes)
    assert during.cpu == before.cpu
    assert during.modes == before.modes
    assert during.measured_seconds == before.measured_seconds
    after = run([usage("a", 1)], user=2)
    assert cpu(after) == pytest.approx({"a": 4, "other": 4})
    assert after.measured_seconds == before.measured_seconds + 10


def test_a_mode_that_falls_by_little_is_waited_for(run: Run) -> None:
    assert run(user=5).modes["user"] == 5
    assert run(user=-0.02, idle=-1).modes["user"] == 5
    snapshot = run(user=1, idle=5)
    assert snapshot.modes["user"] == pytest.approx(5.98)
    assert snapshot.modes["idle"] == pytest.approx(4)
    assert snapshot.measured_seconds == 30
    assert_sums(snapshot)


@pytest.mark.parametrize("step", [-40, 1e9])
def test_stolen_time_that_jumps_is_not_counted_and_spoils_nothing(run: Run, step: float) -> None:
    snapshot = run(user=5, steal=step)
    assert cpu(snapshot) == pytest.approx({"other": 5})
    assert run(user=5, steal=1).cpu["steal"] == pytest.approx(1)


def test_workloads_beyond_the_limit_are_other(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(Rule("unit", "z", "fixed"), limit=2)
    groups = [usage(name, 1) for name in ("a", "b", "c", "fixed")]
    line = "more than 2 workloads within an hour (`limit`): {} of them count as other, such as c"
    run(groups)
    assert caplog.messages == [line.format(1)]
    snapshot = run(groups, user=5)
    assert cpu(snapshot) == pytest.approx({"a": 1, "b": 1, "fixed": 1, "other": 2})
    for _ in range(400):  # more than an hour
        last = run([*groups, usage("d", 1)], user=5)
    assert caplog.messages == [line.format(1), line.format(2)]
    assert_sums(last)


def test_a_workload_of_an_hour_ago_gives_its_place_away() -> None:
    run = Run(Rule("unit", "z", "fixed"), limit=1)
    run([usage("a", 1), usage("fixed", 1)])
    run([usage("a", 1), usage("fixed", 1)], user=2)
    assert "a" in run([], seconds=FORGET_SECONDS - 20).cpu
    snapshot = run([usage("b", 1)], seconds=20, user=2)
    assert "a" not in snapshot.cpu
    assert snapshot.cpu["b"] == 1
    assert snapshot.cpu["fixed"] == 1  # it has its name in the configuration


def test_a_cgroup_that_has_done_nothing_has_no_series(run: Run) -> None:
    assert "a" not in run([usage("a", 0, before=0)], user=1).cpu
    assert run([usage("a", 1, before=0)], user=1).cpu["a"] == 1


def test_other_settings_go_on_from_the_counters(run: Run) -> None:
    run([usage("a", 3)], user=3)
    run.account.apply(Settings((Rule("unit", "x", "fixed"),), limit=1))
    snapshot = run([usage("a", 1), usage("b", 1)], user=3)
    assert cpu(snapshot) == pytest.approx({"a": 4, "other": 2})
    assert "fixed" in snapshot.cpu


def test_memory_and_io_without_those_inside(run: Run) -> None:
    def groups(read: float, written: float) -> list[Usage]:
        step = Step(5, 10)
        outer = Usage("outer", step, None, 1000.0, (Step(50, 50 + read), Step(10, 10 + written)))
        inner = Usage("inner", step, 0, 300.0, (Step(5, 5 + read / 4), Step(1, 1 + written)))
        return [outer, inner, Usage("plain", step)]

    first = run(groups(0, 0))
    assert first.io == {(workload, way): 0 for workload in ("outer", "inner") for way in ("read", "written")}
    snapshot = run(groups(40, 8))
    assert snapshot.memory == {"outer": 700, "inner": 300}
    assert snapshot.io == {
        ("outer", "read"): 30,
        ("outer", "written"): 0,
        ("inner", "read"): 10,
        ("inner", "written"): 8,
    }


def test_bytes_never_go_down(run: Run) -> None:
    step = Step(5, 10)
    run([Usage("a", step, None, None, (Step(0, 10), Step(0, 0)))])
    snapshot = run([Usage("a", step, None, None, (Step(10, 5), Step(0, 0)))])
    assert snapshot.io["a", "read"] == 10
    # The inner cgroup was read later than the outer one, and has counted more.
    outer, inner = Step(10, 11), Step(0, 3)
    groups = [Usage("a", step, None, None, (outer, outer)), Usage("b", step, 0, None, (inner, inner))]
    assert run(groups).io["a", "read"] == 10
    groups = [Usage("a", step, None, None, (Step(11, 16), outer)), Usage("b", step, 0, None, (Step(3, 3), inner))]
    assert run(groups).io["a", "read"] == 13


steps = st.floats(-5, 60) | st.sampled_from([0.0, -1e9, 1e9])
workloads = st.sampled_from(["a", "b", "c", "fixed"])
modes = st.fixed_dictionaries({mode: st.floats(0, 12) | st.sampled_from([0.0, -0.01, -300.0, 1e7]) for mode in MODES})


@st.composite
def usages(draw: st.DrawFn) -> list[Usage]:
    count = draw(st.integers(0, 5))
    made = []
    for number in range(count):
        within = draw(st.none() | st.integers(0, number - 1)) if number else None
        made.append(usage(draw(workloads), draw(steps), within))
    return made


@given(st.lists(st.tuples(usages(), usages(), modes, st.floats(0.5, 40)), min_size=1, max_size=12))
def test_all_workloads_add_up_to_the_busy_time_and_no_counter_goes_down(
    readings: list[tuple[list[Usage], list[Usage], dict[str, float], float]],
) -> None:
    run = Run(Rule("unit", "x", "fixed"), limit=2)
    last = run()
    for groups, processes, step, seconds in readings:
        inside = [
            Usage(u.workload, u.seconds, min(len(groups) - 1, u.within or 0) if groups else None) for u in processes
        ]
        snapshot = run(groups, inside, seconds, **step)
        assert_sums(snapshot)
        assert snapshot.cpu.keys() >= last.cpu.keys()
        assert all(snapshot.cpu[workload] >= seconds for workload, seconds in last.cpu.items())
        assert all(snapshot.modes[mode] >= seconds for mode, seconds in last.modes.items())
        assert snapshot.measured_seconds - last.measured_seconds in (0, pytest.approx(seconds))
        last = snapshot
