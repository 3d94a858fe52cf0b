# SPDX-License-Identifier: Apache-2.0
"""Which rule decides for a cgroup or a process."""

from pathlib import Path

import pytest

from joulepath.workload.names import Names
from joulepath.workload.naming import Match, Naming
from joulepath.workload.settings import Rule, Settings
from tests.exporters.workload.tree import ID, POD

pytestmark = pytest.mark.unit

POD_PATH = f"/kubepods/burstable/pod{POD}"


@pytest.fixture
def names(tmp_path: Path) -> Names:
    (tmp_path / "var/log/pods" / f"core_upf-7d9f_{POD}").mkdir(parents=True)
    containers = tmp_path / "var/log/containers"
    containers.mkdir()
    (containers / f"upf-7d9f_core_gtp_u-{ID}.log").touch()
    return Names(tmp_path)


def workload(names: Names, path: str, *rules: Rule, rest: str = "other") -> str | None:
    match = Naming(Settings(rules, "each" if rest == "each" else "other"), names).group(path)
    return None if match is None else match.workload


@pytest.mark.parametrize(
    ("path", "rule", "found"),
    [
        ("/system.slice/a.service", Rule("unit", "a.service"), "a.service"),
        ("/system.slice/a.service", Rule("unit", "*.service", "web"), "web"),
        ("/system.slice/a.service", Rule("unit", "b.service"), None),
        ("/system.slice", Rule("unit", "system.slice"), "system.slice"),
        ("/system.slice/a.service", Rule("unit", "a"), None),  # a pattern fits all of the name
        (POD_PATH, Rule("pod", "core/upf-*"), "core/upf-7d9f"),
        (POD_PATH, Rule("pod", "core/*", "core"), "core"),
        (POD_PATH, Rule("pod", "ran/*"), None),
        (f"{POD_PATH}/{ID}", Rule("container", "core/*/gtp_u"), "core/upf-7d9f/gtp_u"),
        (f"{POD_PATH}/{ID}", Rule("container", ID[:12], "u"), "u"),
        (f"{POD_PATH}/{ID}", Rule("container", ID[:11], "u"), None),  # too short for an id
        (f"{POD_PATH}/{ID}", Rule("pod", "core/*"), None),  # inside the pod, which the cgroup around it is
        ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", Rule("machine", "vm"), "vm"),
        ("/batch/a", Rule("cgroup", "/batch/*"), "/batch/a"),
        ("/batch", Rule("cgroup", "/batch/*"), None),
        ("/slurm/job_17", Rule("cgroup_regex", r".*/job_(\d+)", r"job-\1"), "job-17"),
        ("/slurm/job_17/step", Rule("cgroup_regex", r".*/job_(\d+)", r"job-\1"), None),
        ("/slurm/job_17", Rule("cgroup_regex", r".*/job_\d+"), "/slurm/job_17"),
    ],
)
def test_a_rule_names_what_fits(names: Names, path: str, rule: Rule, found: str | None) -> None:
    assert workload(names, path, rule) == found


def test_the_first_rule_that_fits_decides(names: Names) -> None:
    rules = (Rule("unit", "a*", "first"), Rule("unit", "a.service", "second"))
    assert workload(names, "/a.service", *rules) == "first"
    assert workload(names, "/a.service", *reversed(rules)) == "second"


def test_the_rest_has_workloads_only_where_that_is_asked_for(names: Names) -> None:
    assert workload(names, "/system.slice/a.service") is None
    assert workload(names, "/system.slice/a.service", rest="each") == "a.service"
    assert workload(names, "/system.slice", rest="each") is None


def test_unknown_names_are_ids_until_they_are_known(tmp_path: Path) -> None:
    now = [0.0]
    naming = Naming(Settings(), Names(tmp_path, clock=lambda: now[0]))
    assert naming.group(POD_PATH) == Match(0, f"pod-{POD}")
    assert naming.group(f"/docker/{ID}") == Match(0, ID[:12])
    (tmp_path / "var/log/pods" / f"core_upf_{POD}").mkdir(parents=True)
    now[0] += 60
    assert naming.group(POD_PATH) == Match(0, "core/upf")


def test_a_thing_cannot_take_the_name_of_the_rest(tmp_path: Path) -> None:
    naming = Naming(Settings(), Names(tmp_path))
    assert naming.group("/lxc/other") == Match(0, "container:other")
    assert Naming(Settings((Rule("command", "x(y?)", r"\1"),)), Names(tmp_path)).process("x", "x") == Match(
        0, "command:"
    )


def test_the_outer_match_holds_unless_the_inner_rule_comes_first() -> None:
    assert Match(1, "inner").over(Match(2, "outer"))
    assert not Match(2, "inner").over(Match(1, "outer"))
    assert not Match(1, "inner").over(Match(1, "outer"))
    assert Match(1, "inner").over(None)


@pytest.mark.parametrize(
    ("rule", "executable", "command", "found"),
    [
        (Rule("executable", "ffmpeg"), "/usr/bin/ffmpeg", "ffmpeg -i a", "ffmpeg"),
        (Rule("executable", "/usr/bin/*", "system"), "/usr/bin/ffmpeg", "ffmpeg -i a", "system"),
        (Rule("executable", "/opt/*"), "/usr/bin/ffmpeg", "ffmpeg", None),
        (Rule("executable", "[[]kswapd*", "swap"), "[kswapd0]", "[kswapd0]", "swap"),
        (Rule("command", r"vllm serve (\S+)", r"vllm-\1"), "/usr/bin/python3", "python3 vllm serve qwen", "vllm-qwen"),
        (Rule("command", "^serve", "x"), "/usr/bin/python3", "python3 serve", None),
        (Rule("unit", "*", "x"), "/usr/bin/python3", "python3 serve", None),
    ],
)
def test_processes_are_named_by_program_and_command(
    names: Names, rule: Rule, executable: str, command: str, found: str | None
) -> None:
    match = Naming(Settings((rule,)), names).process(executable, command)
    assert (None if match is None else match.workload) == found
