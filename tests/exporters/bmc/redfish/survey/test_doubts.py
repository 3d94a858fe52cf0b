# SPDX-License-Identifier: Apache-2.0
"""Readings that the tree contradicts elsewhere: 0 W of a server that is on, an enclosure's watts, coarse copies."""

from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.doubts import step_of
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, legacy, poll, polls, ref, tree

pytestmark = pytest.mark.unit

BOX = ("chassis", "1")


def read(resources: Tree) -> Any:
    with RedfishServer(dict_tree(resources)) as server:
        return poll(server)


def control(watts: Any, low: Any, mean: Any, high: Any, minutes: Any = 5, **more: Any) -> dict[str, Any]:
    metrics = {
        "MinConsumedWatts": low, "AverageConsumedWatts": mean, "MaxConsumedWatts": high, "IntervalInMin": minutes,
    }  # fmt: skip
    return {"PowerConsumedWatts": watts, "PowerMetrics": metrics, **more}


def server_that_is(system: str | None, chassis: str | None, *controls: dict[str, Any], **power: Any) -> Tree:
    """One chassis; `system` and `chassis` are what each of the two states as its PowerState, None for nothing."""
    resources = legacy({"PowerControl": list(controls), **power})
    one = resources["/redfish/v1/Chassis/1"]
    if chassis is not None:
        one["PowerState"] = chassis
    if system is not None:
        one["Links"] = {"ComputerSystems": [ref("Systems/1")]}
        resources["/redfish/v1/Systems/1"] = {"PowerState": system}
    return resources


ON, OFF = "On", "Off"


@pytest.mark.parametrize(
    ("system", "chassis", "believed"),
    [(ON, None, False), (OFF, None, True), (None, ON, False), (None, OFF, True), (OFF, ON, True), (ON, OFF, False),
     (None, None, True)],
)  # fmt: skip
def test_zero_watts_are_believed_of_a_server_that_is_off(
    system: str | None, chassis: str | None, believed: bool
) -> None:
    """Where both are stated the system's counts: a chassis is on as long as it has standby power."""
    resources = server_that_is(system, chassis, {"PowerConsumedWatts": 0, "PowerCapacityWatts": 500})
    if believed:
        assert read(resources).power == {BOX: 0}
    else:
        with pytest.raises(JoulepathError, match="1 zero_while_on"):
            read(resources)


def test_zero_watts_are_a_gap_while_the_power_state_cannot_be_read() -> None:
    resources = server_that_is(OFF, None, {"PowerConsumedWatts": 0, "PowerCapacityWatts": 500})
    busy = Behaviour(answer=lambda asked: web.Response(status=503) if "Systems" in asked.path else None)
    with RedfishServer(dict_tree(resources), busy) as server, pytest.raises(JoulepathError, match="1 zero_while_on"):
        poll(server)
    del resources["/redfish/v1/Systems/1"]
    assert read(resources).power == {BOX: 0}


def test_a_server_that_was_off_for_the_whole_interval_has_a_meter() -> None:
    assert read(server_that_is(OFF, None, control(0, 0, 0, 0, 20, PowerCapacityWatts=500))).power == {BOX: 0}


def test_few_watts_of_a_server_that_is_off_are_its_own() -> None:
    """iDRAC 9: 8 W, its own controller."""
    assert read(server_that_is(OFF, OFF, control(8, 7, 7, 8, 1, PowerCapacityWatts=760))).power == {BOX: 8}


@pytest.mark.parametrize("system", [ON, OFF, None])
@pytest.mark.parametrize("capacity", [{"PowerCapacityWatts": 0}, {"PowerCapacityWatts": None}, {}])
def test_a_control_that_never_measured_a_watt_has_no_meter(system: str | None, capacity: dict[str, Any]) -> None:
    """iLO 4 of a server with a fixed supply."""
    never = control(0, 0, 0, 0, 20, **capacity)
    with pytest.raises(JoulepathError, match=r"measures no power \(.*1 never_read"):
        read(server_that_is(system, None, never))


