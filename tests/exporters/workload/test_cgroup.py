# SPDX-License-Identifier: Apache-2.0
"""Hierarchies of cgroups and their counters."""

from pathlib import Path

import pytest

from joulepath.workload.cgroup import Disks, Tree, find
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("folders", "where"),
    [
        (["unified", "cpuacct", "perf_event"], "perf_event"),
        (["unified", "cpuacct"], "unified"),
        (["unified"], "unified"),
        (["cpuacct"], None),
    ],
)
def test_events_are_counted_in_version_1_if_it_is_mounted(
    tmp_path: Path, folders: list[str], where: str | None
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
        if folder == "unified":
            (tmp_path / folder / "cgroup.controllers").touch()
    tree = find(tmp_path)
    assert tree is not None
    assert tree.perf_root == (None if where is None else str(tmp_path / where))


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def found(host: FakeHost, hierarchy: str = "auto") -> Tree:
    tree = find(host.cgroup, hierarchy, Disks(host.root / "sys"))  # type: ignore[arg-type]
    assert tree is not None
    return tree


def test_cgroups_of_version_2_are_read(host: FakeHost) -> None:
    host.group("/a.slice/b.service", 1.5, memory=4096, io=[("8:0", 10, 20), ("8:16", 1, 2)])
    tree = found(host)
    assert tree.version == "v2"
    assert tree.cpu_seconds("/a.slice/b.service") == 1.5
    assert tree.memory_bytes("/a.slice/b.service") == 4096
    assert tree.io_bytes("/a.slice/b.service") == (11, 22)
    assert [path for path, _ in tree.walk()] == ["/a.slice", "/a.slice/b.service"]


def test_cgroups_of_version_1_are_read(host: FakeHost) -> None:
    host.group_v1("/docker/x", 2.5, memory=8192, io=[("8:0", 10, 20), ("8:16", 1, 2)])
    tree = found(host)
    assert tree.version == "v1"
    assert tree.cpu_seconds("/docker/x") == 2.5
    assert tree.memory_bytes("/docker/x") == 8192
    assert tree.io_bytes("/docker/x") == (11, 22)


def test_version_1_with_both_controllers_in_one_folder(host: FakeHost) -> None:
    host.group_v1("/docker/x", 2.5)
    (host.cgroup / "cpuacct").rename(host.cgroup / "cpu,cpuacct")
    assert found(host).cpu_seconds("/docker/x") == 2.5


def test_hybrid_takes_the_hierarchy_with_more_cgroups(host: FakeHost) -> None:
    """Docker's driver cgroupfs makes cgroups of version 1 alone, and systemd all units in version 2."""
    host.group("/a.service", 1.0, folder="unified")
    host.group_v1("/a.service", 5.0, memory=7, io=[("8:0", 1, 2)])
    tree = found(host)
    assert (tree.version, tree.cpu_seconds("/a.service")) == ("v2", 1.0)
    assert (tree.memory_bytes("/a.service"), tree.io_bytes("/a.service")) == (7, (1, 2))  # those are of version 1
    host.group_v1("/docker/x", 2.5)
    assert found(host).version == "v1"
    assert found(host, "v2").version == "v2"
    host.group("/b.service", 1.0, folder="unified")
    host.group("/c.service", 1.0, folder="unified")
    assert found(host).version == "v2"
    assert found(host, "v1").version == "v1"


def test_no_hierarchy_is_found_where_none_is_mounted(host: FakeHost) -> None:
    assert find(host.cgroup) is None
    host.group("/a.service", 1.0)
    assert find(host.cgroup, "v1") is None


def test_missing_counters_are_absent(host: FakeHost) -> None:
    host.group("/a.service", 1.0)
    tree = found(host)
    assert tree.memory_bytes("/a.service") is None
    assert tree.io_bytes("/a.service") is None
    assert tree.cpu_seconds("/gone.service") is None


@pytest.mark.parametrize("text", ["", "usage_usec", "usage_usec x\n", "nr_periods 5\nusage_usec 7\n"])
def test_a_counter_that_cannot_be_read_is_absent(host: FakeHost, text: str) -> None:
    (host.group("/a.service", 1.0) / "cpu.stat").write_text(text)
    assert found(host).cpu_seconds("/a.service") is None


def test_bytes_of_stacked_devices_count_once(host: FakeHost) -> None:
    """The kernel charges dm-0 and the disk below it; a loop device's bytes come back as those of its file."""
    (host.root / "sys/dev/block/253:0/slaves/sda").mkdir(parents=True)
    (host.root / "sys/dev/block/8:0/slaves").mkdir(parents=True)
    devices = [("8:0", 10, 20), ("253:0", 10, 20), ("7:1", 10, 20)]
    host.group("/a.service", 1.0, io=devices)
    assert found(host).io_bytes("/a.service") == (10, 20)
    host.group_v1("/a.service", 1.0, io=devices)
    assert found(host, "v1").io_bytes("/a.service") == (10, 20)


def test_a_cgroup_without_io_has_moved_no_bytes(host: FakeHost) -> None:
    host.group("/a.service", 1.0, io=[])
    assert found(host).io_bytes("/a.service") == (0, 0)


def test_a_process_is_in_the_cgroup_of_its_version() -> None:
    text = b"7:memory:/m\n5:cpu,cpuacct:/one:two\n1:name=systemd:/n\n0::/three/\n"
    assert Tree("v1", "", Disks()).path_of(text) == "/one:two"
    assert Tree("v2", "", Disks()).path_of(text) == "/three"
    assert Tree("v2", "", Disks()).path_of(b"0::/\n") == ""
    assert Tree("v2", "", Disks()).path_of(b"5:cpuacct:/x\n") is None


def test_a_cgroup_made_anew_is_another_one(host: FakeHost) -> None:
    host.group("/a.service", 1.0)
    host.group("/b.service", 1.0)
    tree = found(host)
    before = dict(tree.walk())
    host.remove("/a.service")
    host.group("/a.service", 2.0)
    after = dict(tree.walk())
    assert after["/a.service"] != before["/a.service"]
    assert after["/b.service"] == before["/b.service"]
