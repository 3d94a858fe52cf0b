# SPDX-License-Identifier: Apache-2.0
"""The host's times in /proc/stat."""

from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.workload import host
from joulepath.workload.pids import Pids
from joulepath.workload.places import Places
from joulepath.workload.settings import Rule, Settings
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit


def test_times_of_all_cpus(tmp_path: Path) -> None:
    fake = FakeHost(tmp_path, cpus=3)
    fake.busy(user=1.25, steal=0.5)
    read = host.read(fake.procfs)
    assert read.cpus == 3
    assert read.modes == dict.fromkeys(host.MODES, 100) | {"user": 101.25, "steal": 100.5}


def test_this_machine_has_used_its_cpus() -> None:
    read = host.read()
    assert read.cpus >= 1
    assert read.modes["user"] > 0


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "intr 1 2 3 4 5 6 7 8\n"])
def test_a_file_without_them_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text)
    with pytest.raises(JoulepathError, match=f"{tmp_path}/stat: does not begin with the times of all CPUs"):
        host.read(tmp_path)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(JoulepathError, match=f"{tmp_path}/stat: cannot be read: is --path.procfs where"):
        host.read(tmp_path)


def test_the_workload_of_a_process_id(tmp_path: Path) -> None:
    fake = FakeHost(tmp_path)
    fake.group("/system.slice/a.service/inner", 1)
    fake.process(7, "/usr/bin/a", 1, path="/system.slice/a.service/inner")
    fake.process(8, "/usr/bin/ffmpeg", 1, path="/system.slice/a.service")
    fake.process(9, "/usr/bin/a", 1)
    rules = Rule("executable", "ffmpeg"), Rule("unit", "a.service", "first"), Rule("cgroup", "*/inner", "second")
    pids = Pids(Settings(rules), Places(fake.procfs, fake.cgroup, tmp_path, tmp_path))
    assert [pids.workload(pid) for pid in (7, 8, 9, 10)] == ["first", "ffmpeg", "other", "other"]
