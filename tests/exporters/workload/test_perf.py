# SPDX-License-Identifier: Apache-2.0
"""Events of this machine's kernel in its cgroups. The kernel's own events stand for the processor's, which few virtual
machines have: they take the same way, except for the processor's registers."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulepath.workload.cgroup import find
from joulepath.workload.counting import Counting, Named, Step, online
from joulepath.workload.meter import Meter
from joulepath.workload.perf import CONTEXT_SWITCHES, CPU_CLOCK, TASK_CLOCK, PerfError, PerfGroup
from joulepath.workload.settings import Rule, Settings
from tests.conftest import ROOT
from tests.exporters.workload.real import MOUNT, RealCgroups, cgroups, cpu_of

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

EVENTS = TASK_CLOCK, CONTEXT_SWITCHES


@pytest.fixture
def groups() -> Iterator[RealCgroups]:
    tree = find(MOUNT, "v2")
    if tree is None or tree.perf_root != tree.root or "perf_event\t0\t" not in Path("/proc/cgroups").read_text():
        pytest.skip("this machine counts no events in cgroups of version 2")
    try:
        PerfGroup(EVENTS, min(online())).close()
    except PerfError as fault:
        pytest.skip(f"this machine counts no events: {fault}")
    with cgroups(Path(tree.root)) as made:
        yield made


def metered(groups: RealCgroups, *paths: str) -> Meter:
    """Each cgroup is the workload of its own name."""
    rules = tuple(Rule("cgroup", f"{groups.name}/{path}", path.rpartition("/")[2]) for path in paths)
    meter = Meter(Settings(tuple(reversed(rules)), "other", hierarchy="v2"), events=EVENTS)
    meter.read()
    assert not meter.faults
    return meter


def nanoseconds(meter: Meter) -> dict[str, float]:
    """Of the task clock, by workload [s]."""
    return {workload: count / 1e9 for workload, count in meter.read().hardware[TASK_CLOCK].items()}


def test_counts_are_those_of_the_scheduler(groups: RealCgroups) -> None:
    for name in ("a", "b"):
        groups.make(name)
    meter = metered(groups, "a", "b")
    try:
        used = {name: cpu_of(groups.burn(name, seconds)) for name, seconds in (("a", 0.8), ("b", 0.3))}
        snapshot = meter.read()
        found = {workload: count / 1e9 for workload, count in snapshot.hardware[TASK_CLOCK].items()}
        assert found["a"] == pytest.approx(used["a"], rel=0.1, abs=0.03)
        assert found["b"] == pytest.approx(used["b"], rel=0.1, abs=0.03)
        assert snapshot.cpu["a"] == pytest.approx(found["a"], rel=0.1, abs=0.05)
        # The clock of a CPU runs on while it is idle: all workloads together have all CPUs' time.
        cpus = len(os.sched_getaffinity(0))
        assert sum(found.values()) >= 0.7 * cpus * snapshot.hardware_seconds
        assert snapshot.hardware[CONTEXT_SWITCHES]["a"] > 0
    finally:
        meter.close()


def test_the_counts_of_a_cgroup_that_has_gone_are_not_lost(groups: RealCgroups) -> None:
    groups.make("outer")
    groups.make("outer/inner")
    meter = metered(groups, "outer", "outer/inner")
    try:
        inside = cpu_of(groups.burn("outer/inner", 0.4))
        groups.remove("outer/inner")
        around = cpu_of(groups.burn("outer", 0.2))
        found = nanoseconds(meter)
        assert found["inner"] == pytest.approx(inside, rel=0.1, abs=0.03)
        assert found["outer"] == pytest.approx(around, rel=0.15, abs=0.03)
        groups.make("outer/inner")
        assert nanoseconds(meter)["inner"] == pytest.approx(found["inner"], abs=0.02)
        inside += cpu_of(groups.burn("outer/inner", 0.3))
        assert nanoseconds(meter)["inner"] == pytest.approx(inside, rel=0.1, abs=0.05)
    finally:
        meter.close()


def test_descriptors_are_closed_with_their_cgroups(groups: RealCgroups) -> None:
    for name in ("a", "b"):
        groups.make(name)
    before = descriptors()
    meter = metered(groups, "a", "b")
    each = len(EVENTS) * len(online())
    assert descriptors() == before + 3 * each  # two cgroups and the host
    groups.remove("b")
    meter.read()
    assert descriptors() == before + 2 * each
    meter.close()
    assert descriptors() == before


def test_counters_survive_cgroups_that_come_and_go(groups: RealCgroups) -> None:
    names = [str(number) for number in range(4)]
    meter = metered(groups, *names)
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            for name in names:
                groups.make(name)
            for name in names:
                groups.remove(name)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        last = nanoseconds(meter)
        for _ in range(60):
            now = nanoseconds(meter)
            assert all(now[workload] >= count for workload, count in last.items())
            last = now
    finally:
        ended.set()
        thread.join()
    meter.read()
    assert not meter.faults
    meter.close()


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


COUNT = """
import sys
from joulepath.errors import JoulepathError
from joulepath.workload.counting import Counting, Named
from joulepath.workload.perf import TASK_CLOCK
try:
    counting = Counting(sys.argv[1], [TASK_CLOCK])
    counting.read([Named((sys.argv[2], 1), "a", None)])
    print(len(counting.read([]).steps), *counting.faults)
except JoulepathError as fault:
    print(fault)
"""


@pytest.mark.parametrize(("capabilities", "printed"), [("-all,+perfmon", "1"), ("-all", "CAP_PERFMON")])
def test_the_right_to_count_is_one_capability(groups: RealCgroups, capabilities: str, printed: str) -> None:
    if int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) <= 0:
        pytest.skip("kernel.perf_event_paranoid lets any user count")
    groups.make("a")
    sets = [f"--{name}={capabilities}" for name in ("inh-caps", "ambient-caps", "bounding-set")]
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *sets]
    tree = find(MOUNT, "v2")
    assert tree is not None
    words = [*reaching(), *user, sys.executable, "-c", COUNT, tree.root, f"{groups.name}/a"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, cwd="/")
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def reaching() -> list[str]:
    """Where any user can read this code, wherever the checkout and the interpreter are."""
    reach = ROOT / "tests" / "deploy" / "reach.py"
    return ["unshare", "--mount", sys.executable, str(reach), str(ROOT), sys.prefix, sys.base_prefix, "--"]


def test_a_folder_that_is_not_of_such_cgroups_is_refused(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(PerfError):
            PerfGroup((CPU_CLOCK,), 0, folder)
    finally:
        os.close(folder)


def test_a_cgroup_that_cannot_be_counted_counts_as_other(groups: RealCgroups, tmp_path: Path) -> None:
    groups.make("a")
    (tmp_path / groups.name.lstrip("/")).mkdir()
    (tmp_path / groups.name.lstrip("/") / "a").mkdir()
    counting = Counting(str(tmp_path), EVENTS)  # not a hierarchy of cgroups
    try:
        wanted = [Named((f"{groups.name}/a", 1), "a", None)]
        counting.read(wanted)
        assert counting.read(wanted).steps == [Step("a", None, (0, 0))]
        (line,) = counting.faults
        assert line.startswith(f"hardware counters: not of cgroups below {tmp_path}: ")
        assert counting.descriptors == len(EVENTS) * len(online())
    finally:
        counting.close()
