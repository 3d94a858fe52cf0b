# SPDX-License-Identifier: Apache-2.0
"""A meter that contradicts itself, over SNMP: no sample, no energy, a reason that counts, and one line in the log."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from pysnmp.proto import rfc1902

from joulepath.pdu.check import check
from joulepath.pdu.profiles.catalogue import read_folder
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.source import LAYOUT_SECONDS, PduReading, PduSource
from joulepath.reading.target import Snapshot, State, Target
from joulepath_lab.devices.apc import SYSTEM
from joulepath_lab.devices.snmp_agent import Agent, Value
from tests.exporters.pdu.conftest import client, run

pytestmark = pytest.mark.unit

BASE = "1.3.6.1.4.1.9999"
ROW = f"{BASE}.2.1"
PROFILE = f"""\
vendor: ACME
sys_object_ids: [{BASE}]
info: {{serial: {BASE}.1.1}}
levels:
  inlet: {{label: "1", quantities: {{power: {{column: {BASE}.1.2}}}}}}
  outlet:
    index: [number]
    quantities:
      power: {{column: {ROW}.1}}
      current: {{column: {ROW}.2, scale: 0.001}}
      voltage: {{column: {ROW}.3, scale: 0.1}}
      meter_energy: {{column: {ROW}.4, scale: 3600}}
"""
INTERVAL = 5.0
HOUR = 3600.0


class Meter:
    """One outlet of 100 W at 230 V and 0.435 A, and its inlet; polled on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "acme.yaml").write_text(PROFILE)
        self.profiles: Mapping[str, Profile] = read_folder(folder)
        self.now = 1000.0
        self.holds: dict[str, Value | None] = {}
        self.serial = "A1"
        usual: Mapping[str, Callable[[], Value]] = {
            f"{BASE}.1.2.0": lambda: 101,
            f"{ROW}.1.1": lambda: 100,
            f"{ROW}.2.1": lambda: 435,
            f"{ROW}.3.1": lambda: 2300,
            f"{ROW}.4.1": lambda: rfc1902.Gauge32(50_000),
        }
        self.objects: dict[str, Callable[[], Value | None]] = {
            f"{SYSTEM}.2.0": lambda: rfc1902.ObjectIdentifier(f"{BASE}.1"),
            f"{SYSTEM}.3.0": lambda: rfc1902.TimeTicks(int(self.now * 100)),
            f"{BASE}.1.1.0": lambda: self.serial,
            **{oid: lambda oid=oid, of=of: self.holds.get(oid, of()) for oid, of in usual.items()},  # type: ignore[misc]
        }

    def polled(self, *polls: Mapping[str, Value]) -> tuple[list[PduReading], Snapshot[PduReading]]:
        """The readings of polls in which some objects hold other values, and what the exporter knows at the end."""

        async def work() -> tuple[list[PduReading], Snapshot[PduReading]]:
            source = PduSource("pdu-1", client(agent.address), self.profiles, clock=lambda: self.now)
            state = State(Target("pdu-1", source, INTERVAL))
            readings: list[PduReading] = []
            for holds in polls:
                self.holds = dict(holds)
                readings.append(await source.read())
                state.succeeded(readings[-1], self.now, self.now, self.now)
                self.now += INTERVAL
            await source.close()
            return readings, state.snapshot

        with Agent(self.objects) as agent:
            return run(work())


@pytest.fixture
def meter(tmp_path: Path) -> Meter:
    return Meter(tmp_path)


def test_a_glitch_adds_no_energy_and_is_logged_once(meter: Meter, caplog: pytest.LogCaptureFixture) -> None:
    glitch = {f"{ROW}.1.1": 999_000}
    with caplog.at_level(logging.INFO):
        readings, snapshot = meter.polled({}, {}, glitch, glitch, {}, {}, glitch, {})
    assert [reading.values["outlet"].get("power") for reading in readings] == [
        {"1": 100},
        {"1": 100},
        None,
        None,
        {"1": 100},
        {"1": 100},
        None,
        {"1": 100},
    ]
    assert snapshot.energy["outlet", "1"].joules == pytest.approx(7 * INTERVAL * 100)
    assert snapshot.energy["outlet", "1"].measured_seconds == 7 * INTERVAL
    assert snapshot.rejected == {"contradicted": 3}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("joulepath.pdu")]
    assert lines == [
        "pdu-1: outlet 1 power is left out: contradicts: 999000 W at 230 V x 0.435 A",
        "pdu-1: no reading is left out any more",
    ]


def test_a_meter_without_a_believed_reading_is_up(meter: Meter) -> None:
    for oid in (f"{ROW}.2.1", f"{ROW}.3.1", f"{ROW}.4.1", f"{BASE}.1.2.0"):
        del meter.objects[oid]
    readings, snapshot = meter.polled({}, {f"{ROW}.1.1": 999_000}, {})
    assert [reading.values for reading in readings] == [
        {"outlet": {"power": {"1": 100}}},
        {},
        {"outlet": {"power": {"1": 100}}},
    ]
    assert snapshot.up
    assert snapshot.rejected == {"contradicted": 1}
    assert snapshot.energy["outlet", "1"].joules == pytest.approx(2 * INTERVAL * 100)


