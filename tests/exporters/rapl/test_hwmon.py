# SPDX-License-Identifier: Apache-2.0
"""Board sensors: what the kernel's files mean, which volts belong to which amperes, and what they come to."""

import os
from pathlib import Path
from typing import Any

import pytest

from joulepath.rapl.boards import Boards
from joulepath.rapl.command import RaplExporter
from joulepath.rapl.hwmon import LOOK_SECONDS, HwmonSource
from joulepath.rapl.hwmon_layout import Sensor
from joulepath.rapl.source import PowercapSource
from joulepath.reading.energy import MAX_HOLE_SECONDS, Energy

pytestmark = pytest.mark.unit


def write(sysfs: Path, folder: str, **files: int | str) -> None:
    path = sysfs / "class" / "hwmon" / folder
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(f"{text}\n")


def watts(sysfs: Path) -> dict[tuple[str, str], float]:
    return {(sensor.chip, sensor.channel): power for sensor, power in HwmonSource(sysfs).read().watts.items()}


def test_the_recorded_tree_gives_its_sensors(recordings: Path) -> None:
    reading = HwmonSource(recordings / "powercap" / "kepler" / "sys").read()
    sensors = {(sensor.chip, sensor.channel, sensor.label): round(power, 6) for sensor, power in reading.watts.items()}
    assert sensors == {
        ("amdgpu-hwmon1", "power1", "GPU"): 118,  # its mean, not the 120 W of the instant
        ("hwmon_device_path-hwmon_device_path", "power1", "device_path_test"): 25,
        ("hwmon_dir_fallback-hwmon_dir_fallback", "power1", "dir_fallback_test"): 35,
        ("ina226-hwmon_ina226", "curr1", ""): 60,
        ("ina3221-hwmon_disabled_channel", "curr1", "channel_1"): 12,
        ("ina3221-hwmon_disabled_channel", "curr2", "channel_2"): 10,
        ("ina3221-hwmon_ina3221", "curr1", ""): 12,
        ("ina3221-hwmon_ina3221", "curr2", ""): 2.5,
        ("ina3221-hwmon_ina3221", "curr3", ""): 0.66,
        ("ina3221-hwmon_voltage_current", "curr1", "VDD_CPU"): 60,
        ("ina3221-hwmon_voltage_current_average", "curr1", "VDD_CPU"): 57.82,
        ("ina3221-hwmon_voltage_current_multi", "curr1", "VDD_CPU"): 60,
        ("ina3221-hwmon_voltage_current_multi", "curr2", "VDD_GPU"): 33,
        ("ina3221-hwmon_voltage_current_partial_average", "curr1", "VDD_CPU"): 60,
        ("k10temp-hwmon0", "power1", "Package"): 45,
        ("k10temp-hwmon0", "power2", "Core"): 15,
        ("max20730-hwmon_max20730", "curr1", ""): 120,
        ("multi_sensor-hwmon_aggregate", "power1", "package"): 50,
        ("multi_sensor-hwmon_aggregate", "power2", "package"): 30,
        ("platform_sensor-hwmon2", "power1", ""): 30,
        ("test_power_chip-hwmon_disabled_power", "power1", "PSU_Rail_A"): 45,
        ("test_power_chip-hwmon_disabled_power", "power2", "PSU_Rail_B"): 15,
    }
    assert {(sensor.label, sensors) for sensor, sensors in reading.joules.items()} == {
        ("Total", 500),
        ("Rail_A", 500),
        ("Rail_B", 200),
        ("Sensor_A", 500),
        ("Sensor_B", 200),
        ("Sensor_C", 100),
        ("", 300),
    }


def test_an_address_names_a_chip_whatever_its_number(tmp_path: Path) -> None:
    device = tmp_path / "devices" / "1-0040"
    device.mkdir(parents=True)
    for folder in ("hwmon3", "hwmon7"):
        write(tmp_path / folder, folder, name="ina226", power1_input=2_500_000)
        (tmp_path / folder / "class" / "hwmon" / folder / "device").symlink_to(device)
        assert watts(tmp_path / folder) == {("ina226-1-0040", "power1"): 2.5}


def test_a_chip_that_goes_while_it_is_looked_at_harms_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "hwmon0", name="stays", power1_input=5_000_000)
    write(tmp_path, "hwmon1", name="goes", power1_input=7_000_000)
    leaving = tmp_path / "class" / "hwmon" / "hwmon1"
    scan = os.scandir

    def late(folder: Any) -> Any:
        if Path(folder) == leaving:
            leaving.rename(tmp_path / "gone")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", late)
    assert watts(tmp_path) == {("stays-hwmon0", "power1"): 5}
    assert not leaving.exists()


