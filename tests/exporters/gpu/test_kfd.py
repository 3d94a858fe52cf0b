# SPDX-License-Identifier: Apache-2.0
"""Compute units of processes on GPUs of AMD, from files as the kernel's amdkfd has them."""

from pathlib import Path

import pytest

from joulepath.gpu.source import Shares
from joulepath.gpu.vendors.kfd import MOST_SECONDS, Occupancy

pytestmark = pytest.mark.unit


class Kfd:
    """A host with two GPUs of 304 and 104 compute units, and a processor, which is a node, too."""

    def __init__(self, sysfs: Path) -> None:
        self.root = sysfs / "class/kfd/kfd"
        self.now = 50.0
        (self.root / "proc").mkdir(parents=True)
        self.node(0, 0, "cpu_cores_count 96\nsimd_count 0\nlocation_id 0\n")
        self.node(1, 51140, f"simd_count 1216\nsimd_per_cu 4\ndomain 0\nlocation_id {0x05 << 8}\n")
        self.node(2, 722, f"simd_count 416\nsimd_per_cu 4\ndomain 0\nlocation_id {0x26 << 8}\n")

    def node(self, number: int, identity: int, properties: str) -> None:
        folder = self.root / "topology/nodes" / str(number)
        folder.mkdir(parents=True)
        (folder / "gpu_id").write_text(f"{identity}\n")
        (folder / "properties").write_text(properties)

    def process(self, pid: int, identity: int, units: object) -> None:
        folder = self.root / "proc" / str(pid) / f"stats_{identity}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cu_occupancy").write_text(f"{units}\n")


@pytest.fixture
def kfd(tmp_path: Path) -> Kfd:
    return Kfd(tmp_path)


def occupancy(kfd: Kfd, sysfs: Path, bus: str = "0000:05:00.0") -> Occupancy:
    return Occupancy(bus, sysfs, lambda: kfd.now)


def test_processes_have_their_part_of_the_compute_units(kfd: Kfd, tmp_path: Path) -> None:
    kfd.process(7, 51140, 152)
    kfd.process(7, 722, 26)
    kfd.process(9, 51140, 38)
    kfd.process(11, 51140, 0)
    first, second = occupancy(kfd, tmp_path), occupancy(kfd, tmp_path, "0000:26:00.0")
    assert (first.read(), second.read()) == (None, None)
    kfd.now += 2
    assert first.read() == Shares(2.0, {7: 0.5, 9: 0.125})
    assert second.read() == Shares(2.0, {7: 0.25})


def test_a_gpu_without_a_process_is_idle_once_one_was_seen(kfd: Kfd, tmp_path: Path) -> None:
    gpu = occupancy(kfd, tmp_path)
    for _ in range(2):  # older GPUs never have the file
        assert gpu.read() is None
        kfd.now += 1
    kfd.process(7, 51140, 304)
    assert gpu.read() == Shares(1.0, {7: 1.0})
    (kfd.root / "proc/7/stats_51140/cu_occupancy").unlink()
    kfd.now += 1
    assert gpu.read() == Shares(1.0, {})


def test_partitions_of_a_card_are_added(kfd: Kfd, tmp_path: Path) -> None:
    kfd.node(3, 51141, f"simd_count 1216\nsimd_per_cu 4\ndomain 0\nlocation_id {0x05 << 8 | 1}\n")
    kfd.process(7, 51140, 152)
    kfd.process(7, 51141, 304)
    gpu = occupancy(kfd, tmp_path)
    gpu.read()
    kfd.now += 1
    assert gpu.read() == Shares(1.0, {7: 0.75})


def test_a_long_time_between_samples_is_not_measured(kfd: Kfd, tmp_path: Path) -> None:
    kfd.process(7, 51140, 152)
    gpu = occupancy(kfd, tmp_path)
    gpu.read()
    kfd.now += MOST_SECONDS + 1
    assert gpu.read() is None
    gpu.forget()
    kfd.now += 1
    assert gpu.read() is None


@pytest.mark.parametrize("units", [-22, "", "\0", 305, "9" * 30])
def test_a_file_with_anything_in_it_adds_nothing(kfd: Kfd, tmp_path: Path, units: object) -> None:
    kfd.process(7, 51140, units)
    kfd.process(9, 51140, 30.4)
    kfd.process(10, 51140, 76)
    gpu = occupancy(kfd, tmp_path)
    gpu.read()
    kfd.now += 1
    assert gpu.read() == Shares(1.0, {10: 0.25})


def test_a_host_without_amdkfd_has_none(tmp_path: Path) -> None:
    assert Occupancy("0000:05:00.0", tmp_path).read() is None
