# SPDX-License-Identifier: Apache-2.0
"""Readings of a host that a test writes, from rules to counters."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.workload.account import Snapshot
from joulepath.workload.meter import Meter
from joulepath.workload.places import Places
from joulepath.workload.settings import Rule, Settings
from tests.exporters.workload.tree import ID, POD, FakeHost

pytestmark = pytest.mark.unit

UNIT = "/system.slice/a.service"
POD_PATH = f"/kubepods/burstable/pod{POD}"


class Metered(FakeHost):
    """A host that is read every 10 s."""

    def __init__(self, root: Path, *rules: Rule, rest: str = "each") -> None:
        super().__init__(root)
        self.at = 0.0
        self.busy()
        made = Settings(rules, "each" if rest == "each" else "other")
        self.meter = Meter(made, Places(self.procfs, self.cgroup, root / "sys", root), lambda: self.at)

    def read(self, **modes: float) -> dict[str, float]:
        """CPU seconds of the workloads that have any."""
        self.at += 10
        self.busy(**modes)
        self.snapshot: Snapshot = self.meter.read()
        return {workload: round(seconds, 6) for workload, seconds in self.snapshot.cpu.items() if seconds}


def test_each_unit_pod_container_and_machine_by_default(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    (tmp_path / "var/log/pods" / f"core_upf_{POD}").mkdir(parents=True)
    paths = [UNIT, POD_PATH, f"{POD_PATH}/{ID}", f"/docker/{ID}", "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"]
    paths += ["/user.slice/user-1000.slice", "/user.slice/user-1000.slice/session-4.scope", "/batch/x"]
    for path in paths:
        host.group(path, 1)
    host.read()
    for number, path in enumerate(paths):
        host.group(path, 2 + number / 10)
    assert host.read(user=10) == {
        "a.service": 1,
        "core/upf": 1.1,
        ID[:12]: 1.3,
        "vm": 1.4,
        "user-1000.slice": 1.5,
        "other": 10 - 6.3,
    }


def test_a_container_of_a_pod_may_be_a_workload_of_its_own(tmp_path: Path) -> None:
    host = Metered(tmp_path, Rule("container", ID, "gtp"))
    host.group(POD_PATH, 5)
    host.group(f"{POD_PATH}/{ID}", 3)
    host.read()
    host.group(POD_PATH, 8)
    host.group(f"{POD_PATH}/{ID}", 5)
    assert host.read(user=4) == {"gtp": 2, f"pod-{POD}": 1, "other": 1}


def test_a_pod_has_its_name_before_it_has_any_time(tmp_path: Path) -> None:
    """The kubelet makes a pod's cgroup first, and the folder of its logs before it starts a container."""
    host = Metered(tmp_path)
    host.group("/kubepods", 0)
    host.read()
    host.group(POD_PATH, 0)
    host.read(user=1)
    (tmp_path / "var/log/pods" / f"core_upf_{POD}").mkdir(parents=True)
    host.group(POD_PATH, 2)
    assert host.read(user=2) == {"core/upf": 2, "other": 1}
    assert f"pod-{POD}" not in host.snapshot.cpu


