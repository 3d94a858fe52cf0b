# SPDX-License-Identifier: Apache-2.0
"""The kernel's own counters: programs that burn CPU time in cgroups of both versions."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulepath.reading.bounds import MAX_LABEL
from joulepath.workload.account import Snapshot
from joulepath.workload.meter import Meter
from joulepath.workload.pids import Pids
from joulepath.workload.settings import Rule, Settings
from joulepath_lab.run.waiting import until
from tests.exporters.workload.real import BURN, RealCgroups, Version, cgroups, cpu_of, root_of

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

BUSY = ("user", "nice", "system", "irq", "softirq")


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> Version:
    found: Version = request.param
    return found


@pytest.fixture
def groups(version: Version) -> Iterator[RealCgroups]:
    root = root_of(version)
    if root is None:
        pytest.skip(f"this machine has no cgroups of version {version[1]}")
    with cgroups(root) as made:
        yield made


def metered(version: Version, *rules: Rule) -> Callable[[], dict[str, float]]:
    """Reads this machine: CPU seconds by workload. Checks that they add up to the busy time."""
    meter = Meter(Settings(rules, "other", hierarchy=version))

    def read() -> dict[str, float]:
        snapshot: Snapshot = meter.read()
        assert not meter.faults
        busy = sum(snapshot.modes[mode] for mode in BUSY)
        named = sum(seconds for workload, seconds in snapshot.cpu.items() if workload != "steal")
        assert named == pytest.approx(busy, abs=1e-6)
        return dict(snapshot.cpu)

    read()
    return read


IN_A_POD = """
import sys
from pathlib import Path
from joulepath.workload.cgroup import find
tree = find(Path("/sys/fs/cgroup"), sys.argv[1])
for pid in sys.argv[2:]:
    print(tree.path_of(Path(f"/proc/{pid}/cgroup").read_bytes()))
"""


def test_cgroups_have_their_path_in_a_pod_too(version: Version, groups: RealCgroups) -> None:
    """A pod has a cgroup namespace of its own: paths of others begin with /.. there, and say nothing of where it is."""
    for path in ("/pod", "/pod/container", "/pod/another", "/unit"):
        groups.make(path)
    places = ("/pod/container", "/pod/another", "/unit")
    running = [groups.start(path, "sleep", "60") for path in places]
    pids = [str(process.pid) for process in running]
    try:
        until(lambda: all(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in pids))
        program = [sys.executable, "-c", IN_A_POD, version, *pids, "1"]
        inside = groups.start("/pod/container", "unshare", "--cgroup", *program, output=subprocess.PIPE)
        shown, _ = inside.communicate(timeout=60)
    finally:
        for process in running:
            process.kill()
            process.wait()
    outside = subprocess.run([sys.executable, "-c", IN_A_POD, version, "1"], capture_output=True, check=True)
    assert shown.decode().splitlines() == [
        *(groups.name + path for path in places),
        outside.stdout.decode().rstrip("\n"),
    ]


def test_two_workloads_have_the_time_of_their_programs(version: Version, groups: RealCgroups) -> None:
    for name in ("a", "b"):
        groups.make(name)
    rules = [Rule("cgroup", f"{groups.name}/{name}", name) for name in ("a", "b")]
    read = metered(version, *rules)
    first = cpu_of(groups.burn("a", 0.8))
    second = cpu_of(groups.burn("b", 0.3))
    found = read()
    assert found["a"] == pytest.approx(first, abs=0.05)
    assert found["b"] == pytest.approx(second, abs=0.05)


def test_programs_shorter_than_a_reading_are_counted(version: Version, groups: RealCgroups) -> None:
    groups.make("a")
    read = metered(version, Rule("cgroup", f"{groups.name}/a", "a"))
    loop = "for number in $(seq 200); do /bin/ls / >/dev/null; done"
    used = cpu_of(groups.start("a", "sh", "-c", loop))
    assert used > 0.05
    assert read()["a"] == pytest.approx(used, rel=0.2, abs=0.03)


def test_the_cgroup_around_counts_the_end_of_an_inner_one(version: Version, groups: RealCgroups) -> None:
    groups.make("pod")
    groups.make("pod/container")
    rules = Rule("cgroup", f"{groups.name}/pod/*", "container"), Rule("cgroup", f"{groups.name}/pod", "pod")
    read = metered(version, *rules)
    seen = cpu_of(groups.burn("pod/container", 0.3))
    assert read()["container"] == pytest.approx(seen, abs=0.05)
    unseen = cpu_of(groups.burn("pod/container", 0.4))
    groups.remove("pod/container")
    found = read()
    assert found["container"] == pytest.approx(seen, abs=0.05)
    assert found["pod"] == pytest.approx(unseen, abs=0.05)


def test_a_cgroup_that_is_made_again_is_counted_in_full(version: Version, groups: RealCgroups) -> None:
    groups.make("a")
    read = metered(version, Rule("cgroup", f"{groups.name}/a", "a"))
    used = cpu_of(groups.burn("a", 0.2))
    read()
    groups.remove("a")
    groups.make("a")
    used += cpu_of(groups.burn("a", 0.5))
    assert read()["a"] == pytest.approx(used, abs=0.05)


HOSTILE = [
    b"\xff\xfe.service",
    b'a "quoted\\".service',
    "\N{GREEK SMALL LETTER OMEGA}\u2028.service".encode(),
    b" .service",
    b"n" * 247 + b".service",
    b"steal",
]
"""Names that this kernel takes: it refuses a line's end."""


