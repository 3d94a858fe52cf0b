# SPDX-License-Identifier: Apache-2.0
"""Sources over IPMI: empty bays, shared supplies, a DCMI that is busy or says that it does not measure, and 0 W."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.choice.best import PATIENCE_SECONDS, RETURN_POLLS
from joulepath.bmc.ipmi.client import THREAD, IpmiFaultError, PyghmiClient, UnsupportedError
from joulepath.bmc.ipmi.dcmi import PowerReading
from joulepath.bmc.ipmi.sensors import sensors
from joulepath.bmc.ipmi.source import BACK_OFF_SECONDS, RETRY_SECONDS, IpmiSource
from joulepath.bmc.login import Login
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.vendors import load_shipped
from joulepath.errors import JoulepathError
from joulepath.reading.rejected import NotMeasuredError
from joulepath_lab.devices.ipmi_bmc import dcmi_response
from joulepath_lab.run.ports import free_port
from tests.exporters.bmc.conftest import PASSWORD, USER
from tests.exporters.bmc.ipmi.test_source import SYSTEM, Fake, powers, source_names

pytestmark = pytest.mark.unit

BUSY = 0xC0


class Lab:
    """A BMC in a process of its own, with changing numbers; a new one for each session."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self, *, port: int | None = None) -> None:
        """Starts it, on a free port where none is given."""
        self.stop()
        self.port = free_port(socket.SOCK_DGRAM) if port is None else port
        self.say()
        command = [sys.executable, "-m", "joulepath_lab.devices.ipmi_bmc", str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n"

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def say(self, **state: Any) -> None:
        """Sets its readings from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"port": self.port, "user": USER, "password": PASSWORD, **state}))
        new.replace(self._file)

    def polls(self, *states: dict[str, Any], seconds: float = 10.0) -> list[BmcReading]:
        """A poll of each, so many seconds apart."""
        self.start()
        now = [0.0]
        client = PyghmiClient("127.0.0.1", self.port, Login(USER, PASSWORD), "user")
        source = IpmiSource("bmc", client, clock=lambda: now[0])

        async def all_polls() -> list[BmcReading]:
            readings = []
            try:
                for one in states:
                    self.say(**one)
                    readings.append(await source.read())
                    now[0] += seconds
            finally:
                await source.close()
            return readings

        return asyncio.run(all_polls())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    laboratory = Lab(tmp_path / "bmc.json")
    yield laboratory
    laboratory.stop()


def sensor(name: str, value: float | None, step: int = 2, unit: str = "W") -> dict[str, Any]:
    return {"name": name, "unit": unit, "value": value, "step": step}


SUPPLIES = [sensor("PSU1_PIN", 128), sensor("PSU1_POUT", 120), sensor("PSU2_PIN", None), sensor("PSU2_POUT", None)]


def test_an_empty_bay_does_not_silence_the_other_supply(lab: Lab) -> None:
    (reading,) = lab.polls({"sensors": SUPPLIES})
    assert reading.power == {SYSTEM: 128}
    assert reading.sources == {SYSTEM: "psu_input"}


def test_an_empty_bays_volts_do_not_silence_the_others(lab: Lab) -> None:
    records = [
        sensor("PSU1 VIN", 230, unit="V"),
        sensor("PSU1 IIN", 1, 1, unit="A"),
        sensor("PSU2 VIN", None, unit="V"),
        sensor("PSU2 IIN", None, 1, unit="A"),
    ]
    (reading,) = lab.polls({"sensors": records})
    assert reading.power == {SYSTEM: 230}
    assert reading.sources == {SYSTEM: "volts_amperes"}


@pytest.mark.parametrize(
    ("output", "second", "expected"),
    [
        (None, None, 128),  # nothing of it can be read: an empty bay
        (118, None, None),  # it delivers: only its input is not known
    ],
)
def test_a_supply_that_is_there_is_not_taken_for_an_empty_bay(
    lab: Lab, output: float | None, second: float | None, expected: float | None
) -> None:
    records = [*SUPPLIES[:2], sensor("PSU2_PIN", second), sensor("PSU2_POUT", output)]
    assert powers(lab.polls({"sensors": records})) == [expected]


def test_a_supply_that_is_pulled_or_pushed_in_is_counted_at_once(lab: Lab) -> None:
    def bay(first: float, second: float | None) -> dict[str, Any]:
        output = None if second is None else second - 8
        return {
            "sensors": [
                sensor("PS1 Input Power", first),
                sensor("PS2 Input Power", second),
                sensor("PS2 Output Power", output),
            ]
        }

    bays = [bay(128, None), bay(66, 70), bay(134, None), bay(66, None), bay(66, 66)]
    # In the fourth poll half of the load is gone together with a reading: that may be the other supply's.
    assert powers(lab.polls(*bays)) == [128, 136, 134, 66, 132]


def test_ciscos_name_of_the_system_is_recognised(lab: Lab) -> None:
    records = [sensor("POWER_USAGE", 216, 8), sensor("PSU1_POUT", 100), sensor("CPU_POWER_USAGE", 90)]
    (reading,) = lab.polls({"sensors": records})
    assert reading.power == {SYSTEM: 216}
    assert reading.sources == {SYSTEM: "sdr"}


@pytest.mark.parametrize("name", ["Total Pwr", "SYSTEM_PWR", "Node Power", "Pwr Usage", "Sys Power"])
def test_other_names_of_the_system_are_recognised(name: str) -> None:
    chosen = sensors([(name, name, "W"), (f"CPU {name}", f"CPU {name}", "W")], load_shipped())
    assert [one.role for one in chosen] == ["system"]


@pytest.mark.parametrize("name", ["PSU1_PIN", "PSU 1 Input Power", "psu-1 power", "PSU1_POUT"])
def test_sensors_are_grouped_by_their_supply(name: str) -> None:
    assert load_shipped().supply(name) == "psu1"
    assert load_shipped().supply(name.replace("1", "12")) == "psu12"
    assert load_shipped().supply("CPU1 Power") == ""


DCMI = {"current": 210, "minimum": 100, "maximum": 400, "average": 205, "period": 1000}


def shared_supplies(**dcmi: Any) -> dict[str, Any]:
    """One of four nodes: both supplies are everyone's."""
    return {"dcmi": DCMI, "sensors": [sensor("PS1 Input Power", 420, 4), sensor("PS2 Input Power", 430, 5)], **dcmi}


def test_a_busy_dcmi_is_a_gap_beside_shared_supplies(lab: Lab) -> None:
    readings = lab.polls(
        shared_supplies(),
        *[shared_supplies(code=BUSY)] * 3,
        shared_supplies(),
        *[shared_supplies(code=BUSY)] * 2,
        seconds=400,
    )
    assert powers(readings) == [210, None, None, None, 210, None, None]
    assert [list(reading.up.values()) for reading in readings[:2]] == [[True], [False]]
    assert all(reading.psu_input == {} for reading in readings)
    assert readings[0].rejected == {"above_total": 2}


def test_a_sensor_that_is_busy_is_a_gap_and_not_an_empty_bay(lab: Lab) -> None:
    """From the start on, beside a worse source that could be read."""

    def sensors_with(**second: Any) -> dict[str, Any]:
        inputs = [sensor("PS1 Input Power", 102), {**sensor("PS2 Input Power", 110), **second}]
        return {"sensors": [*inputs, sensor("Sys Power", 200, 10)]}

    readings = lab.polls(sensors_with(code=BUSY), sensors_with(), sensors_with(code=BUSY))
    assert powers(readings) == [None, 212, None]
    assert readings[0].rejected == {"unreadable": 1}


def test_dcmi_that_is_busy_at_the_start_is_waited_for(lab: Lab) -> None:
    own = [sensor("PS1 Input Power", 102), sensor("PS2 Input Power", 110)]
    busy, well = {"dcmi": DCMI, "sensors": own, "code": BUSY}, {"dcmi": DCMI, "sensors": own}
    assert powers(lab.polls(busy, busy, well)) == [None, None, 210]
    readings = lab.polls(*[busy] * 4, *[well] * RETURN_POLLS, seconds=PATIENCE_SECONDS / 2)
    assert source_names(readings)[:4] == [None, None, "psu_input", "psu_input"]
    assert powers(readings)[-1] == 210


def test_a_command_that_a_starting_bmc_does_not_know_yet_is_asked_again(lab: Lab) -> None:
    own = [sensor("Sys Power", 208), sensor("PS1 Output Power", 180)]
    unknown = {"code": 0xC1, "dcmi": DCMI, "sensors": own}
    well = {**unknown, "code": 0}
    # Where it had worked it is a gap; where it never had, it is asked for again after some minutes.
    assert powers(lab.polls(well, unknown, unknown, well)) == [210, None, None, 210]
    readings = lab.polls(unknown, unknown, *[well] * RETURN_POLLS, seconds=RETRY_SECONDS - 1)
    assert source_names(readings) == [*["sdr"] * (RETURN_POLLS + 1), "dcmi"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"current": 360, "minimum": 360, "maximum": 360, "average": 360}, 360),  # OpenBMC until 2023
        ({"current": 319, "minimum": 300, "maximum": 340}, 319),
        ({"current": 0, "minimum": 0, "maximum": 360}, None),
        ({"current": 360, "minimum": 0, "maximum": 0}, None),
        ({"current": 360, "minimum": 100, "maximum": 200}, None),
    ],
)
def test_consistent_numbers_count_although_the_bmc_says_it_is_inactive(
    lab: Lab, numbers: dict[str, int], expected: float | None
) -> None:
    state = {"dcmi": {**numbers, "active": False}}
    if expected is None:
        with pytest.raises(JoulepathError, match="1 inactive"):
            lab.polls(state)
    else:
        (reading,) = lab.polls(state)
        assert reading.power == {SYSTEM: expected}
        assert reading.sources == {SYSTEM: "dcmi_inactive"}
        assert lab.polls({**state, "sensors": [sensor("Sys Power", 350)]})[0].sources == {SYSTEM: "sdr"}


