# SPDX-License-Identifier: Apache-2.0
"""The demo as its user runs it, and the lies that it must find."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from joulepath_lab.devices.plant import MUTATIONS
from joulepath_lab.network import isolation
from joulepath_lab.run import programs
from joulepath_lab.run.waiting import until
from joulepath_prometheus.client import Prometheus
from joulepath_topology import read

pytestmark = pytest.mark.lab


def demo(tmp_path: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    path = tmp_path / "result.json"
    command = [sys.executable, "-m", "joulepath_lab", "--json", str(path), "--output", str(tmp_path), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return result, json.loads(path.read_text()) if path.exists() else {}


def faults(figures: dict[str, Any]) -> list[str]:
    """The findings of the doctor in a run, without its notes."""
    return [
        f"{one['id']} {one['place']}"
        for told in figures["findings"].values()
        for one in told
        if one["severity"] != "note"
    ]


@pytest.fixture
def namespaces(prometheus: Path, alertmanager: Path, request: pytest.FixtureRequest) -> None:
    """Asks for what the lab needs: its servers and a kernel that makes namespaces."""
    if reason := isolation.refusal(rootless=False) and isolation.refusal(rootless=True):
        request.getfixturevalue("absent")("netns", reason)


@pytest.mark.parametrize("mode", ["kernel", "simulated"])
def test_the_demo_adds_up(namespaces: None, tmp_path: Path, mode: str, request: pytest.FixtureRequest) -> None:
    if mode == "kernel":
        request.getfixturevalue("as_root")
    # The budget's alert takes a minute; it is waited for in one mode.
    rootless = ["--rootless", "--no-alert"] if mode == "simulated" else []
    result, figures = demo(tmp_path, "--seconds", "10", *rootless)
    assert result.returncode == 0, result.stdout + result.stderr
    assert figures["stamping"] == mode
    assert faults(figures) == []
    assert figures["worst_error_ratio"] <= 0.03
    assert figures["worst_conservation_error_ratio"] <= 1e-6
    applications, components, hosts = figures["applications"], figures["components"], figures["hosts"]
    assert set(applications) == {"assembly-line", "inspection"}
    for row in applications.values():
        parts = row["network_static_watts"] + row["network_dynamic_watts"] + row["compute_watts"]
        assert parts == pytest.approx(row["total_watts"], rel=1e-9)
        assert row["other_watts"] == 0
        network = row["network_static_watts"] + row["network_dynamic_watts"]
        assert row["network_share"] == pytest.approx(network / row["total_watts"], rel=0.03)
    for row in components.values():
        assert row["attributed_watts"] + row["unattributed_watts"] == pytest.approx(row["watts"], rel=1e-9)
    attributed = sum(row["attributed_watts"] for row in components.values())
    assert sum(row["total_watts"] for row in applications.values()) == pytest.approx(attributed, rel=1e-9)
    rest = sum(row["unattributed_watts"] for row in (*components.values(), *hosts.values()))
    assert attributed + rest == pytest.approx(sum(row["watts"] for row in hosts.values()), rel=1e-9)
    reported = mean_watts(tmp_path / "report.json")
    # The report is of a few seconds less, since the last watts are not known yet when it is written.
    for name, row in applications.items():
        assert reported[name] == pytest.approx(row["truth_total_watts"], rel=0.05)
    assert reported["unattributed"] == pytest.approx(rest, rel=0.1)


def mean_watts(path: Path) -> dict[str, float]:
    """Mean power by application in a report's file."""
    report = json.loads(path.read_text())
    (table,) = (table for table in report["tables"] if table["id"] == "applications")
    place = [column["key"] for column in table["columns"]].index("energy_joules")
    return {row[0]: row[place] / (report["end"] - report["begin"]) for row in table["rows"]}


@pytest.mark.parametrize("mode", ["kernel", pytest.param("simulated", marks=pytest.mark.long)])
def test_the_5g_path_adds_up(namespaces: None, tmp_path: Path, mode: str, request: pytest.FixtureRequest) -> None:
    if mode == "kernel":
        request.getfixturevalue("as_root")
    if not os.access("/dev/net/tun", os.W_OK):
        request.getfixturevalue("absent")("netns", "no /dev/net/tun")
    rootless = ["--rootless"] if mode == "simulated" else []
    result, figures = demo(tmp_path, "--seconds", "10", "--scenario", "gtpu", "--no-alert", *rootless)
    assert result.returncode == 0, result.stdout + result.stderr
    assert figures["stamping"] == mode
    assert faults(figures) == []
    assert figures["worst_error_ratio"] <= 0.03
    applications, components, hosts = figures["applications"], figures["components"], figures["hosts"]
    # The power of AMF and SMF for an application is neither network nor compute, but a part of its total.
    support = {name: components[name] for name in ("amf", "smf")}
    for row in applications.values():
        parts = row["network_static_watts"] + row["network_dynamic_watts"] + row["compute_watts"]
        assert 0 < row["total_watts"] - parts < sum(row["attributed_watts"] for row in support.values())
        assert parts + row["other_watts"] == pytest.approx(row["total_watts"], rel=1e-9)
    attributed = sum(row["attributed_watts"] for row in components.values())
    assert sum(row["total_watts"] for row in applications.values()) == pytest.approx(attributed, rel=1e-9)
    rest = sum(row["unattributed_watts"] for row in (*components.values(), *hosts.values()))
    assert attributed + rest == pytest.approx(sum(row["watts"] for row in hosts.values()), rel=1e-9)
    reported = mean_watts(tmp_path / "report.json")
    for name, row in applications.items():
        assert reported[name] == pytest.approx(row["truth_total_watts"], rel=0.05)


