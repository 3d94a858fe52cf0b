# SPDX-License-Identifier: Apache-2.0
"""The command as its user runs it: a process of its own."""

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporters.rapl.tree import write_zone

pytestmark = pytest.mark.unit


def joulepath(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "joulepath", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_once_prints_an_exposition(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    result = joulepath("rapl", "--path.sysfs", tmp_path, "--once")
    assert result.returncode == 0, result.stderr
    names = {family.name for family in text_string_to_metric_families(result.stdout)}
    assert {"rapl_package_energy_joules", "rapl_host_energy_joules"} <= names


def test_once_without_rapl_is_one_line_and_exit_1(tmp_path: Path) -> None:
    result = joulepath("rapl", "--path.sysfs", tmp_path, "--once")
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "no RAPL zones" in result.stderr
    assert "power sensor (class/hwmon)" in result.stderr
    assert str(tmp_path) in result.stderr


def test_zones_that_a_container_hides_are_reported_beside_a_boards_sensors(tmp_path: Path) -> None:
    folder = tmp_path / "class" / "powercap"
    folder.mkdir(parents=True)
    (folder / "intel-rapl:0").symlink_to("../../devices/virtual/powercap/intel-rapl/intel-rapl:0")
    chip = tmp_path / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True)
    (chip / "name").write_text("psu")
    (chip / "power1_input").write_text("5000000")
    result = joulepath("rapl", "--path.sysfs", tmp_path, "--once")
    assert result.returncode == 0
    assert "hwmon_power_watts" in result.stdout
    assert "rapl_" not in result.stdout
    (line,) = result.stderr.splitlines()
    assert "intel-rapl:0: cannot be looked into" in line


def test_serves_within_30_mib(tmp_path: Path) -> None:
    folder = write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    command = [sys.executable, "-m", "joulepath", "rapl", "--path.sysfs", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--web.listen-address", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            match = re.search(r"127\.0\.0\.1:\d+", line)
            assert match, line
            url = f"http://{match[0]}/metrics"
            urllib.request.urlopen(url, timeout=5).read()
            (folder / "energy_uj").write_text("3500000\n")
            time.sleep(0.6)  # the exporter reads at most once in half a second
            text = urllib.request.urlopen(url, timeout=5).read().decode()
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
    samples = {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert samples["rapl_package_energy_joules_total"] == 2.5
    assert samples["rapl_host_energy_joules_total"] == 2.5
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident
    assert int(resident[1]) <= 30 * 1024
    assert process.returncode == 0