def test_dcmi_beyond_its_own_statistics_belongs_to_the_enclosure(lab: Lab) -> None:
    state = {"dcmi": {**DCMI, "current": 900, "maximum": 230}, "sensors": [sensor("Sys Power", 208)]}
    (reading,) = lab.polls(state)
    assert reading.power == {SYSTEM: 208}
    assert reading.rejected == {"contradicted": 1}


@pytest.mark.parametrize(("power", "believed"), [({"on": True}, False), ({"on": False}, True), ({}, True)])
def test_zero_watts_are_believed_of_a_system_that_is_off(lab: Lab, power: dict[str, bool], believed: bool) -> None:
    state = {"dcmi": {"current": 0, "maximum": 300}, "sensors": [sensor("Sys Power", 0)], **power}
    (reading,) = lab.polls(state)
    assert reading.power == ({SYSTEM: 0} if believed else {})
    assert reading.rejected == ({} if believed else {"zero_while_on": 2})


def test_a_list_of_sensors_that_cannot_be_read_again_leaves_the_former_one() -> None:
    class Forgetful(Fake):
        broken = False

        def raw(self, *asked: object) -> bytes:
            if self.broken and self.now < 1000:
                raise IpmiFaultError("no answer")
            return super().raw(*asked)

        def sensors(self) -> list[tuple[str, str, str]]:
            if self.broken:
                raise UnsupportedError("none now")
            return super().sensors()

    fake = Forgetful([215])
    source = IpmiSource("bmc", fake, clock=lambda: fake.now)
    assert len(asyncio.run(source.read()).psu_input) == 2
    fake.broken = True
    fake.now = 500
    with pytest.raises(JoulepathError):
        asyncio.run(source.read())
    fake.now = 1000
    assert len(asyncio.run(source.read()).psu_input) == 2