def test_a_cgroup_that_begins_counts_from_its_beginning(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    host.group("/system.slice", 100)
    host.read()
    host.group(UNIT, 3)
    assert host.read(user=4) == {"a.service": 3, "other": 1}


def test_a_cgroup_that_vanishes_keeps_what_it_was_last_seen_at(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    host.group(UNIT, 1)
    host.read()
    host.group(UNIT, 3)
    host.read(user=2)
    host.remove(UNIT)
    assert host.read(user=1) == {"a.service": 2, "other": 1}  # its last second is in no workload's counter


def test_the_cgroup_around_counts_the_unseen_end_of_an_inner_one(tmp_path: Path) -> None:
    """A container of a pod is started again; the pod's counter holds the last second of the first one."""
    host = Metered(tmp_path, Rule("container", ID, "gtp"))
    other_id = "cd" * 32
    host.group(POD_PATH, 1)
    host.group(f"{POD_PATH}/{ID}", 1)
    host.read()
    host.group(POD_PATH, 6)
    host.remove(f"{POD_PATH}/{ID}")
    host.group(f"{POD_PATH}/{other_id}", 4)
    assert host.read(user=5) == {f"pod-{POD}": 5}


def test_a_cgroup_that_is_made_anew_counts_in_full(tmp_path: Path) -> None:
    """A unit that is started again between two readings, and has used more than before."""
    host = Metered(tmp_path)
    host.group(UNIT, 2)
    host.read()
    host.remove(UNIT)
    host.group(UNIT, 3)
    assert host.read(user=4) == {"a.service": 3, "other": 1}


def test_a_cgroup_that_cannot_be_read_for_once_is_other_meanwhile(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    folder = host.group(UNIT, 2)
    host.read()
    (folder / "cpu.stat").unlink()
    assert host.read(user=1) == {"other": 1}
    host.group(UNIT, 4)
    assert host.read(user=1) == {"other": 2}
    host.group(UNIT, 5)
    assert host.read(user=1) == {"other": 2, "a.service": 1}


def test_a_process_is_taken_out_of_its_cgroup_if_its_rule_comes_first(tmp_path: Path) -> None:
    for rules, found in (
        ((Rule("executable", "ffmpeg"), Rule("unit", "a.service")), {"ffmpeg": 2, "a.service": 1, "other": 1}),
        ((Rule("unit", "a.service"), Rule("executable", "ffmpeg")), {"a.service": 3, "other": 1}),
        ((Rule("executable", "ffmpeg"),), {"ffmpeg": 2, "other": 2}),
    ):
        host = Metered(tmp_path / str(len(rules) + rules[0].pattern.count("a")), *rules, rest="other")
        host.group(UNIT, 1)
        host.process(7, "/usr/bin/ffmpeg", 1, path=UNIT)
        host.read()
        host.group(UNIT, 4)
        host.process(7, "/usr/bin/ffmpeg", 3, path=UNIT)
        assert host.read(user=4) == found


def test_a_process_that_died_between_reads_keeps_its_time(tmp_path: Path) -> None:
    host = Metered(tmp_path, Rule("executable", "ffmpeg"))
    host.process(7, "/usr/bin/ffmpeg", 1)
    host.read()
    host.process(7, "/usr/bin/ffmpeg", 2)
    host.read(user=1)
    host.end(7)
    assert host.read(user=1) == {"ffmpeg": 1, "other": 1}


def test_other_rules_hold_from_the_next_reading_and_counters_go_on(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    host.group(UNIT, 1)
    host.group("/batch/x", 50)
    host.read()
    host.group(UNIT, 2)
    host.read(user=1)
    host.meter.apply(Settings((Rule("unit", "a.service"), Rule("cgroup", "/batch/*", "batch")), "other"))
    host.group(UNIT, 4)
    host.group("/batch/x", 51)  # it was there, and nothing read its counter
    assert host.read(user=3) == {"a.service": 3, "other": 1}
    host.group("/batch/x", 53)
    assert host.read(user=2) == {"a.service": 3, "other": 1, "batch": 2}


def test_a_host_without_cgroups_says_so_and_counts_processes(tmp_path: Path) -> None:
    host = Metered(tmp_path, Rule("executable", "ffmpeg"))
    host.process(7, "/usr/bin/ffmpeg", 1)
    host.read()
    host.process(7, "/usr/bin/ffmpeg", 2)
    assert host.read(user=3) == {"ffmpeg": 1, "other": 2}
    (line,) = host.meter.faults
    assert line == f"{tmp_path}/cgroup: no cgroups that count CPU time: is --path.cgroup their mount?"


def test_cgroups_that_are_mounted_later_count_from_then_on(tmp_path: Path) -> None:
    host = Metered(tmp_path)
    host.read()
    host.group(UNIT, 5)
    host.read(user=1)
    host.group(UNIT, 7)
    assert host.read(user=3) == {"a.service": 2, "other": 2}
    assert not host.meter.faults


class Kernel:
    """A kernel that counts in hundredths of a second, and a host that shows its counters."""

    GROUPS = ("/s.slice", "/s.slice/a.service", "/s.slice/b.service", "/s.slice/b.service/in", "/c.service")

    def __init__(self, root: Path) -> None:
        rules = (
            Rule("executable", "first"),
            Rule("cgroup", "*/in", "inner"),
            Rule("unit", "[abc].service"),
            Rule("unit", "s.slice"),
            Rule("executable", "last"),
        )
        self.host = Metered(root, *rules, rest="other")
        self.host.group("/init.scope", 0)
        self.groups: dict[str, int] = {}
        self.processes: dict[int, tuple[str, str, int, int]] = {}
        self.starts = 0
        self.busy = 0
        self.truth: dict[str, int] = defaultdict(int)

    def run(self, path: str, ticks: int, pid: int | None = None) -> None:
        """Runs for so long in a cgroup."""
        self.busy += ticks
        self.truth[self.workload(path, self.processes[pid][0] if pid is not None else "")] += ticks
        while path:
            if path in self.groups:
                self.groups[path] += ticks
            path = path.rpartition("/")[0]
        if pid is not None:
            program, where, start, before = self.processes[pid]
            self.processes[pid] = program, where, start, before + ticks

    @staticmethod
    def workload(path: str, program: str) -> str:
        """By the rules above, worked out in another way."""
        if program == "first":
            return "first"
        if path.endswith("/in"):
            return "inner"
        for unit in ("a.service", "b.service", "c.service", "s.slice"):
            if f"/{unit}" in path:
                return unit
        return "last" if program == "last" else "other"

    def make(self, path: str) -> None:
        if path not in self.groups and (path.count("/") == 1 or path.rpartition("/")[0] in self.groups):
            self.groups[path] = 0

    def remove(self, path: str) -> None:
        for inside in [name for name in self.groups if name == path or name.startswith(path + "/")]:
            del self.groups[inside]
            if (self.host.cgroup / inside.lstrip("/")).exists():
                self.host.remove(inside)
        for pid in [pid for pid, (_, where, _, _) in self.processes.items() if where == path or where.startswith(path)]:
            self.end(pid)

    def fork(self, pid: int, program: str, path: str) -> None:
        if path in self.groups or not path:
            self.end(pid)
            self.starts += 1
            self.processes[pid] = program, path, self.starts, 0

    def end(self, pid: int) -> None:
        if self.processes.pop(pid, None) and (self.host.procfs / str(pid)).exists():
            self.host.end(pid)

    def read(self, softirq: int) -> None:
        """Shows everything, and checks what is read of it."""
        for path, ticks in self.groups.items():
            self.host.group(path, ticks / 100)
        for pid, (program, path, start, ticks) in self.processes.items():
            self.host.process(pid, f"/bin/{program}", ticks / 100, start=start, path=path or "/")
        self.host.read(user=self.busy / 100, softirq=softirq / 100)
        self.busy = 0


actions = st.one_of(
    st.tuples(st.just("run"), st.sampled_from(("", *Kernel.GROUPS)), st.integers(0, 900)),
    st.tuples(st.just("work"), st.integers(1, 4), st.integers(0, 900)),
    st.tuples(st.just("make"), st.sampled_from(Kernel.GROUPS)),
    st.tuples(st.just("remove"), st.sampled_from(Kernel.GROUPS)),
    st.tuples(
        st.just("fork"),
        st.integers(1, 4),
        st.sampled_from(["first", "last", "sh"]),
        st.sampled_from(("", *Kernel.GROUPS)),
    ),
    st.tuples(st.just("end"), st.integers(1, 4)),
    st.tuples(st.just("read"), st.integers(0, 300)),
)


def lived(kernel: Kernel, acts: list[tuple[Any, ...]], *, seen: bool) -> None:
    """Lets all happen and checks every reading. With `seen`, a reading comes before each end."""
    kernel.read(0)
    last = kernel.host.snapshot
    for name, *words in [*acts, ("read", 0)]:
        if name == "work":
            pid, ticks = words
            if pid in kernel.processes:
                kernel.run(kernel.processes[pid][1], ticks, pid)
            continue
        if name == "run" and words[0] and words[0] not in kernel.groups:
            continue
        if seen and name in ("remove", "fork", "end"):
            kernel.read(0)
        getattr(kernel, name)(*words)
        now = kernel.host.snapshot
        busy = sum(now.modes[mode] for mode in ("user", "softirq"))
        assert sum(now.cpu.values()) == pytest.approx(busy, abs=1e-9)
        assert all(now.cpu[workload] >= seconds for workload, seconds in last.cpu.items())
        last = now
    if seen:
        counted = {workload: seconds for workload, seconds in last.cpu.items() if workload != "softirq"}
        true = {workload: kernel.truth[workload] / 100 for workload in counted}
        assert counted == pytest.approx(true, abs=1e-6)
        assert sum(kernel.truth.values()) / 100 == pytest.approx(sum(true.values()))


@given(st.lists(actions, max_size=40), st.booleans())
@settings(max_examples=100)
def test_workloads_add_up_over_any_life_of_cgroups_and_processes(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[Any, ...]], seen: bool
) -> None:
    """Cgroups and processes come, run, go and come again under the same names, between readings and across them.

    Where none ends between two readings, each workload has exactly its time.
    """
    lived(Kernel(tmp_path_factory.mktemp("host")), acts, seen=seen)
