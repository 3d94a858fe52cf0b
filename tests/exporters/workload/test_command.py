# SPDX-License-Identifier: Apache-2.0
"""The command as its user runs it: a process of its own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulepath.serving import rights
from joulepath.workload.command import needed
from joulepath.workload.settings import Rule, Settings
from joulepath_lab.run.waiting import until
from tests.exporters.process import Exporter
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit

UNIT = "/system.slice/a.service"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.busy()
    made.group(UNIT, 1, memory=4096, io=[("8:0", 1, 2)])
    return made


def arguments(host: FakeHost, *more: object) -> list[object]:
    places = {"procfs": host.procfs, "cgroup": host.cgroup, "sysfs": host.root / "sys", "rootfs": host.root}
    return ["workload", *(f"--path.{name}={path}" for name, path in places.items()), *more]


def joulepath(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "joulepath", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_once_shows_the_workloads(host: FakeHost) -> None:
    done = joulepath(*arguments(host, "--once"))
    assert done.returncode == 0, done.stderr
    names = {family.name for family in text_string_to_metric_families(done.stdout)}
    assert names == {
        "workload_cpu_seconds",
        "workload_host_cpu_seconds",
        "workload_measured_seconds",
        "workload_memory_bytes",
        "workload_io_bytes",
    }
    assert 'workload_memory_bytes{workload="a.service"} 4096.0' in done.stdout


def test_counters_of_the_processor_are_counted_or_one_line_says_why_not(host: FakeHost) -> None:
    done = joulepath(*arguments(host, "--once", "--perf"))
    assert done.returncode == 0, done.stderr
    assert "workload_cpu_seconds_total" in done.stdout
    if "workload_instructions_total" not in done.stdout:
        (line,) = done.stderr.splitlines()
        assert "no hardware counters: instructions: " in line
        assert "workload_hardware_measured_seconds_total" not in done.stdout


def test_once_without_proc_is_one_line_and_exit_1(tmp_path: Path) -> None:
    done = joulepath(*arguments(FakeHost(tmp_path), "--once"))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path}/proc/stat: cannot be read" in line


def test_missing_cgroups_are_reported_once(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.busy()
    with Exporter(*arguments(host)) as exporter:
        assert exporter.value("workload_cpu_seconds_total", workload="other") == 0
        time.sleep(0.6)
        assert exporter.value("workload_cpu_seconds_total", workload="other") == 0
        assert len([line for line in exporter.log if "no cgroups that count CPU time" in line]) == 1
        exporter.end()


def test_it_serves_takes_over_a_changed_file_and_goes_on(host: FakeHost, tmp_path: Path) -> None:
    config = tmp_path / "workload.yaml"
    config.write_text("workloads: [{unit: a.service, name: first}]")
    with Exporter(*arguments(host, "--config", config)) as exporter:
        assert exporter.value("workload_cpu_seconds_total", workload="first") == 0
        host.group(UNIT, 2)
        host.busy(user=1.5)
        until(lambda: exporter.value("workload_cpu_seconds_total", workload="first") == 1)
        assert exporter.value("workload_cpu_seconds_total", workload="other") == 0.5
        config.write_text("workloads: [{unit: a.service, name: second}]")
        exporter.reload()
        until(lambda: exporter.value("workload_cpu_seconds_total", workload="second") == 0)
        host.group(UNIT, 3)
        host.busy(user=1)
        until(lambda: exporter.value("workload_cpu_seconds_total", workload="second") == 1)
        assert exporter.value("workload_cpu_seconds_total", workload="first") == 1
        config.write_text("workloads: [{name: x}]")
        exporter.reload()
        until(lambda: any("workloads[0]: needs exactly one of" in line for line in exporter.log))
        assert exporter.value("workload_cpu_seconds_total", workload="second") == 1
        resident = exporter.value("process_resident_memory_bytes")
        assert resident is not None
        assert resident <= 45 * 2**20
        assert exporter.end() == 0


def test_a_mistake_in_the_file_ends_the_start(host: FakeHost, tmp_path: Path) -> None:
    config = tmp_path / "workload.yaml"
    config.write_text("workloads: [{unt: a}]")
    done = joulepath(*arguments(host, "--config", config, "--once"))
    assert done.returncode == 2
    assert done.stderr == f"joulepath workload: {config}: workloads[0].unt: unknown key 'unt' (did you mean unit?)\n"


def test_rights_are_kept_for_what_the_rules_need() -> None:
    assert rights.CAP_SYS_PTRACE in needed(Settings((Rule("executable", "x"),), "other"))
    assert not needed(Settings((Rule("unit", "x"), Rule("command", "x", "y")), "other"))