def test_supplies_that_read_zero_while_the_server_is_on_lack_a_meter() -> None:
    supplies = [{"MemberId": "0", "LastPowerOutputWatts": 0}, {"MemberId": "1", "LastPowerOutputWatts": 0}]
    reading = read(server_that_is(ON, None, {"PowerConsumedWatts": 120}, PowerSupplies=supplies))
    assert reading.power == {BOX: 120}
    assert reading.psu_output == {}
    assert reading.rejected == {"zero_while_on": 2}
    with pytest.raises(JoulepathError, match="2 zero_while_on"):
        read(server_that_is(ON, None, PowerSupplies=supplies))
    reading = read(server_that_is(OFF, None, PowerSupplies=supplies))
    assert set(reading.psu_output.values()) == {0}


def test_the_power_state_is_asked_only_at_zero_watts() -> None:
    with RedfishServer(dict_tree(server_that_is(ON, None, {"PowerConsumedWatts": 120}))) as server:
        polls(RedfishSource("bmc", client(server)), 3)
        assert server.requests["GET", "/redfish/v1/Systems/1"] == 0


def server_with_shared_supplies(outputs: list[float], power: dict[str, Any], key: str = "LastPowerOutputWatts") -> Tree:
    supplies = [
        {"MemberId": str(number), key: watts, "PowerCapacityWatts": 2000} for number, watts in enumerate(outputs)
    ]
    return legacy({"PowerControl": [power], "PowerSupplies": supplies})


def test_a_node_that_publishes_its_enclosures_watts_is_its_own_mean() -> None:
    """Supermicro FatTwin: four nodes share two supplies."""
    reading = read(server_with_shared_supplies([455, 445], control(900, 210, 212, 215)))
    assert reading.power == {BOX: 212}
    assert reading.sources == {BOX: "power_control_average"}
    assert reading.psu_output == {}
    assert reading.rejected == {"contradicted": 1, "above_total": 2}


def test_inputs_of_supplies_and_copies_of_an_enclosure_are_not_nodes() -> None:
    resources = server_with_shared_supplies([455, 445], control(900, 210, 212, 215), "PowerInputWatts")
    resources["/redfish/v1/Chassis/1"]["EnvironmentMetrics"] = ref("Chassis/1/EnvironmentMetrics")
    resources["/redfish/v1/Chassis/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 900}}
    reading = read(resources)
    assert reading.power == {BOX: 212}
    assert reading.psu_input == {}
    assert reading.rejected == {"contradicted": 3, "above_total": 2}


@pytest.mark.parametrize(
    ("outputs", "power", "watts"),
    [
        ([179, 151, 151, 151], control(708, 633, 635, 639, 1), 708),  # Lenovo: the mean is of the outputs
        ([277, 254], control(531, 484, 515, 620, 20), 531),  # HPE: the outputs, added up
        ([400, 390], control(790, 0, 0, 0, 0), 790),  # statistics of nothing
        ([400, 390], control(790, 203, 204, 205, None), 790),
        ([400, 390], control(790, 205, 204, 203), 790),
        ([400, 390], control(790, "203", 204, True), 790),
    ],
)
def test_a_reading_is_believed_within_its_statistics_or_without_any(
    outputs: list[float], power: dict[str, Any], watts: float
) -> None:
    assert read(server_with_shared_supplies(outputs, power)).power == {BOX: watts}


def test_a_load_step_is_not_a_contradiction_while_statistics_catch_up() -> None:
    resources = server_with_shared_supplies([200, 200], control(400, 390, 400, 410))
    now = [0.0]

    def between(number: int) -> None:
        now[0] = 60.0 * number
        power = resources["/redfish/v1/Chassis/1/Power"]
        watts = 400 if number == 0 else 1000
        power["PowerControl"] = [control(watts, 390, 400, 410 if number < 5 else 1000)]
        power["PowerSupplies"] = [{"MemberId": "0", "LastPowerOutputWatts": watts / 2}] * 2

    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), 9, between)
    assert [reading.power.get(BOX) for reading in readings] == [400, *[1000] * 8]  # type: ignore[call-overload]


