# SPDX-License-Identifier: Apache-2.0
"""IPMI against a BMC that answers RMCP+ in a process of its own; DCMI's numbers are of recorded console output."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.dcmi import PowerReading
from joulepath.bmc.ipmi import BACK_OFF_SECONDS, IpmiSource
from joulepath.bmc.ipmi_client import IpmiFaultError, UnsupportedError
from joulepath.bmc.ipmi_sensors import power, sensors
from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish_items import RejectedError
from joulepath.bmc.vendors import shipped
from joulepath.errors import JoulepathError
from joulepath_lab.ipmi_bmc import dcmi_response

from .conftest import PASSWORD, USER, joulepath

pytestmark = pytest.mark.unit

SYSTEM = ("chassis", "system")
Bmc = Callable[..., int]


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[Bmc]:
    """`bmc(dcmi=..., sensors=...)`: a BMC that measures this, on the port returned."""
    running: list[subprocess.Popen[str]] = []

    def start(**told: Any) -> int:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
            port = int(probe.getsockname()[1])
        file = tmp_path / "bmc.json"
        file.write_text(json.dumps({"port": port, "user": USER, "password": PASSWORD, **told}))
        command = [sys.executable, "-m", "joulepath_lab.ipmi_bmc", str(file)]
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
def test_recorded_dcmi_numbers_come_through(bmc: Bmc, recordings: Path, name: str) -> None:
    text = (recordings / "ipmi" / name).read_text()
    found = re.search(RECORDED[name], text)
    assert found
    watts = int(found[1])
    numbers = {"current": watts, "minimum": watts // 2, "maximum": watts * 2, "average": watts}
    reading = read(bmc(dcmi={**numbers, "timestamp": 1487162991, "period": 1131466000}))
    assert reading.power == {SYSTEM: watts}
    assert reading.sources == {SYSTEM: "dcmi"}


def test_a_host_without_dcmi_is_read_by_its_system_sensor(bmc: Bmc) -> None:
    """The recorded PowerEdge R710: `System Level | 189.000 | Watts`, and Dell's volts and amperes beside it."""
    told = [
        {"name": "System Level", "unit": "W", "value": 189},
        {"name": "Voltage 1", "unit": "V", "value": 230},
        {"name": "Current 1", "unit": "A", "value": 1},
    ]
    reading = read(bmc(sensors=told))
    assert reading.power == {SYSTEM: 189}
    assert reading.sources == {SYSTEM: "sdr"}


def test_supplies_and_as_a_last_resort_volts_times_amperes(bmc: Bmc) -> None:
    told = [
        {"name": "PSU1 Input Power", "unit": "W", "value": 120, "step": 2},
        {"name": "PSU2 Input Power", "unit": "W", "value": 100, "step": 2},
        {"name": "PSU1 Out Power", "unit": "W", "value": 110, "step": 2},
        {"name": "PSU1 VIN", "unit": "V", "value": 230},
        {"name": "PSU1 IIN", "unit": "A", "value": 1},
    ]
    reading = read(bmc(sensors=told))
    assert reading.power == {SYSTEM: 220}
    assert reading.sources == {SYSTEM: "psu_input"}
    assert reading.psu_output == {("system", "PSU1 Out Power"): 110}
    told = [one for one in told if one["unit"] != "W"]
    reading = read(bmc(sensors=told))
    assert reading.power == {SYSTEM: 230}
    assert reading.sources == {SYSTEM: "volts_amperes"}


def test_nothing_to_read_and_a_wrong_password_are_clear_errors(bmc: Bmc) -> None:
    port = bmc(dcmi={"current": 0, "active": False})
    with pytest.raises(JoulepathError, match=r"^bmc: answers but measures no power \(1 inactive\)"):
        read(port)
    with pytest.raises(JoulepathError, match=r"^bmc: refuses the login: check user, password and privilege$"):
        read(port, "wrong")


def test_once_prints_what_dcmi_says(bmc: Bmc, tmp_path: Path) -> None:
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
    except RejectedError:
        return
    assert 0 <= watts <= 65535


@given(*[st.integers(0, 65535)] * 4, st.booleans())
def test_what_a_bmc_encodes_is_what_is_read(current: int, low: int, high: int, mean: int, active: bool) -> None:
    told = {"current": current, "minimum": low, "maximum": high, "average": mean, "period": 5000, "active": active}
    found = PowerReading.parse(dcmi_response(told))
    assert (found.current, found.minimum, found.maximum, found.average) == (current, low, high, mean)
    assert (found.period, found.active) == (5.0, active)


def test_one_missing_input_makes_no_half_system() -> None:
    found = sensors([("a", "PS1 Input Power", "W"), ("b", "PS2 Input Power", "W")], shipped())
    assert power(found, {"a": 100.0, "b": 90.0}) == {"psu_input": 190.0}
    assert power(found, {"a": 100.0}) == {}