def test_power_is_integrated_and_a_register_counts_its_steps(tmp_path: Path) -> None:
    boards = Boards()
    for at, power, joules in ((0, 10, 7_000), (5, 20, 7_060), (10, 20, 3), (10 + MAX_HOLE_SECONDS + 1, 20, 10)):
        write(tmp_path, "hwmon0", name="chip", power1_input=power * 1_000_000, energy1_input=joules * 1_000_000)
        snapshot = boards.add(at, HwmonSource(tmp_path).read())
    assert snapshot.energy[Sensor("chip-hwmon0", "power1", "")] == Energy(175, 10)  # the hole is not bridged
    register = snapshot.energy[Sensor("chip-hwmon0", "energy1", "")]
    assert register == Energy(67, 5 + MAX_HOLE_SECONDS + 1)  # the drop to 3 J is a reset, of which nothing is known


def test_a_disabled_broken_or_negative_sensor_gives_no_sample(tmp_path: Path) -> None:
    write(tmp_path, "hwmon0", name="a", power1_input=5_000_000, power1_enable=0, power2_input="", power3_input=-1)
    assert watts(tmp_path) == {}


def test_drivers_without_rapl_are_read_by_their_own_files(tmp_path: Path) -> None:
    """amd_energy, scmi, macsmc, ina228 and ibmpowernv name their channels as Documentation/hwmon says of each."""
    write(tmp_path, "hwmon0", name="amd_energy", energy1_input=250_000_000, energy1_label="Ecore000")
    write(tmp_path, "hwmon0", energy65_input=9_000_000_000, energy65_label="Esocket0")
    write(tmp_path, "hwmon1", name="scmi_sensors", power1_input=3_250_000, power1_label="SYS_POW_SYS")
    write(tmp_path, "hwmon1", energy1_input=77_000_000, energy1_label="SYS_ENM_SYS")
    write(tmp_path, "hwmon2", name="macsmc_hwmon", power1_input=11_500_000, power1_label="Total System Power")
    write(tmp_path, "hwmon3", name="ina228", power1_input=5_000_000, in0_input=10, in1_input=12_000, curr1_input=417)
    write(tmp_path, "hwmon4", name="powernv", power1_input=1_200_000_000, power1_label="System")
    reading = HwmonSource(tmp_path).read()
    assert {(sensor.chip.partition("-")[0], sensor.label): amount for sensor, amount in reading.watts.items()} == {
        ("scmi_sensors", "SYS_POW_SYS"): 3.25,
        ("macsmc_hwmon", "Total System Power"): 11.5,
        ("ina228", ""): 5,  # its own power, and not volts times amperes again
        ("powernv", "System"): 1200,
    }
    assert {(sensor.channel, sensor.label): amount for sensor, amount in reading.joules.items()} == {
        ("energy1", "Ecore000"): 250,
        ("energy65", "Esocket0"): 9000,
        ("energy1", "SYS_ENM_SYS"): 77,
    }


def test_acpis_power_meters_have_their_files_at_the_device(tmp_path: Path) -> None:
    """NVIDIA Grace: one meter for the module and one for the processor in it; the label is what ACPI says of it."""
    for number, (name, microwatts) in enumerate({"Module Power": 80_000_000, "CPU Power": 60_000_000}.items()):
        device = tmp_path / "devices" / f"ACPI000D:0{number}"
        device.mkdir(parents=True)
        (device / "name").write_text("power_meter\n")
        (device / "power1_average").write_text(f"{microwatts}\n")
        (device / "power1_average_interval").write_text("50\n")
        (device / "power1_oem_info").write_text(f"{name} Socket 0\n")
        folder = tmp_path / "class" / "hwmon" / f"hwmon{number + 1}"
        folder.mkdir(parents=True)
        (folder / "device").symlink_to(device)
    assert HwmonSource(tmp_path).read().watts == {
        Sensor("power_meter-ACPI000D:00", "power1", "Module Power Socket 0"): 80,
        Sensor("power_meter-ACPI000D:01", "power1", "CPU Power Socket 0"): 60,
    }
    (tmp_path / "devices" / "ACPI000D:00" / "power1_average").write_text("4294967295000\n")
    assert len(HwmonSource(tmp_path).read().watts) == 1


def test_a_board_without_rapl_is_served_and_never_a_hosts_total(tmp_path: Path) -> None:
    write(tmp_path, "hwmon0", name="ina226", power1_input=2_500_000)
    exporter = RaplExporter(PowercapSource(tmp_path), HwmonSource(tmp_path))
    for families in (exporter.once(), exporter.collect()):
        names = {sample.name for family in families for sample in family.samples}
        assert {"hwmon_power_watts", "hwmon_energy_joules_total", "hwmon_measured_seconds_total"} <= names
        assert not any(name.startswith("rapl_host") for name in names)