def test_a_slow_bmc_is_asked_for_its_sensors_once_dcmi_was_away_for_long() -> None:
    fake = Fake([215], seconds=2.0)
    source = IpmiSource("bmc", fake, clock=lambda: fake.now)
    assert powers([asyncio.run(source.read())]) == [215]
    fake.dcmi = [None]
    with pytest.raises(JoulepathError, match="1 inactive"):
        asyncio.run(source.read())
    assert fake.asked == []
    fake.now += PATIENCE_SECONDS
    assert powers([asyncio.run(source.read())]) == [214]
    assert fake.asked.count("list") == 1


def test_sensors_of_a_list_are_read_in_a_later_session(lab: Lab) -> None:
    lab.start()
    lab.say(sensors=[sensor("PS1 Input Power", 102)])
    client = PyghmiClient("127.0.0.1", lab.port, Login(USER, PASSWORD), "user")
    (key, _, _), *_ = THREAD.submit(lambda: list(client.sensors())).result()
    THREAD.submit(client.close).result()
    lab.start(port=lab.port)
    lab.say(sensors=[sensor("PS1 Input Power", 104)])
    assert THREAD.submit(client.sensor, key).result() == 104
    THREAD.submit(client.close).result()


@pytest.mark.long
def test_a_bmc_that_restarts_is_read_again(lab: Lab) -> None:
    """It knows nothing of the session before; pyghmi gives it up after 30 s."""
    lab.start()
    now = [0.0]
    source = IpmiSource("bmc", PyghmiClient("127.0.0.1", lab.port, Login(USER, PASSWORD), "user"), clock=lambda: now[0])

    async def through_a_restart() -> list[float]:
        lab.say(dcmi=DCMI)
        watts = [(await source.read()).power[SYSTEM]]  # type: ignore[index]
        lab.stop()
        with pytest.raises(JoulepathError, match="no answer"):
            await source.read()
        lab.start(port=lab.port)
        lab.say(dcmi=DCMI)
        now[0] = BACK_OFF_SECONDS[0]
        watts.append((await source.read()).power[SYSTEM])  # type: ignore[index]
        await source.close()
        return watts

    assert asyncio.run(through_a_restart()) == [210, 210]


def test_a_maximum_of_all_bits_contradicts_nothing() -> None:
    statistics = {"current": 210, "minimum": 65535, "maximum": 65535, "period": 60000}
    assert PowerReading.parse(dcmi_response(statistics)).past is None


@given(*[st.integers(0, 65535)] * 4, st.booleans())
def test_a_reading_that_does_not_measure_is_within_its_own_numbers(
    current: int, low: int, high: int, period: int, active: bool
) -> None:
    statistics = {"current": current, "minimum": low, "maximum": high, "period": period, "active": active}
    reading = PowerReading.parse(dcmi_response(statistics))
    try:
        watts = reading.watts
    except NotMeasuredError:
        return
    assert active or 0 < low <= watts <= high
    assert reading.source == ("dcmi" if active else "dcmi_inactive")
    assert reading.past is None or reading.past.low <= reading.past.high