def environment(total: dict[str, Any], power: dict[str, Any] | None, *sensors: dict[str, Any]) -> Tree:
    here = "Chassis/1"
    resources = tree(
        {"1": {"EnvironmentMetrics": ref(f"{here}/E"), "Sensors": ref(f"{here}/Sensors")}},
        **{f"{here}/E": {"PowerWatts": total}},
    )
    resources[f"/redfish/v1/{here}/Sensors"] = {"Members": [ref(f"{here}/Sensors/{one['Id']}") for one in sensors]}
    resources |= {f"/redfish/v1/{here}/Sensors/{one['Id']}": one for one in sensors}
    if power is not None:
        resources["/redfish/v1/Chassis/1"]["Power"] = ref(f"{here}/Power")
        resources[f"/redfish/v1/{here}/Power"] = power
    return resources


def copy(reading: float, name: str = "7L0") -> dict[str, Any]:
    return {"Reading": reading, "DataSourceUri": f"/redfish/v1/Chassis/1/Sensors/{name}"}


def sensor(reading: float, name: str = "7L0", **more: Any) -> dict[str, Any]:
    return {
        "Id": name,
        "Name": "Sys Power",
        "Reading": reading,
        "ReadingType": "Power",
        "PhysicalContext": "Intake",
        **more,
    }


EXACT = {"PowerControl": [{"PowerConsumedWatts": 708}], "PowerSupplies": [{"PowerInputWatts": 706}]}
STEPS: dict[str, Any] = {"ReadingRangeMin": 0, "ReadingRangeMax": 2550}


@pytest.mark.parametrize(
    ("total", "power", "sensors", "watts", "source"),
    [
        # Whole watts of a sensor that it names, beside an exact source: by nothing but the tree.
        (copy(700), EXACT, [], 708, "power_control"),
        (copy(700), {"PowerControl": [{"PowerConsumedWatts": 708}]}, [], 708, "power_control"),
        (copy(700), {"PowerSupplies": [{"PowerInputWatts": 706}]}, [sensor(700, **STEPS)], 706, "psu_input"),
        # Steps by the sensor's range, though nothing better is there.
        (copy(700), None, [sensor(700, **STEPS)], 700, "sdr"),
        (copy(700), None, [sensor(700, ReadingRangeMin=2550, ReadingRangeMax=2550)], 700, "sdr"),
        # It repeats a coarse sensor without saying so.
        ({"Reading": 540}, EXACT, [sensor(540, "SystemBoardPwrConsumption", PhysicalContext="SystemBoard")], 708,
         "power_control"),
        # Exact itself: finer than a watt, agreeing with the supplies where the older resource does not, or alone.
        (copy(1073.19), EXACT, [], 1073.19, "environment_metrics"),
        (copy(705), {"PowerControl": [{"PowerConsumedWatts": 650}], "PowerSupplies": [{"PowerInputWatts": 706}]}, [],
         705, "environment_metrics"),
        (copy(700), None, [sensor(700, ReadingRangeMin=0, ReadingRangeMax=3000)], 700, "environment_metrics"),
        (copy(196), {"PowerControl": [{"PowerConsumedWatts": 100, "Status": {"State": "Disabled"}}]}, [], 196,
         "environment_metrics"),
        ({"Reading": 700}, EXACT, [], 700, "environment_metrics"),
    ],
)  # fmt: skip
def test_a_copy_of_a_coarse_sensor_ranks_behind_exact_sources(
    total: dict[str, Any], power: dict[str, Any] | None, sensors: list[dict[str, Any]], watts: float, source: str
) -> None:
    reading = read(environment(total, power, *sensors))
    assert reading.power == {BOX: watts}
    assert reading.sources == {BOX: source}