def probe(sysfs: Path, folder: str, address: str, **files: int | str) -> None:
    """A chip as the kernel makes it: the folder is below its device, /sys/class/hwmon has a link."""
    device = sysfs / "devices" / address / "hwmon" / folder
    device.mkdir(parents=True)
    (device / "device").symlink_to("../..")
    for name, text in files.items():
        (device / name).write_text(f"{text}\n")
    link = sysfs / "class" / "hwmon" / folder
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../../devices/{address}/hwmon/{folder}")


def unplug(sysfs: Path, folder: str) -> None:
    link = sysfs / "class" / "hwmon" / folder
    device = link.resolve()
    link.unlink()
    # Kept, so that its inode is not given to another folder, which the kernel does not do either.
    device.rename(sysfs / f"gone-{folder}-{len(list(sysfs.iterdir()))}")


def test_a_rail_takes_the_label_of_its_voltage_where_it_has_none(tmp_path: Path) -> None:
    """NVIDIA Jetson: ina3221 labels in1 to in3, and names no current. in7 is the sum of the shunts' voltages."""
    rails = {"VDD_IN": (19_040, 620), "VDD_CPU_CV": (19_032, 40), "VDD_SOC": (19_016, 112)}
    files: dict[str, int | str] = {"name": "ina3221", "in7_input": 9, "in7_label": "sum of shunt voltages"}
    for at, (rail, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        files |= {f"in{at}_label": rail, f"in{at}_input": millivolts, f"curr{at}_input": milliamperes}
        files |= {f"in{at}_enable": 1, f"in{at + 3}_input": 1}
    probe(tmp_path, "hwmon3", "i2c-1/1-0040", **files, curr4_input=772)
    reading = HwmonSource(tmp_path).read().watts
    assert reading == {
        Sensor("ina3221-1-0040", f"curr{at}", rail): pytest.approx(volts * amperes / 1e6)
        for at, (rail, (volts, amperes)) in enumerate(rails.items(), 1)
    }


def test_a_power_takes_a_voltages_label_only_where_the_chip_pairs_them(tmp_path: Path) -> None:
    probe(tmp_path, "hwmon0", "1-0041", name="ina226", power1_input=5_000_000, in0_label="shunt", in1_label="VDD_5V")
    probe(tmp_path, "hwmon1", "1-0042", name="other", power1_input=6_000_000, in1_label="VDD_3V3")
    assert {sensor.label for sensor in HwmonSource(tmp_path).read().watts} == {"VDD_5V", ""}


def test_an_unmatched_current_label_keeps_the_chips_own_pairing(tmp_path: Path) -> None:
    probe(
        tmp_path, "hwmon0", "1-0040", name="ina3221", in1_input=5000, in1_label="VDD", curr1_input=10, curr1_label="I"
    )
    assert HwmonSource(tmp_path).read().watts == {Sensor("ina3221-1-0040", "curr1", "I"): 0.05}


def test_chips_are_looked_for_once_and_on_change(tmp_path: Path) -> None:
    probe(tmp_path, "hwmon0", "1-0040", name="a", power1_input=1_000_000, power1_label="first")
    now = 0.0
    source = HwmonSource(tmp_path, clock=lambda: now)
    (sensor,) = source.read().watts
    label = tmp_path / "class" / "hwmon" / "hwmon0" / "power1_label"
    label.write_text("second")
    assert list(source.read().watts) == [sensor]  # it was not looked at again
    probe(tmp_path, "hwmon1", "1-0041", name="b", power1_input=2_000_000)
    assert {reading.label for reading in source.read().watts} == {"second", ""}
    unplug(tmp_path, "hwmon0")
    assert {reading.chip for reading in source.read().watts} == {"b-1-0041"}
    (tmp_path / "class" / "hwmon" / "hwmon1" / "power2_input").write_text("3000000")
    assert len(source.read().watts) == 1
    now = LOOK_SECONDS
    assert len(source.read().watts) == 2


def test_a_chip_probed_anew_by_the_same_number_is_another(tmp_path: Path) -> None:
    probe(tmp_path, "hwmon0", "1-0040", name="a", power1_input=1_000_000)
    source = HwmonSource(tmp_path, clock=lambda: 0.0)
    source.read()
    unplug(tmp_path, "hwmon0")
    probe(tmp_path, "hwmon0", "1-0041", name="b", power1_input=2_000_000)
    assert source.read().watts == {Sensor("b-1-0041", "power1", ""): 2}


def test_renumbering_keeps_names_and_a_register_probed_anew_adds_no_jump(tmp_path: Path) -> None:
    boards, source = Boards(), HwmonSource(tmp_path, clock=lambda: 0.0)
    sensor = Sensor("gpu-0000:03:00.0", "energy1", "card")
    card: dict[str, int | str] = {"name": "gpu", "energy1_label": "card"}
    probe(tmp_path, "hwmon2", "0000:03:00.0", **card, energy1_input=100_000_000)
    boards.add(0, source.read())
    assert boards.add(1, source.read()).energy[sensor].joules == 0
    unplug(tmp_path, "hwmon2")
    assert not source.read().joules
    probe(tmp_path, "hwmon5", "0000:03:00.0", **card, energy1_input=150_000_000)  # another card's, perhaps
    assert boards.add(2, source.read()).energy[sensor] == Energy(0, 1)
    (tmp_path / "class" / "hwmon" / "hwmon5" / "energy1_input").write_text("160000000")
    assert boards.add(3, source.read()).energy[sensor] == Energy(10, 2)


def test_a_register_that_leaps_adds_nothing(tmp_path: Path) -> None:
    boards = Boards()
    for at, joules in enumerate((100, 200, 5_000_000, 5_000_100)):
        write(tmp_path, "hwmon0", name="chip", energy1_input=joules * 1_000_000)
        snapshot = boards.add(at, HwmonSource(tmp_path).read())
    assert snapshot.energy[Sensor("chip-hwmon0", "energy1", "")] == Energy(200, 2)


def test_devices_of_one_name_and_one_label_stay_apart(tmp_path: Path) -> None:
    for bus, watts_there in (("mux-1", 1), ("mux-2", 2)):
        files: dict[str, int | str] = {"name": "psu", "power1_label": "pin", "power1_input": watts_there * 1_000_000}
        probe(tmp_path, f"hwmon{watts_there}", f"{bus}/0-0058", **files)
    two: dict[str, int | str] = {"name": "twin", "power1_label": "pin"}
    probe(tmp_path, "hwmon7", "card", **two, power1_input=3_000_000)
    probe(tmp_path, "hwmon8", "card", **two, power1_input=4_000_000)
    reading = HwmonSource(tmp_path).read().watts
    assert sorted(reading.values()) == [1, 2, 3, 4]
    assert {sensor.chip for sensor in reading if sensor.chip.startswith("psu")} == {
        "psu-mux-1-0-0058",
        "psu-mux-2-0-0058",
    }


def test_volts_times_amperes_replace_a_power_only_where_it_is_unreadable(tmp_path: Path) -> None:
    files: dict[str, int | str] = {"name": "ina226", "in1_input": 12_000, "curr1_input": 500, "power1_input": 5_900_000}
    probe(tmp_path, "hwmon0", "1-0041", **files)
    now = 0.0
    source = HwmonSource(tmp_path, clock=lambda: now)
    power = tmp_path / "class" / "hwmon" / "hwmon0" / "power1_input"

    def read() -> dict[str, float]:
        return {sensor.channel: power for sensor, power in source.read().watts.items()}

    assert read() == {"power1": 5.9}
    power.write_text("")
    assert read() == {}  # a moment without a value is a gap
    now = LOOK_SECONDS
    assert read() == {"curr1": 6}
    power.write_text("5900000")
    assert read() == {"power1": 5.9}


def test_energy_beside_power_is_a_sensor_of_its_own(tmp_path: Path) -> None:
    probe(tmp_path, "hwmon0", "soc", name="scmi", power1_input=3_000_000, energy1_input=90_000_000, curr1_input=5)
    reading = HwmonSource(tmp_path).read()
    assert {sensor.channel for sensor in (*reading.watts, *reading.joules)} == {"power1", "energy1"}


@pytest.mark.parametrize("fault", ["/proc/self/mem", "/nowhere", "/dev/null", "."])
def test_a_file_that_cannot_be_read_costs_its_own_sensor_alone(tmp_path: Path, fault: str) -> None:
    """EIO, as of a bus that fails; no such file; nothing in it, as where a container masks it; no file at all."""
    probe(tmp_path, "hwmon0", "1-0040", name="a", power1_input=1_000_000, power2_input=2_000_000, power3_average=5)
    source = HwmonSource(tmp_path, clock=lambda: 0.0)
    source.read()
    folder = tmp_path / "class" / "hwmon" / "hwmon0"
    (folder / "power2_input").unlink()
    (folder / "power2_input").symlink_to(fault)
    assert {sensor.channel for sensor in source.read().watts} == {"power1", "power3"}
    assert {sensor.channel for sensor in HwmonSource(tmp_path).read().watts} == {"power1", "power3"}
