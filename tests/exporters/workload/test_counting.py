# SPDX-License-Identifier: Apache-2.0
"""Counters of the processor as a kernel would give them that a test writes: shared, taken away, too many."""

import errno
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import JoulepathError
from joulepath.workload.counting import EVENTS, Counting, Hardware, Named, Step, online
from joulepath.workload.perf import CACHE_MISSES, CYCLES, HOST, INSTRUCTIONS, Event, PerfError, Values
from joulepath.workload.tally import Tally

pytestmark = pytest.mark.unit

SECOND = 10**9


@dataclass
class Processor:
    """Gives groups, and refuses with the errno of `refused`."""

    refused: dict[Event, int] = field(default_factory=dict)
    most: float = math.inf
    groups: list["FakeGroup"] = field(default_factory=list)

    def begin(self, events: Sequence[Event], cpu: int, cgroup: int) -> "FakeGroup":
        for event in events:
            if event in self.refused:
                raise PerfError(event, self.refused[event])
        if len(self.open) >= self.most:
            raise PerfError(events[0], errno.EMFILE)
        self.groups.append(FakeGroup(cpu, cgroup == HOST, Values(0, 0, (0,) * len(events))))
        return self.groups[-1]

    @property
    def open(self) -> "list[FakeGroup]":
        return [group for group in self.groups if not group.closed]

    def of_cgroups(self) -> "list[FakeGroup]":
        return [group for group in self.open if not group.host]


@dataclass
class FakeGroup:
    cpu: int
    host: bool
    values: Values
    closed: bool = False
    gone: bool = False

    def read(self) -> Values:
        assert not self.closed
        if self.gone:
            raise OSError(errno.ENODEV, "gone")
        return self.values

    def run(self, seconds: float, counted: float, *counts: float) -> None:
        """The cgroup ran so long, and `counted` of it with counters, which found so many events."""
        added = tuple(before + round(count) for before, count in zip(self.values.counts, counts, strict=True))
        self.values = Values(
            self.values.enabled + round(seconds * SECOND), self.values.running + round(counted * SECOND), added
        )

    def close(self) -> None:
        assert not self.closed
        self.closed = True


def made(root: Path, processor: Processor, *paths: str, cpus: frozenset[int] = frozenset({0}), **more: int) -> Counting:
    for path in paths:
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    return Counting(str(root), (INSTRUCTIONS,), cpus=lambda: cpus, begin=processor.begin, **more)


def named(path: str, workload: str, within: Named | None = None) -> Named:
    return Named((path, 1), workload, None if within is None else within.key)


def test_time_without_counters_is_made_up_for_in_proportion(tmp_path: Path) -> None:
    processor = Processor()
    counting = made(tmp_path, processor, "/a")
    groups = [named("/a", "a")]
    counting.read(groups)
    (group,) = processor.of_cgroups()
    group.run(2, 0.5, 100)  # 100 events in a quarter of the time: 400 in all of it
    (step,) = counting.read(groups).steps
    assert step == Step("a", None, (400,))
    group.run(1, 0, 0)  # all counters were others': this second is part of the next step
    assert counting.read(groups).steps[0].counts == (0,)
    group.run(1, 1, 300)
    assert counting.read(groups).steps[0].counts == (600,)


@pytest.mark.parametrize("count", [-1, 10**12])
def test_a_step_that_cannot_be_adds_nothing(tmp_path: Path, count: int) -> None:
    processor = Processor()
    counting = made(tmp_path, processor, "/a")
    groups = [named("/a", "a")]
    counting.read(groups)
    (group,) = processor.of_cgroups()
    group.run(1, 1, count)
    assert counting.read(groups).steps[0].counts == (0,)
    group.run(1, 1, 7)
    assert counting.read(groups).steps[0].counts == (7,)


def test_a_cgroup_that_ended_is_read_once_more_and_closed(tmp_path: Path) -> None:
    processor = Processor()
    counting = made(tmp_path, processor, "/a", "/a/b")
    outer = named("/a", "a")
    counting.read([outer, named("/a/b", "b", outer)])
    outside, inside = processor.of_cgroups()
    outside.run(1, 1, 50)
    inside.run(1, 1, 20)
    (tmp_path / "a" / "b").rmdir()
    steps = counting.read([outer]).steps
    assert steps == [Step("a", None, (50,)), Step("b", "a", (20,))]
    assert inside.closed
    assert counting.read([outer]).steps == [Step("a", None, (0,))]
    counting.close()
    assert not processor.open


def test_counters_that_the_kernel_takes_away_count_nothing(tmp_path: Path) -> None:
    processor = Processor()
    counting = made(tmp_path, processor, "/a")
    counting.read([named("/a", "a")])
    processor.of_cgroups()[0].gone = True
    assert counting.read([named("/a", "a")]).steps[0].counts == (0,)


def test_cpus_that_come_and_go_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    processor, cpus = Processor(), [frozenset({0, 2})]
    counting = Counting(str(tmp_path), (INSTRUCTIONS,), cpus=lambda: cpus[0], begin=processor.begin)
    groups = [named("/a", "a")]
    counting.read(groups)
    cpus[0] = frozenset({2, 3})
    for group in processor.of_cgroups():
        group.run(1, 1, 5)
    assert counting.read(groups).steps[0].counts == (10,)
    assert sorted((group.cpu, group.host) for group in processor.open) == [(2, False), (2, True), (3, False), (3, True)]
    counting.close()
    assert not processor.open


