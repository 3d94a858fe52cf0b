# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.rapl.source import MaskedError, PowercapSource, Zone
from tests.exporters.rapl.tree import RANGE_UJ, write_zone

pytestmark = pytest.mark.unit


def test_reads_every_zone_with_its_package(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_500_000)
    write_zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    write_zone(tmp_path, "intel-rapl:0:1", "dram", 250_000)
    write_zone(tmp_path, "intel-rapl:1", "package-10-die-3", 2_000_000)
    write_zone(tmp_path, "intel-rapl:1:0", "uncore", 7)
    write_zone(tmp_path, "intel-rapl:2", "psys", 9_000_000)
    counts = PowercapSource(tmp_path).read().counts
    assert {zone: count.joules for zone, count in counts.items()} == {
        Zone("package", "0", "0"): 1.5,
        Zone("core", "0", "0"): 1.0,
        Zone("dram", "0", "0"): 0.25,
        Zone("package", "10", "3"): 2.0,
        Zone("uncore", "10", "3"): 7e-6,
        Zone("psys", "0", "0"): 9.0,
    }
    assert {count.wraps_at for count in counts.values()} == {RANGE_UJ / 1e6}


def test_a_package_repeated_by_another_control_type_counts_once(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 999_000_000)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    write_zone(tmp_path, "intel-rapl-mmio:0:0", "dram", 3_000_000)
    counts = PowercapSource(tmp_path).read().counts
    assert {zone: count.joules for zone, count in counts.items()} == {
        Zone("package", "0", "0"): 1.0,
        Zone("dram", "0", "0"): 3.0,  # only the second type has it
    }


def test_a_server_of_two_sockets_with_two_dies_each_and_a_psys_each(tmp_path: Path) -> None:
    number = 0
    for package in (0, 1):
        for die in (0, 1):
            folder = f"intel-rapl:{number:x}"
            write_zone(tmp_path, folder, f"package-{package}-die-{die}", 100 * 10**6)
            write_zone(tmp_path, f"{folder}:0", "dram", 10 * 10**6)
            write_zone(tmp_path, folder.replace("rapl", "rapl-tpmi"), f"package-{package}-die-{die}", 999 * 10**6)
            number += 1
    write_zone(tmp_path, "intel-rapl:4", "psys", 500 * 10**6)
    write_zone(tmp_path, "intel-rapl:5", "psys-1", 600 * 10**6)
    counts = {zone: count.joules for zone, count in PowercapSource(tmp_path).read().counts.items()}
    assert counts == {
        **{Zone("package", package, die): 100.0 for package in "01" for die in "01"},
        **{Zone("dram", package, die): 10.0 for package in "01" for die in "01"},
        Zone("psys", "0", "0"): 500.0,
        Zone("psys", "1", "0"): 600.0,
    }


def test_amds_dies_are_one_package_and_intels_are_not(tmp_path: Path) -> None:
    """Linux 6.9 on an EPYC of two sockets with eight dies each: 16 zones, of two registers."""
    for number in range(16):
        folder, energy = f"intel-rapl:{number:x}", 100 * 10**6 + number
        write_zone(tmp_path, folder, f"package-{number // 8}-die-{number % 8}", energy)
        write_zone(tmp_path, f"{folder}:0", "core", 1)
    assert sum(zone.kind == "package" for zone in PowercapSource(tmp_path).read().counts) == 16
    modalias = tmp_path / "devices" / "system" / "cpu" / "modalias"
    modalias.parent.mkdir(parents=True)
    modalias.write_text("cpu:type:x86,ven0000fam0006mod0055:feature:,0000\n")
    assert sum(zone.kind == "package" for zone in PowercapSource(tmp_path).read().counts) == 16
    modalias.write_text("cpu:type:x86,ven0002fam0019mod0011:feature:,0000\n")
    counts = PowercapSource(tmp_path).read().counts
    assert {zone: count.joules for zone, count in counts.items() if zone.kind == "package"} == {
        Zone("package", "0", "0"): 100,
        Zone("package", "1", "0"): 100.000008,
    }


def test_another_control_type_takes_over_with_a_register_of_its_own(tmp_path: Path) -> None:
    first = write_zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 900_000_000)
    source = PowercapSource(tmp_path)
    zone = Zone("package", "0", "0")
    before = source.read().counts[zone]
    first.rename(first.parent / "gone")
    after = source.read().counts[zone]
    assert (before.joules, after.joules) == (5, 900)
    assert before.origin != after.origin