def test_names_of_cgroups_may_hold_all_that_the_kernel_takes(
    version: Version, groups: RealCgroups, tmp_path: Path
) -> None:
    deep = "d" * 200
    for name in HOSTILE:
        groups.make(os.fsdecode(name))
    path = ""
    for _ in range(24):  # longer than a path may be
        path = f"{path}/{deep}"
        try:
            groups.make(path)
        except OSError:
            break
    config = tmp_path / "workload.yaml"
    config.write_text(f"workloads: [{{cgroup: '{groups.name}/*'}}]\nhierarchy: {version}\n")
    burning = [groups.burn(os.fsdecode(HOSTILE[place]), 60) for place in (0, 2)]
    words = [sys.executable, "-m", "joulepath", "workload", "--once", "--config", str(config)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    finally:
        for process in burning:
            process.kill()
            process.wait()
    assert (done.returncode, done.stderr) == (0, "")
    samples = [
        sample
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if sample.labels.get("workload", "").startswith(groups.name[:20])
        and sample.name == "workload_cpu_seconds_total"
    ]
    assert sum(sample.value > 0 for sample in samples) == 2
    assert all(len(sample.labels["workload"]) <= MAX_LABEL for sample in samples)


def test_cgroups_may_come_and_go_while_they_are_read(version: Version, groups: RealCgroups) -> None:
    read = metered(version, Rule("cgroup_regex", rf"{groups.name}/(\d)", r"w\1"))
    ended = threading.Event()

    def churn() -> None:
        turn = 0
        while not ended.is_set():
            for number in range(5):
                groups.make(f"{number}")
                if turn % 3 == 0:
                    groups.make(f"{number}/in")
                    groups.remove(f"{number}/in")
            for number in range(5):
                groups.remove(f"{number}")
            turn += 1

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        last = read()
        for _ in range(60):
            now = read()
            assert all(now[workload] >= seconds for workload, seconds in last.items())
            last = now
    finally:
        ended.set()
        thread.join()


def test_a_process_that_a_rule_names_is_taken_out_of_its_cgroup(version: Version, groups: RealCgroups) -> None:
    groups.make("a")
    rules = Rule("command", r"name=(\w+)", r"\1"), Rule("cgroup", f"{groups.name}/a", "a")
    read = metered(version, *rules)
    # They burn, and then wait for the end of their input.
    script = f"{BURN}\nsys.stdin.read()"
    outside = groups.start("", sys.executable, "-c", script, "0.6", "name=model")
    inside = groups.start("a", sys.executable, "-c", script, "0.4", "name=inner")
    with outside, inside:
        try:
            plain = cpu_of(groups.burn("a", 0.3))
            until(lambda: (found := read())["model"] > 0.55 and found["inner"] > 0.35)
            pids = Pids(Settings(rules, "other", hierarchy=version))
            assert pids.workload(outside.pid) == "model"
            assert pids.workload(inside.pid) == "inner"
        finally:
            outside.kill()
            inside.kill()
    found = read()
    # Times of processes are in hundredths, and a program starts before it has its own command line.
    assert found["model"] == pytest.approx(0.6, abs=0.15)
    assert found["inner"] == pytest.approx(0.4, abs=0.15)
    assert found["a"] == pytest.approx(plain, abs=0.15)


def test_a_machine_with_version_2_alone(tmp_path: Path, absent: Callable[[str, str], NoReturn]) -> None:
    """Its hierarchy is mounted where other machines have it, in a mount namespace of the test."""
    root = root_of("v2")
    if root is None:
        pytest.skip("this kernel has no cgroups of version 2")
    config = tmp_path / "workload.yaml"
    mount = tmp_path / "cgroup"
    mount.mkdir()
    with cgroups(root) as groups:
        groups.make("a")
        config.write_text(f"workloads: [{{cgroup: '{groups.name}/a', name: a}}]\n")
        burning = groups.burn("a", 60)
        script = f'mount -t cgroup2 none {mount} && exec "$@"'
        words = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            sys.executable,
            "-m",
            "joulepath",
            "workload",
            "--once",
        ]
        words += ["--config", str(config), "--path.cgroup", str(mount)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        finally:
            burning.kill()
            burning.wait()
    if "mount:" in done.stderr:
        absent("root", done.stderr)
    assert done.returncode == 0, done.stderr
    samples = {
        sample.labels["workload"]: sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if sample.name == "workload_cpu_seconds_total"
    }
    assert samples["a"] > 0.1
