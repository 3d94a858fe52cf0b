# SPDX-License-Identifier: Apache-2.0
"""IPMI against a BMC that answers RMCP+ in a process of its own; DCMI's numbers are of recorded console output."""

import asyncio
import ctypes
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyghmi.ipmi.private import localsession

from joulepath.bmc.choice.best import PATIENCE_SECONDS
from joulepath.bmc.ipmi import client as ipmi_client
from joulepath.bmc.ipmi.client import IpmiFaultError, PyghmiClient, UnsupportedError
from joulepath.bmc.ipmi.dcmi import PowerReading
from joulepath.bmc.ipmi.sensors import Sums, sensors
from joulepath.bmc.ipmi.source import BACK_OFF_SECONDS, IpmiSource
from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.vendors import load_shipped
from joulepath.errors import JoulepathError
from joulepath.reading.poller import Poller, Target
from joulepath.reading.rejected import NotMeasuredError
from joulepath_lab.devices.ipmi_bmc import dcmi_response
from joulepath_lab.run.ports import free_port
from tests.exporters.bmc.conftest import PASSWORD, USER, joulepath

pytestmark = pytest.mark.unit

SYSTEM = ("chassis", "system")
Bmc = Callable[..., int]


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[Bmc]:
    """`bmc(dcmi=..., sensors=...)`: a BMC that measures this, on the port returned."""
    running: list[subprocess.Popen[str]] = []

    def start(**state: Any) -> int:
        port = free_port(socket.SOCK_DGRAM)
        file = tmp_path / "bmc.json"
        file.write_text(json.dumps({"port": port, "user": USER, "password": PASSWORD, **state}))
        command = [sys.executable, "-m", "joulepath_lab.devices.ipmi_bmc", str(file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        return port

    yield start
    for process in running:
        process.kill()
        process.wait()


def read(port: int, password: str = PASSWORD) -> BmcReading:
    async def once() -> BmcReading:
        source = IpmiSource.with_pyghmi("bmc", "127.0.0.1", port, Login(USER, password), "user")
        try:
            return await source.read()
        finally:
            await source.close()

    return asyncio.run(once())


RECORDED = {
    "ipmitool-dcmi-power-reading-215w.txt": r"Instantaneous power reading: +(\d+) Watts",
    "ipmitool-dcmi-power-reading.txt": r"Instantaneous power reading: +(\d+) Watts",
    "freeipmi-ipmi-dcmi-get-system-power-statistics.txt": r"Current Power +: (\d+) Watts",
    "ipmiutil-dcmi-power.txt": r"Current Power: +(\d+) Watts",
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_dcmi_numbers_are_published(bmc: Bmc, recordings: Path, name: str) -> None:
    text = (recordings / "ipmi" / name).read_text()
    match = re.search(RECORDED[name], text)
    assert match
    watts = int(match[1])
    numbers = {"current": watts, "minimum": watts // 2, "maximum": watts * 2, "average": watts}
    reading = read(bmc(dcmi={**numbers, "timestamp": 1487162991, "period": 1131466000}))
    assert reading.power == {SYSTEM: watts}
    assert reading.sources == {SYSTEM: "dcmi"}


def test_a_host_without_dcmi_is_read_by_its_system_sensor(bmc: Bmc) -> None:
    """The recorded PowerEdge R710: `System Level | 189.000 | Watts`, and Dell's volts and amperes beside it."""
    records = [
        {"name": "System Level", "unit": "W", "value": 189},
        {"name": "Voltage 1", "unit": "V", "value": 230},
        {"name": "Current 1", "unit": "A", "value": 1},
    ]
    reading = read(bmc(sensors=records))
    assert reading.power == {SYSTEM: 189}
    assert reading.sources == {SYSTEM: "sdr"}


def test_supplies_are_read_and_volts_times_amperes_as_a_last_resort(bmc: Bmc) -> None:
    records = [
        {"name": "PSU1 Input Power", "unit": "W", "value": 120, "step": 2},
        {"name": "PSU2 Input Power", "unit": "W", "value": 100, "step": 2},
        {"name": "PSU1 Out Power", "unit": "W", "value": 110, "step": 2},
        {"name": "PSU1 VIN", "unit": "V", "value": 230},
        {"name": "PSU1 IIN", "unit": "A", "value": 1},
    ]
    reading = read(bmc(sensors=records))
    assert reading.power == {SYSTEM: 220}
    assert reading.sources == {SYSTEM: "psu_input"}
    assert reading.psu_output == {("system", "PSU1 Out Power"): 110}
    records = [one for one in records if one["unit"] != "W"]
    reading = read(bmc(sensors=records))
    assert reading.power == {SYSTEM: 230}
    assert reading.sources == {SYSTEM: "volts_amperes"}


def test_supplies_are_published_beside_dcmi(bmc: Bmc) -> None:
    records = [
        {"name": "PS1 Input Power", "unit": "W", "value": 112, "step": 2},
        {"name": "PS2 Input Power", "unit": "W", "value": 108, "step": 2},
        {"name": "PS1 Output Power", "unit": "W", "value": 102, "step": 2},
        {"name": "Pwr Consumption", "unit": "W", "value": 210, "step": 2},
    ]
    reading = read(bmc(dcmi={"current": 215, "maximum": 276}, sensors=records))
    assert reading.power == {SYSTEM: 215}
    assert reading.sources == {SYSTEM: "dcmi"}
    assert reading.psu_input == {("system", "PS1 Input Power"): 112, ("system", "PS2 Input Power"): 108}
    assert reading.psu_output == {("system", "PS1 Output Power"): 102}


class Fake:
    """A BMC in this process: what it measures changes between polls, and what was asked of it is noted."""

    def __init__(self, dcmi: list[int | None], seconds: float = 0.01) -> None:
        self.dcmi = dcmi
        self.seconds = seconds
        self.values = {"PS1 Input Power": 110.0, "PS2 Input Power": 104.0, "System Level": 210.0}
        self.asked: list[str] = []
        self.now = 0.0

    def raw(self, *_: object) -> bytes:
        self.now += self.seconds
        watts = self.dcmi[0]
        return dcmi_response({"current": watts or 0, "maximum": 300, "active": watts is not None})

    def sensors(self) -> list[tuple[str, str, str]]:
        self.asked.append("list")
        return [(name, name, "W") for name in self.values]

    def sensor(self, key: str) -> float | None:
        self.asked.append(key)
        return self.values.get(key)

    def close(self) -> None:
        pass

    def end(self) -> None:
        pass


def poll_at_intervals(
    fake: Fake, polls: int, seconds: float = 0.0, between: Callable[[int], None] = lambda _: None
) -> list[BmcReading]:
    """Polls with so many seconds between; `between(n)` is called before the n-th."""

    async def all_polls() -> list[BmcReading]:
        source = IpmiSource("bmc", fake, clock=lambda: fake.now)
        readings = []
        for number in range(polls):
            between(number)
            readings.append(await source.read())
            fake.now += seconds
            if len(fake.dcmi) > 1:
                fake.dcmi.pop(0)
        return readings

    return asyncio.run(all_polls())


def powers(readings: list[BmcReading]) -> list[float | None]:
    return [reading.power.get(SYSTEM) for reading in readings]  # type: ignore[call-overload]


def source_names(readings: list[BmcReading]) -> list[str | None]:
    return [dict(reading.sources).get(SYSTEM) for reading in readings]  # type: ignore[call-overload]


def test_a_source_is_left_after_long_and_taken_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fake = Fake([215, 216, *[None] * 6, 217, 217, 217, 217])
    readings = poll_at_intervals(fake, 12, PATIENCE_SECONDS / 4)
    assert source_names(readings) == ["dcmi"] * 2 + [None] * 4 + ["psu_input"] * 4 + ["dcmi"] * 2
    assert [list(reading.up.values()) for reading in readings] == [[True]] * 2 + [[False]] * 4 + [[True]] * 6
    lines = [record.getMessage() for record in caplog.records]
    assert "system: power is read from psu_input now, not from dcmi" in lines
    assert "system: power is read from dcmi now, not from psu_input" in lines
    assert len(lines) == 4  # these, that DCMI gave no power, and that there is some again


def test_one_good_source_is_asked_and_the_list_is_read_once() -> None:
    fake = Fake([215])
    readings = poll_at_intervals(fake, 3)
    assert all(reading.power == {SYSTEM: 215} and len(reading.psu_input) == 2 for reading in readings)
    # The system's sensor is asked once, for the choice; the list of sensors is read once.
    assert fake.asked.count("System Level") == 1
    assert fake.asked.count("list") == 1


def test_zero_watts_are_believed_only_when_every_source_reads_zero() -> None:
    fake = Fake([215, 0, 0, 0, 0])
    fake.values = {"PS1 Input Power": 210.0}

    def off(number: int) -> None:
        fake.values = {"PS1 Input Power": 7.0 if number else 210.0}

    readings = poll_at_intervals(fake, 5, PATIENCE_SECONDS / 2, off)
    assert powers(readings) == [215, None, None, 7, 7]
    fake = Fake([215, 0, 0, 0, 216])
    fake.values = {"PS1 Input Power": 0.0}
    assert powers(poll_at_intervals(fake, 5)) == [215, None, 0, 0, 216]


def test_a_slow_bmc_is_not_asked_for_hundreds_of_sensor_records() -> None:
    fake = Fake([215], seconds=2.0)
    assert [reading.power for reading in poll_at_intervals(fake, 2)] == [{SYSTEM: 215}] * 2
    assert fake.asked == []


@pytest.mark.parametrize(
    ("values", "watts", "outputs"),
    [
        ({"Total_Power": 760, "CPU_Total_Power": 198, "PSU1_POUT": 352, "PSU2_POUT": 368}, {"sdr": 760}, 2),  # Inspur
        ({"CPU_Total_Power": 198, "FAN_Power": 25, "HDD_Power": 6}, {}, 0),
        ({"Sys Power": 340, "CPU Power": 120, "Mem Power": 20, "GPU Board Power": 90}, {"sdr": 340}, 0),  # Lenovo
        ({"Sys Power": 300, "Avg Power": 340}, {"sdr": 300}, 0),
        ({"Avg Power": 340}, {"sdr": 340}, 0),
        ({"Power Supply 1": 50, "PS 1 Output": 50, "Power Meter": 60}, {"sdr": 60}, 1),  # iLO
        ({"Power Supply 1": 50, "Power Supply 2": 25, "Power Meter": 85}, {"sdr": 85}, 2),
    ],
)
def test_names_of_whole_systems_are_recognised_and_others_are_not(
    values: dict[str, float], watts: dict[str, float], outputs: int
) -> None:
    chosen = sensors([(name, name, "W") for name in values], load_shipped())
    assert Sums().watts(chosen, values) == watts
    assert sum(sensor.role == "psu_output" for sensor in chosen) == outputs


def test_the_names_of_huawei_and_ami_are_recognised() -> None:
    names = ["Power", "Power1", "Power2", "PMB1Power", "PS1 Power In", "PS1 Power Out"]
    roles = {sensor.key: sensor.role for sensor in sensors([(name, name, "W") for name in names], load_shipped())}
    assert roles == {
        "Power": "system",
        "Power1": "psu_input",
        "Power2": "psu_input",
        "PMB1Power": "psu_input",
        "PS1 Power In": "psu_input",
        "PS1 Power Out": "psu_output",
    }


def test_a_sensors_byte_becomes_watts_by_its_records_formula(bmc: Bmc) -> None:
    """IPMI 2.0, section 36.3: (M x + B 10^K1) 10^K2, x unsigned or signed, then linearized or by factors of its own."""
    records = [
        {"name": "PS1 Input Power", "unit": "W", "raw": 57, "m": 4, "b": 2, "b_exponent": 1},
        {"name": "PS2 Input Power", "unit": "W", "raw": 200, "m": 15, "exponent": -1},
        {"name": "PS3 Input Power", "unit": "W", "raw": 0x9C, "m": 1, "b": 200, "format": 2},
        {"name": "PS4 Input Power", "unit": "W", "raw": 0x9B, "m": 1, "b": 200, "format": 1},
        {"name": "PS5 Input Power", "unit": "W", "raw": 12, "m": 1, "linearization": 8},
        {
            "name": "PS6 Input Power",
            "unit": "W",
            "raw": 90,
            "linearization": 0x70,
            "factors": {"90": {"m": 3, "b": 30}},
        },
        {"name": "PS7 Input Power", "unit": "W", "raw": 10, "m": -3, "b": 511},
    ]
    reading = read(bmc(sensors=records))
    watts = [reading.psu_input["system", f"PS{number} Input Power"] for number in range(1, 8)]  # type: ignore[index]
    assert watts == pytest.approx([248, 300, 100, 100, 144, 300, 481])
    assert reading.rejected == {}


def test_the_end_of_a_scale_and_a_formula_without_a_value_are_rejected(bmc: Bmc) -> None:
    """iLO 5: PS 2 Input 2550 W, all bits set in steps of 10 W, beside 130 W of the system."""
    records = [
        {"name": "PS 1 Input", "unit": "W", "value": 150, "step": 10},
        {"name": "PS 2 Input", "unit": "W", "raw": 255, "step": 10},
        {"name": "PS 3 Input", "unit": "W", "raw": 0, "linearization": 7},
        {"name": "Power Meter", "unit": "W", "value": 130, "step": 10},
    ]
    reading = read(bmc(sensors=records))
    assert reading.power == {SYSTEM: 130}
    assert reading.psu_input == {("system", "PS 1 Input"): 150}
    assert reading.rejected == {"implausible": 1, "malformed": 1}


def test_sensors_of_other_controllers_are_not_asked_of_the_bmc(bmc: Bmc) -> None:
    records = [
        {"name": "Sys Power", "unit": "W", "value": 200},
        {"name": "PS1 Input Power", "unit": "W", "value": 99, "owner": 0x2C},
    ]
    reading = read(bmc(sensors=records))
    assert reading.power == {SYSTEM: 200}
    assert reading.psu_input == {}


def test_a_circular_list_of_sensors_does_not_hold_up_a_poll(bmc: Bmc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi_client, "MAX_REQUESTS", 50)
    records = [{"name": f"PS{number} Input Power", "unit": "W", "value": 1} for number in (1, 2)]
    assert read(bmc(dcmi={"current": 215, "maximum": 300}, sensors=records, circle=True)).power == {SYSTEM: 215}
    with pytest.raises(JoulepathError, match="measures no power"):
        read(bmc(sensors=records, circle=True))


def test_a_list_that_takes_minutes_does_not_hold_up_the_end(bmc: Bmc) -> None:
    """All other BMCs wait for the one thread, and so does the end of the process."""
    records = [{"name": f"PS{number} Input Power", "unit": "W", "value": 1} for number in range(100)]
    port = bmc(sensors=records, delay=0.2)
    source = IpmiSource.with_pyghmi("bmc", "127.0.0.1", port, Login(USER, PASSWORD), "user")
    poller = Poller([Target("bmc", source, 10)])
    poller.start()
    time.sleep(2)
    began = time.monotonic()
    poller.stop()
    ipmi_client.THREAD.submit(lambda: None).result()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("code", "given_up"), [(0xC0, False), (0xD5, False), (0xC1, True), (0xD4, True)])
def test_dcmi_is_given_up_only_where_the_bmc_does_not_have_it(bmc: Bmc, code: int, given_up: bool) -> None:
    client = PyghmiClient("127.0.0.1", bmc(code=code), Login(USER, PASSWORD), "user")

    class Refusing(Fake):
        def raw(self, *asked: Any) -> bytes:
            self.asked.append("dcmi")
            return client.raw(*asked)

    fake = Refusing([None])
    readings = poll_at_intervals(fake, 3)
    ipmi_client.THREAD.submit(client.close).result()
    assert fake.asked.count("dcmi") == (1 if given_up else 3)
    assert readings[0].rejected == ({} if given_up else {"unreadable": 1})


def test_the_local_device_is_read_by_ioctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyghmi opens /dev/ipmi0 and no other; a file and the driver's two calls stand for it here."""
    device = tmp_path / "ipmi0"
    device.touch()

    def ioctl(_: object, request: int, argument: Any) -> None:
        if request == localsession.IPMICTL_RECV:
            answer = b"\0" + dcmi_response({"current": 187, "maximum": 300})
            ctypes.memmove(argument.msg.data, answer, len(answer))
            argument.msg.data_len = len(answer)
        elif request == localsession.IPMICTL_SEND_COMMAND:
            sent.append((argument.msg.netfn, argument.msg.cmd, bytes(argument.msg.data[: argument.msg.data_len])))

    sent: list[tuple[int, int, bytes]] = []
    monkeypatch.setattr(localsession.Session.__init__, "__defaults__", (str(device),))
    monkeypatch.setattr(localsession.fcntl, "ioctl", ioctl)
    client = PyghmiClient(None, 0, Login("", ""), "user")
    assert PowerReading.parse(client.raw(0x2C, 0x02, (0xDC, 1, 0, 0))).watts == 187
    assert (0x2C, 0x02, b"\xdc\x01\x00\x00") in sent
    client.close()


def test_nothing_to_read_and_a_wrong_password_are_clear_errors(bmc: Bmc) -> None:
    port = bmc(dcmi={"current": 0, "active": False})
    with pytest.raises(JoulepathError, match=r"^bmc: answers but measures no power \(1 inactive\)"):
        read(port)
    with pytest.raises(JoulepathError, match=r"^bmc: refuses the login: check user, password and privilege$"):
        read(port, "wrong")


def test_once_prints_the_watts_of_dcmi(bmc: Bmc, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    address = f"ipmi://127.0.0.1:{bmc(dcmi={'current': 215, 'maximum': 276})}"
    done = joulepath("--target", address, "--user", USER, "--password-file", file, "--once")
    assert done.returncode == 0, done.stderr
    assert 'bmc_chassis_power_watts{chassis="system"} 215.0' in done.stdout
    assert 'bmc_chassis_power_source_info{chassis="system",source="dcmi"} 1.0' in done.stdout
    assert 'bmc_up{collector="ipmi"} 1.0' in done.stdout


def test_a_machine_without_a_local_bmc_says_so() -> None:
    if Path("/dev/ipmi0").exists():
        pytest.skip("this machine has a BMC")
    done = joulepath("--target", "ipmi+local:", "--once")
    assert done.returncode == 1
    assert done.stderr.startswith("joulepath bmc: ipmi+local: /dev/ipmi0 cannot be used")


def test_a_silent_bmc_is_not_asked_at_every_poll() -> None:
    """Each attempt would hold up all other BMCs for seconds."""
    now, tried = [0.0], [0]

    class Silent:
        def raw(self, *_: object) -> bytes:
            tried[0] += 1
            raise IpmiFaultError("no answer")

        def sensors(self) -> Any:
            raise UnsupportedError("none")

        def sensor(self, *_: object) -> float | None:
            return None

        def close(self) -> None:
            pass

        def end(self) -> None:
            pass

    source = IpmiSource("bmc", Silent(), clock=lambda: now[0])

    async def poll() -> None:
        with pytest.raises(JoulepathError, match=r"^bmc: no answer$"):
            await source.read()

    for _ in range(300):
        asyncio.run(poll())
        now[0] += 10
    first, most = BACK_OFF_SECONDS
    assert 3000 / most <= tried[0] <= 3000 / most + 8
    assert first < most


@given(st.binary(max_size=40))
def test_any_answer_is_watts_or_rejected(data: bytes) -> None:
    try:
        watts = PowerReading.parse(data).watts
    except NotMeasuredError:
        return
    assert 0 <= watts <= 65535


@given(*[st.integers(0, 65535)] * 4, st.booleans())
def test_a_value_that_a_bmc_encodes_is_read_unchanged(
    current: int, low: int, high: int, mean: int, active: bool
) -> None:
    dcmi = {"current": current, "minimum": low, "maximum": high, "average": mean, "period": 5000, "active": active}
    decoded = PowerReading.parse(dcmi_response(dcmi))
    assert (decoded.current, decoded.minimum, decoded.maximum, decoded.average) == (current, low, high, mean)
    assert (decoded.period, decoded.active) == (5.0, active)


def test_a_missing_input_does_not_make_half_a_system() -> None:
    supplies = sensors([("a", "PS1 Input Power", "W"), ("b", "PS2 Input Power", "W")], load_shipped())
    assert Sums().watts(supplies, {"a": 100.0, "b": 90.0}) == {"psu_input": 190.0}
    assert Sums().watts(supplies, {"a": 100.0}) == {}