def test_cgroups_beyond_the_limit_count_as_the_one_around_them(tmp_path: Path) -> None:
    processor = Processor()
    counting = made(tmp_path, processor, "/a", "/a/b", "/a/b/c", descriptors=3)
    a = named("/a", "a")
    b = named("/a/b", "b", a)
    c = named("/a/b/c", "c", b)
    counting.read([a, named("/missing", "m"), c, b])  # in whichever order
    assert counting.descriptors == 3
    (line,) = counting.faults
    assert "LimitNOFILE" in line
    assert Step("c", "a", (0,)) in counting.read([a, b, c]).steps
    counting.read([a])
    assert not counting.faults


def test_no_more_descriptors_than_the_kernel_gives(tmp_path: Path) -> None:
    processor = Processor(most=3)
    counting = made(tmp_path, processor, "/a", "/b", cpus=frozenset({0, 1}))
    counting.read([named("/a", "a"), named("/b", "b")])
    assert len(processor.open) == 2  # the host's: one alone of a cgroup's would be wrong
    assert len(counting.faults) == 1


def test_events_that_the_processor_lacks_are_a_line_each() -> None:
    processor = Processor({CACHE_MISSES: errno.EOPNOTSUPP})
    counting = Counting("/", EVENTS, cpus=lambda: {0}, begin=processor.begin)
    assert counting.events == (INSTRUCTIONS, CYCLES)
    (line,) = counting.faults
    assert line.startswith("hardware counters: cache misses: ")
    assert len(processor.open) == 1


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOENT, "hypervisor"),
        (errno.EOPNOTSUPP, "hypervisor"),
        (errno.EACCES, "CAP_PERFMON"),
        (errno.EPERM, "seccomp"),
        (errno.ENOSYS, "CONFIG_PERF_EVENTS"),
        (errno.EINVAL, "together"),
    ],
)
def test_without_any_event_one_line_says_what_is_missing(number: int, mend: str) -> None:
    processor = Processor(dict.fromkeys(EVENTS, number))
    with pytest.raises(JoulepathError, match=mend) as raised:
        Counting("/", EVENTS, cpus=lambda: {0}, begin=processor.begin)
    assert len(raised.value.messages) == 1
    assert not processor.open


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-3,8\n", {0, 1, 2, 3, 8}), ("0\n", {0}), ("", {0}), ("x,-,5-4\n", {0})],
)
def test_cpus_that_are_on(tmp_path: Path, text: str, cpus: set[int]) -> None:
    folder = tmp_path / "devices/system/cpu"
    folder.mkdir(parents=True)
    (folder / "online").write_text(text)
    assert online(tmp_path) == cpus


amounts = st.integers(0, 1000)
nested = st.lists(st.tuples(st.sampled_from("abcz"), st.sampled_from(["a", "b", None]), amounts), max_size=4)


@given(st.lists(st.tuples(nested, amounts), max_size=8))
def test_workloads_add_up_to_the_hosts_counts(readings: list[tuple[list[tuple[str, str | None, int]], int]]) -> None:
    """Each cgroup's counts are in those of the one around it, and all of them in the host's."""
    tally = Tally([INSTRUCTIONS])
    true = dict.fromkeys(("a", "b", "c", "other"), 0.0)
    for cgroups, rest in readings:
        steps = [Step(workload, within, (count,)) for workload, within, count in cgroups]
        # A cgroup counts those inside it, too.
        steps += [
            Step(around, None, (sum(count for _, within, count in cgroups if within == around),)) for around in "ab"
        ]
        host = rest + sum(count for _, _, count in cgroups)
        tally.add(Hardware([INSTRUCTIONS], (host,), steps), ["a", "b", "c"])
        true["other"] += rest
        for workload, _, count in cgroups:
            true[workload if workload in true else "other"] += count
        counts = tally.counts()[INSTRUCTIONS]
        assert counts == true or not readings
        assert sum(counts.values()) == sum(true.values())


def test_a_counter_waits_where_the_rest_seems_to_fall() -> None:
    tally = Tally([INSTRUCTIONS])
    seen = []
    for host, a in ((10, 4), (5, 7), (9, 4)):
        tally.add(Hardware([INSTRUCTIONS], (host,), [Step("a", None, (a,))]), ["a"])
        seen.append(dict(tally.counts()[INSTRUCTIONS]))
    assert seen == [{"other": 6, "a": 4}, {"other": 6, "a": 11}, {"other": 9, "a": 15}]


def test_a_workload_that_ended_keeps_its_last_counts_until_it_is_forgotten() -> None:
    tally = Tally([INSTRUCTIONS])
    tally.add(Hardware([INSTRUCTIONS], (10,), [Step("a", None, (4,))]), ["a"])
    tally.add(Hardware([INSTRUCTIONS], (10,), [Step("a", None, (3,))]), [])
    assert tally.counts()[INSTRUCTIONS] == {"other": 13, "a": 7}
    tally.forget(["a"])
    tally.add(Hardware([INSTRUCTIONS], (1,), []), [])
    assert tally.counts()[INSTRUCTIONS] == {"other": 14}