def test_a_zone_that_only_root_may_read_is_one_line_and_harms_no_other(open_folder: Path) -> None:
    write_zone(open_folder, "intel-rapl:0", "package-0", 1)
    secret = write_zone(open_folder, "intel-rapl:1", "package-1", 2) / "energy_uj"
    secret.chmod(0)
    euid = os.geteuid()
    try:
        if euid == 0:
            os.seteuid(65534)
        reading = PowercapSource(open_folder).read()
    finally:
        os.seteuid(euid)
    assert list(reading.counts) == [Zone("package", "0", "0")]
    assert list(reading.unreadable) == [Zone("package", "1", "0")]
    (line,) = reading.unreadable.values()
    assert str(secret) in line
    assert "root" in line


@pytest.mark.parametrize("content", ["", "garbage", "-", "1.5.2"])
def test_a_zone_with_nonsense_is_unreadable_and_not_zero(tmp_path: Path, content: str) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", content)
    reading = PowercapSource(tmp_path).read()
    assert not reading.counts
    assert "is not a number" in reading.unreadable[Zone("package", "0", "0")]


def test_a_folder_without_zones_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(JoulepathError, match=r"class/powercap: no RAPL zones"):
        PowercapSource(tmp_path).read()


def test_recorded_trees_give_their_zones(recordings: Path) -> None:
    procfs = PowercapSource(recordings / "powercap" / "procfs" / "fixtures" / "sys").read()
    assert set(procfs.counts) == {Zone("package", "0", "0"), Zone("core", "0", "0"), Zone("package", "10", "0")}
    kepler = PowercapSource(recordings / "powercap" / "kepler" / "sys").read()
    assert [zone for zone in kepler.counts if zone.kind == "package" and zone.package == "0"] == [
        Zone("package", "0", "0")
    ]


def test_zones_that_come_go_and_become_readable_are_followed(tmp_path: Path) -> None:
    source = PowercapSource(tmp_path)
    with pytest.raises(JoulepathError):
        source.read()
    package = write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    memory = write_zone(tmp_path, "intel-rapl:0:0", "dram", 1_000_000, None)
    assert len(source.read().counts) == 2
    (package / "energy_uj").write_text("2000000\n")
    assert source.read().counts[Zone("package", "0", "0")].joules == 2
    for file in memory.iterdir():
        file.unlink()
    assert list(source.read().unreadable) == [Zone("dram", "0", "0")]
    assert list(source.read().counts) == [Zone("package", "0", "0")]
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 1_000_000)
    write_zone(tmp_path, "intel-rapl:1", "package-1", 1_000_000)
    counts = source.read().counts
    assert {(zone.kind, zone.package) for zone in counts} == {("package", "0"), ("package", "1"), ("dram", "0")}
    assert {count.wraps_at for count in counts.values()} == {RANGE_UJ / 1e6}
    (package.parent / "intel-rapl:0").rename(package.parent / "gone")
    assert Zone("package", "0", "0") not in source.read().counts


def test_a_zone_that_goes_while_it_is_looked_at_harms_no_other(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_500_000)
    name = write_zone(tmp_path, "intel-rapl:1", "package-1", 2_500_000) / "name"
    name.unlink()
    name.symlink_to("/proc/self/mem")  # a file that is there and cannot be read
    source = PowercapSource(tmp_path)
    assert source.read().counts.keys() == {Zone("package", "0", "0")}
    name.unlink()
    name.write_text("package-1\n")
    assert source.read().counts.keys() == {Zone("package", "0", "0"), Zone("package", "1", "0")}


def test_zones_that_a_container_hides_are_reported_with_a_remedy(tmp_path: Path) -> None:
    """An empty folder is mounted over /sys/devices/virtual/powercap: the links below /sys/class lead nowhere."""
    folder = tmp_path / "class" / "powercap"
    folder.mkdir(parents=True)
    for name in ("intel-rapl", "intel-rapl:0", "intel-rapl:0:0"):
        (folder / name).symlink_to(f"../../devices/virtual/powercap/intel-rapl/{name}")
    with pytest.raises(MaskedError, match=r"intel-rapl:0, intel-rapl:0:0: cannot be looked into.*--path\.sysfs"):
        PowercapSource(tmp_path).read()
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 5)
    reading = PowercapSource(tmp_path).read()
    assert Zone("package", "0", "0") in reading.counts
    assert "intel-rapl:0" in reading.masked


def test_a_counter_hidden_by_dev_null_is_reported_and_not_zero(tmp_path: Path) -> None:
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").symlink_to("/dev/null")
    reading = PowercapSource(tmp_path).read()
    assert not reading.counts
    assert "container's runtime" in reading.unreadable[Zone("package", "0", "0")]