def test_unmodified_programs_are_traced(as_root: None, bpf: None, namespaces: None, tmp_path: Path) -> None:
    """One sends UDP, one TCP; they are known by their cgroups, and the answers to them by ports."""
    result, figures = demo(tmp_path, "--seconds", "10", "--scenario", "tagged", "--no-alert")
    assert result.returncode == 0, result.stdout + result.stderr
    assert faults(figures) == []
    assert figures["worst_error_ratio"] <= 0.03
    applications = figures["applications"]
    assert set(applications) == {"assembly-line", "inspection"}
    for row in applications.values():
        assert row["network_static_watts"] > 50
        assert row["network_dynamic_watts"] > 30
        assert row["total_watts"] == pytest.approx(row["truth_total_watts"], rel=0.03)


def test_programs_are_tagged_by_root_alone() -> None:
    command = [sys.executable, "-m", "joulepath_lab", "--scenario", "tagged", "--rootless"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert result.stderr == "demo: tagged needs root: the kernel takes the tagger's program only from root\n"


ONE_LIE = "kepler"
"""Of the meters' lies, the one that each run of the tests tells."""


@pytest.mark.parametrize(
    "mutation",
    [*(each if each == ONE_LIE else pytest.param(each, marks=pytest.mark.long) for each in MUTATIONS), "rule"],
)
def test_a_meter_or_a_rule_that_lies_fails_the_demo(namespaces: None, tmp_path: Path, mutation: str) -> None:
    result, figures = demo(tmp_path, "--seconds", "6", "--mutation", mutation)
    assert result.returncode == 1, result.stdout + result.stderr
    assert figures["worst_error_ratio"] > 0.03


def test_a_kept_demo_is_reached_from_the_host_until_ctrl_c(namespaces: None, tmp_path: Path) -> None:
    if reason := isolation.refusal(rootless=True):
        pytest.skip(reason)
    command = [sys.executable, "-m", "joulepath_lab", "--rootless", "--keep", "--seconds", "8", "--no-alert"]
    command += ["--output", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        lines = list(takewhile(lambda line: "until Ctrl-C" not in line, process.stdout))
        addresses = dict(re.findall(r"^(\S.*?)  +(http://127.0.0.1:\d+/)$", "".join(lines), re.MULTILINE))
        with Prometheus(addresses["Prometheus"].rstrip("/")) as prometheus:
            assert len(prometheus.query("sum by (application) (application:power_watts)")) == 3
        with urllib.request.urlopen(addresses["joulepath pdu"], timeout=10) as landing:  # loopback
            assert "pdu-1" in landing.read().decode()
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0, rest
    assert f"report of these 8 s: {tmp_path / 'report.html'}" in "".join(lines)
    page = (tmp_path / "report.html").read_text()
    assert "assembly-line" in page
    assert "unattributed" in page
    assert read(tmp_path / "topology.yaml").name == "joulepath"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(addresses["joulepath pdu"], timeout=10)  # loopback


def test_killing_the_demo_leaves_nothing_behind(namespaces: None, tmp_path: Path) -> None:
    before = _mounts()
    marker = str(tmp_path / "killed.json")
    command = [sys.executable, "-m", "joulepath_lab", "--json", marker, "--output", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        while line := process.stdout.readline():
            if "waiting until Prometheus" in line:
                break
        inside = _children(process.pid)
        assert len(inside) > 5
        namespaces_inside = {
            (kind, space) for pid in inside for kind in ("net", "mnt", "pid") if (space := _namespace(pid, kind))
        }
        namespaces_inside -= {(kind, _namespace(os.getpid(), kind)) for kind in ("net", "mnt", "pid")}
        assert sum(kind == "net" for kind, _ in namespaces_inside) > 3, "the nodes of the path are not there"
        process.kill()
    until(lambda: not any(_start_time(pid) == started for pid, started in inside.items()), 30)
    # Others on this machine may have namespaces and mounts of their own.
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):  # noqa: PTH208  # names alone
        for kind, ended in namespaces_inside:
            assert _namespace(pid, kind) != ended
    assert not [mount for mount in _mounts() - before if str(programs.CACHE) in mount]


def _mounts() -> set[str]:
    return set(Path("/proc/self/mounts").read_text().splitlines())


def _children(pid: int) -> dict[int, str]:
    """All descendants of a process, and when each was started: numbers are given again."""
    children: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            children |= {child: _start_time(child), **_children(child)}
    return children


def _start_time(pid: int) -> str:
    """Ticks since the machine's start (proc_pid_stat(5)); empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _namespace(pid: int, kind: str) -> str | None:
    """A process' namespace; None of one that has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115  # a link that leads nowhere
    except OSError:
        return None