def test_a_lasting_contradiction_is_not_logged_again_and_again(meter: Meter, caplog: pytest.LogCaptureFixture) -> None:
    polls: Sequence[Mapping[str, Value]] = [{f"{ROW}.1.1": 1, f"{ROW}.2.1": 8700}] * (
        2 + int(LAYOUT_SECONDS / INTERVAL)
    )
    readings, snapshot = meter.polled(*polls)
    assert ("outlet", "1") not in snapshot.energy
    assert readings[-1].values["outlet"]["current"] == {"1": 8.7}
    assert len([record for record in caplog.records if "is left out" in record.getMessage()]) == 1


@pytest.mark.parametrize("raw", [0, 3, 2**31 - 1, 2**32 - 1, 4_000_000])
def test_a_glitch_of_a_register_gives_no_sample(meter: Meter, raw: int) -> None:
    register = f"{ROW}.4.1"
    readings, snapshot = meter.polled({}, {register: rfc1902.Gauge32(raw)}, {register: rfc1902.Gauge32(50_001)})
    assert [reading.values["outlet"].get("meter_energy") for reading in readings] == [
        {"1": 50_000 * HOUR},
        None,
        {"1": 50_001 * HOUR},
    ]
    assert snapshot.rejected == {"contradicted": 1}


@pytest.mark.parametrize("raw", [0, 20_000, 70_000])
def test_a_register_that_is_set_back_goes_on_from_where_the_counter_was(meter: Meter, raw: int) -> None:
    polls = [{f"{ROW}.4.1": rfc1902.Gauge32(raw + more)} for more in range(3)]
    readings, _ = meter.polled({}, *polls)
    counters = [reading.values["outlet"].get("meter_energy", {}).get("1") for reading in readings]
    assert counters == [50_000 * HOUR, None, 50_001 * HOUR, 50_002 * HOUR]


@pytest.mark.parametrize("raw", [0, 20_000, 49_999, 70_000])
def test_another_pdu_adds_no_energy(meter: Meter, raw: int) -> None:
    register = meter.objects[f"{ROW}.4.1"]
    meter.objects[f"{BASE}.1.1.0"] = lambda: "A1" if meter.now < 1000 + INTERVAL else "B2"
    meter.objects[f"{ROW}.4.1"] = lambda: register() if meter.now < 1000 + INTERVAL else rfc1902.Gauge32(raw)
    readings, snapshot = meter.polled({}, {}, {})
    assert [reading.values["outlet"]["meter_energy"] for reading in readings] == [{"1": 50_000 * HOUR}] * 3
    assert snapshot.rejected == {}


@pytest.mark.parametrize(("serial", "ticks"), [("", 0), ("A1", 1)])
def test_a_reboot_of_a_pdu_without_a_serial_number_may_be_a_swap(meter: Meter, serial: str, ticks: int) -> None:
    """The other one's register is higher by so little that it could have flowed."""
    swapped = 1000 + INTERVAL
    meter.objects[f"{BASE}.1.1.0"] = lambda: serial
    meter.objects[f"{SYSTEM}.3.0"] = lambda: rfc1902.TimeTicks(
        int((meter.now - swapped * (meter.now >= swapped)) * 100)
    )
    meter.objects[f"{ROW}.4.1"] = lambda: rfc1902.Gauge32(50_000 + (meter.now >= swapped))
    readings, _ = meter.polled({}, {}, {})
    counters = [reading.values["outlet"]["meter_energy"]["1"] / HOUR for reading in readings]
    assert counters == [50_000, 50_000 + ticks, 50_000 + ticks]


def test_the_check_reports_what_serving_leaves_out_of_a_wrong_unit(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(PROFILE)
    objects = {f"{ROW}.1.1": 1, f"{ROW}.2.1": 8700, f"{ROW}.3.1": 2300, f"{BASE}.1.2.0": 65_535}
    with Agent({oid: lambda value=value: value for oid, value in objects.items()}) as agent:  # type: ignore[misc]
        lines = list(check(str(tmp_path / "acme.yaml"), client(agent.address)))
    assert [line for line in lines if line.startswith("left out")] == [
        "left out when serving: inlet 1 power: holds 65535, which meters write for a value that they do not measure",
        (
            "left out when serving: outlet 1 power: its column contradicts volts x amperes (another unit?): "
            "1 W at 230 V x 8.7 A"
        ),
    ]


def test_a_glitch_of_a_register_is_bounded_by_the_watts_of_its_outlet(meter: Meter) -> None:
    """10 kWh more in an outlet of 100 W that has not ticked for five minutes."""
    glitch = {f"{ROW}.4.1": rfc1902.Gauge32(60_000)}
    readings, snapshot = meter.polled(*[{}] * 60, glitch, {}, {f"{ROW}.4.1": rfc1902.Gauge32(50_001)})
    registers = [reading.values["outlet"].get("meter_energy", {}).get("1") for reading in readings[-4:]]
    assert registers == [50_000 * HOUR, None, 50_000 * HOUR, 50_001 * HOUR]
    assert snapshot.rejected == {"contradicted": 1}


def test_watts_and_volts_in_other_units_are_both_left_out(meter: Meter) -> None:
    """2,000 W, given in hundreds of watts, at 230 V, given in hundredths."""
    readings, snapshot = meter.polled(*[{f"{ROW}.1.1": 20, f"{ROW}.2.1": 8700, f"{ROW}.3.1": 23_000}] * 2)
    assert [[*reading.values["outlet"]] for reading in readings] == [["current", "meter_energy"]] * 2
    assert snapshot.rejected == {"implausible": 2, "contradicted": 2}