def test_a_system_sensor_of_256_steps_is_worse_than_power_control() -> None:
    resources = environment({}, EXACT, sensor(690, "total_power", ReadingRangeMin=0, ReadingRangeMax=7650))
    assert read(resources).sources == {BOX: "power_control"}
    resources = environment({}, EXACT, sensor(707, "total_power", PhysicalContext="Chassis", ReadingRangeMax=7650))
    assert read(resources).sources == {BOX: "sensor"}


@pytest.mark.parametrize(
    ("sensor", "step"),
    [
        ({"ReadingRangeMax": 19890, "Reading": 1950}, 78),  # NVIDIA DGX: PWR_SYSTEM
        ({"ReadingRangeMax": 12750, "ReadingRangeMin": 12750, "Reading": 700}, 50),  # Lenovo: Sys Power
        ({"ReadingRangeMax": 3580, "ReadingRangeMin": 10, "Reading": 248}, 14),
        ({"ReadingRangeMax": 3580, "ReadingRangeMin": 10, "Reading": 250}, 0),
        ({"ReadingRangeMax": 255, "Reading": 14}, 0),
        ({"ReadingRangeMax": 1500, "Reading": 1079.3}, 0),
        ({"ReadingRangeMax": None, "Reading": 100}, 0),
        ({"ReadingRangeMax": 0, "Reading": 0}, 0),
    ],
)
def test_the_range_of_a_sensor_gives_its_step(sensor: dict[str, Any], step: float) -> None:
    assert step_of(sensor) == step


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("ReadingRangeMin", "ReadingRangeMax", "Reading"), NUMBERS)))
def test_any_range_gives_a_step_or_nothing(sensor: dict[str, Any]) -> None:
    assert step_of(sensor) >= 0


@pytest.mark.parametrize("name", ["Storage Enclosure 1 HSC Power", "Drive Shelf Power", "Fan Tray Power"])
def test_the_only_power_control_is_the_chassis_whatever_its_name(name: str) -> None:
    reading = read(legacy({"PowerControl": [{"Name": name, "PowerConsumedWatts": 412}]}))
    assert reading.power == {BOX: 412}
    assert reading.subsystems == {}


@pytest.mark.parametrize(
    "part", [{"Name": "CPU Sub-system Power"}, {"Name": "Power", "PhysicalContext": "StorageSubsystem"}]
)
def test_the_only_power_control_is_a_part_where_it_says_so(part: dict[str, Any]) -> None:
    reading = read(legacy({"PowerControl": [{"PowerConsumedWatts": 99, **part}]}))
    assert reading.power == {}
    assert list(reading.subsystems.values()) == [99]


def test_an_empty_bay_that_is_called_enabled_does_not_silence_the_others() -> None:
    """Supermicro: eight bays, six supplies."""
    nothing = dict.fromkeys(("PowerCapacityWatts", "LineInputVoltage", "PowerInputWatts", "PowerOutputWatts"))
    supplies = [{"MemberId": "0", "PowerInputWatts": 361, "PowerCapacityWatts": 3000}, {"MemberId": "1", **nothing}]
    resources = legacy({"PowerSupplies": supplies})

    def between(number: int) -> None:
        if number == 1:
            supplies[0]["PowerInputWatts"] = 180
            supplies[1].update(PowerCapacityWatts=3000, LineInputVoltage=230, PowerInputWatts=182)

    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(RedfishSource("bmc", client(server)), 2, between)
    assert [reading.power.get(BOX) for reading in readings] == [361, 362]  # type: ignore[call-overload]


@pytest.mark.parametrize(("volts", "watts"), [(230, 361), (0, None), (None, None)])
def test_a_supply_without_volts_beside_one_with_volts_has_no_feed(volts: float | None, watts: float | None) -> None:
    supplies = [
        {"MemberId": "0", "PowerInputWatts": 361, "LineInputVoltage": volts},
        {"MemberId": "1", "PowerInputWatts": None, "LineInputVoltage": 0, "Status": {"State": "Enabled"}},
    ]
    assert read(legacy({"PowerSupplies": supplies})).power.get(BOX) == watts
