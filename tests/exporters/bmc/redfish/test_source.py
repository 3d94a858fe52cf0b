# SPDX-License-Identifier: Apache-2.0
"""Redfish trees of our own: every way that vendors state power, values that are not measured, and later changes."""

from typing import Any

import pytest
from aiohttp import web

from joulepath.bmc.choice.best import PATIENCE_SECONDS, RETURN_POLLS
from joulepath.bmc.choice.boxes import LOST_POLLS
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.layouts import INCOMPLETE_SECONDS, RESURVEY_SECONDS, SURVEY_SECONDS
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, legacy, poll, polls, ref, tree

pytestmark = pytest.mark.unit

BOX = ("chassis", "1")


def read(resources: Tree) -> Any:
    with RedfishServer(dict_tree(resources)) as server:
        return poll(server)


def control(**properties: Any) -> dict[str, Any]:
    return {"PowerControl": [properties]}


def supplies(*inputs: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"MemberId": str(n), "PowerCapacityWatts": 750, "PowerInputWatts": w, **more} for n, w in enumerate(inputs)]


def test_the_inputs_of_all_supplies_add_up_to_the_chassis() -> None:
    reading = read(legacy({"PowerSupplies": supplies(101, 99)}))
    assert reading.power == {BOX: 200}
    assert reading.sources == {BOX: "psu_input"}
    assert reading.psu_input == {("1", "0"): 101, ("1", "1"): 99}


def test_a_silent_supply_does_not_make_half_a_chassis() -> None:
    reading = read(legacy({"PowerSupplies": supplies(101, None)}))
    assert reading.power == {}
    assert reading.psu_input == {("1", "0"): 101}


def test_a_supply_that_is_absent_is_not_waited_for() -> None:
    absent = {"MemberId": "1", "PowerInputWatts": None, "Status": {"State": "Absent"}}
    assert read(legacy({"PowerSupplies": [*supplies(101), absent]})).power == {BOX: 101}


def test_a_supply_without_metrics_does_not_make_half_a_chassis() -> None:
    resources = tree(
        {"1": {"PowerSubsystem": ref("Chassis/1/PowerSubsystem")}},
        Chassis__1__PowerSubsystem={"PowerSupplies": ref("Chassis/1/PowerSupplies")},
        Chassis__1__PowerSupplies={"Members": [ref("Chassis/1/PowerSupplies/A"), ref("Chassis/1/PowerSupplies/B")]},
        Chassis__1__PowerSupplies__A={"Id": "A", "Metrics": ref("Chassis/1/PowerSupplies/A/Metrics")},
        Chassis__1__PowerSupplies__A__Metrics={"InputPowerWatts": {"Reading": 120}},
        Chassis__1__PowerSupplies__B={"Id": "B"},
    )
    reading = read(resources)
    assert reading.psu_input == {("1", "A"): 120}
    assert reading.power == {}


@pytest.mark.parametrize(
    ("power", "rejected"),
    [
        # iDRAC 9: the "input" is the range's maximum, the output is measured.
        (
            {
                "PowerSupplies": supplies(
                    900, Oem={"Dell": {"P": {"Range1MaxInputPowerWatts": 900}}}, PowerOutputWatts=203
                )
            },
            "capacity",
        ),
        ({"PowerSupplies": supplies(750, PowerOutputWatts=90)}, "capacity"),
        ({"PowerSupplies": supplies(1200, PowerOutputWatts=90)}, "above_capacity"),
        ({"PowerSupplies": supplies("90 W", PowerOutputWatts=90)}, "not_a_number"),
        ({"PowerSupplies": supplies(True, PowerOutputWatts=90)}, "not_a_number"),
        ({"PowerSupplies": supplies(-3, PowerOutputWatts=90)}, "implausible"),
        ({**control(PowerConsumedWatts=65535), "PowerSupplies": supplies(None, PowerOutputWatts=90)}, "implausible"),
        ({"PowerSupplies": supplies(0, PowerOutputWatts=90)}, "below_output"),
        (
            {
                "PowerSupplies": [
                    *supplies(None, PowerOutputWatts=90),
                    {"MemberId": "1", "PowerCapacityWatts": 800, "LastPowerOutputWatts": 800},
                ]
            },
            "capacity",
        ),
        (
            {
                **control(PowerMetrics={"AverageConsumedWatts": 46, "IntervalInMin": 0}),
                "PowerSupplies": supplies(None, PowerOutputWatts=90),
            },
            "zero_interval",
        ),
    ],
)
def test_a_value_that_is_not_a_measurement_is_rejected_with_a_reason(power: dict[str, Any], rejected: str) -> None:
    reading = read(legacy(power))
    assert reading.power == {}
    assert reading.psu_input == {}
    assert set(reading.psu_output.values()) <= {90, 203}
    assert reading.psu_output
    assert reading.rejected == {rejected: 1}


def test_a_mean_over_a_minute_is_better_than_nothing() -> None:
    reading = read(
        legacy(control(PowerConsumedWatts=None, PowerMetrics={"AverageConsumedWatts": 46, "IntervalInMin": 1}))
    )
    assert reading.power == {BOX: 46}
    assert reading.sources == {BOX: "power_control_average"}


def test_further_power_controls_are_parts_and_not_the_whole() -> None:
    names = {"Server Power Control": 300, "CPU Sub-system Power": 120, "Memory Sub-system Power": 20}
    power = {"PowerControl": [{"Name": name, "PowerConsumedWatts": watts} for name, watts in names.items()]}
    reading = read(legacy(power))
    assert reading.power == {BOX: 300}
    assert reading.subsystems == {("1", "CPU Sub-system Power"): 120, ("1", "Memory Sub-system Power"): 20}


@pytest.mark.parametrize(
    ("power", "watts", "source"),
    [
        ({"Oem": {"ts_fujitsu": {"ChassisPowerConsumption": {"CurrentPowerConsumptionW": 150}}}}, 150, "oem"),
        ({"PowerControl": [], "Oem": {"Public": {"TotalPower": 412}}}, 412, "oem"),
        ({"PowerSupplies": [{"MemberId": "0", "Oem": {"Huawei": {"PowerInputWatts": 188}}}]}, 188, "psu_input"),
        ({**control(PowerConsumedWatts=151), "Oem": {"Public": {"TotalPower": 412}}}, 151, "power_control"),
    ],
)
def test_vendor_properties_count_where_nothing_else_exists(power: dict[str, Any], watts: float, source: str) -> None:
    reading = read(legacy(power))
    assert reading.power == {BOX: watts}
    assert reading.sources == {BOX: source}


def test_gigabytes_register_is_the_chassis_energy() -> None:
    oem = {"Vendor": {"PowerMetrics": {"AccumulatedEnergyJoules": 468}}}
    reading = read(legacy(control(PowerConsumedWatts=100, PhysicalContext="Intake", Oem=oem)))
    assert reading.power == {BOX: 100}
    assert reading.meter_energy == {BOX: 468}


def sensors(*entries: dict[str, Any]) -> Tree:
    resources = tree({"1": {"Sensors": ref("Chassis/1/Sensors")}})
    resources["/redfish/v1/Chassis/1/Sensors"] = {"Members": [ref(f"Chassis/1/Sensors/{one['Id']}") for one in entries]}
    return {**resources, **{f"/redfish/v1/Chassis/1/Sensors/{one['Id']}": one for one in entries}}


def sensor(name: str, reading: Any, kind: str = "Power", **more: Any) -> dict[str, Any]:
    return {"Id": name, "ReadingType": kind, "Reading": reading, **more}


def test_a_system_sensor_by_its_name_and_a_lifetime_register() -> None:
    reading = read(
        sensors(
            sensor("total_power", 232.5),
            sensor("cpu0_power", 80, PhysicalContext="CPU"),
            sensor("total_energy", 3.5, "EnergykWh", LifetimeReading=1234.5),
            sensor("inlet_temp", 23, "Temperature"),
        )
    )
    assert reading.power == {BOX: 232.5}
    assert reading.sources == {BOX: "sensor"}
    assert reading.meter_energy == {BOX: 1234.5 * 3.6e6}
    assert reading.subsystems == {("1", "cpu0"): 80}


def test_rectifiers_of_a_chassis_manager_add_up() -> None:
    rectifiers = [
        sensor(f"Rectifier{n}{way}Power", watts, PhysicalContext="Rectifier", PhysicalSubContext=way)
        for n, (taken, pair) in enumerate([(3433, 3300), (3400, 3270)])
        for way, watts in (("Input", taken), ("Output", pair))
    ]
    reading = read(sensors(*rectifiers))
    assert reading.power == {BOX: 6833}
    assert reading.psu_output == {("1", "Rectifier0"): 3300, ("1", "Rectifier1"): 3270}


def test_an_enclosure_is_a_level_of_its_own() -> None:
    """Its watts hold its blades': under one name their sum would count them twice."""
    power = {"PowerControl": [{"PowerConsumedWatts": 1000}]}
    blade = {"PowerControl": [{"PowerConsumedWatts": 400}]}
    resources = tree(
        {
            "frame": {"Power": ref("Chassis/frame/Power"), "Links": {"Contains": [ref("Chassis/blade1")]}},
            "blade1": {"Power": ref("Chassis/blade1/Power")},
            "blade2": {"Power": ref("Chassis/blade2/Power"), "Links": {"ContainedBy": ref("Chassis/frame")}},
        },
        Chassis__frame__Power=power,
        Chassis__blade1__Power=blade,
        Chassis__blade2__Power=blade,
    )
    assert read(resources).power == {
        ("enclosure", "frame"): 1000,
        ("chassis", "blade1"): 400,
        ("chassis", "blade2"): 400,
    }


def test_chassis_that_share_an_id_differ_by_their_path() -> None:
    resources = tree({})
    resources["/redfish/v1/Chassis"] = {"Members": [ref("Chassis/A/Node"), ref("Chassis/B/Node")]}
    for which, watts in (("A", 100), ("B", 200)):
        resources[f"/redfish/v1/Chassis/{which}/Node"] = {"Id": "Node", "Power": ref(f"Chassis/{which}/Power")}
        resources[f"/redfish/v1/Chassis/{which}/Power"] = control(PowerConsumedWatts=watts)
    assert read(resources).power == {("chassis", "A/Node"): 100, ("chassis", "B/Node"): 200}


def test_the_best_source_is_kept_through_a_bad_minute_and_left_after_long() -> None:
    resources = legacy(control(PowerConsumedWatts=344))
    resources["/redfish/v1/Chassis/1"]["EnvironmentMetrics"] = ref("Chassis/1/EnvironmentMetrics")
    environment: dict[str, Any] = {"PowerWatts": {"Reading": 374}}
    resources["/redfish/v1/Chassis/1/EnvironmentMetrics"] = environment
    now = [0.0]
    absent = range(2, 6), range(10, 24)

    def between(number: int) -> None:
        now[0] = 60.0 * number
        environment["PowerWatts"] = {"Reading": None if any(number in span for span in absent) else 374}

    with RedfishServer(dict_tree(resources)) as server:
        source = RedfishSource("bmc", client(server), clock=lambda: now[0])
        readings = polls(_Forgiving(source), 30, between)
    sources = [reading and dict(reading.sources).get(BOX) for reading in readings]
    best, gap, worse = ["environment_metrics"], [None], ["power_control"]
    waited = int(PATIENCE_SECONDS / 60)
    assert sources[:10] == best * 2 + gap * 4 + best * 4
    assert sources[10:24] == gap * waited + worse * (14 - waited)
    assert sources[24:] == worse * (RETURN_POLLS - 1) + best * (7 - RETURN_POLLS)


def test_another_model_at_the_same_address_is_surveyed_anew() -> None:
    now = [0.0]
    resources = legacy(control(PowerConsumedWatts=344))

    def between(number: int) -> None:
        now[0] += RESURVEY_SECONDS / 2
        if number == 1:
            resources.clear()
            resources.update(tree({"9": {"Power": ref("Chassis/9/P")}}, Chassis__9__P=control(PowerConsumedWatts=99)))

    with RedfishServer(dict_tree(resources)) as server:
        source = RedfishSource("bmc", client(server), clock=lambda: now[0])
        readings = polls(_Forgiving(source), 3 + LOST_POLLS, between)
    assert [reading and reading.power for reading in readings] == [
        {BOX: 344},
        *[None] * LOST_POLLS,
        *[{("chassis", "9"): 99}] * 2,
    ]


class _Forgiving(RedfishSource):
    """Answers None for a failed poll."""

    def __init__(self, source: RedfishSource) -> None:
        self._source = source

    async def read(self) -> Any:
        try:
            return await self._source.read()
        except JoulepathError:
            return None

    async def close(self) -> None:
        await self._source.close()


def test_pages_of_a_collection_are_followed_and_a_circle_ends() -> None:
    resources = legacy(control(PowerConsumedWatts=5))
    resources["/redfish/v1/Chassis"] = {"Members": [], "Members@odata.nextLink": "/redfish/v1/Chassis2"}
    resources["/redfish/v1/Chassis2"] = {"Members": [ref("Chassis/1")], "Members@odata.nextLink": "/redfish/v1/Chassis"}
    with RedfishServer(dict_tree(resources)) as server:
        assert poll(server).power == {BOX: 5}
        assert sum(server.requests.values()) < 20


def test_sensors_come_expanded_where_the_bmc_can() -> None:
    reading = sensors(*(sensor(f"power{n}", n, PhysicalContext="CPU") for n in range(30)), sensor("total_power", 500))
    reading["/redfish/v1"]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"Levels": True}}
    with RedfishServer(dict_tree(reading)) as server:
        source = RedfishSource("bmc", client(server))
        asked: list[int] = []
        polls(source, 2, lambda _: asked.append(sum(server.requests.values())))
        assert server.requests["GET", "/redfish/v1/Chassis/1/Sensors/power7"] <= 2
    assert asked[1] == 4 + 31


def test_a_bmc_that_was_starting_is_surveyed_again_soon() -> None:
    """Its tree is empty until it has found its own sensors."""
    now = [0.0]
    whole = legacy(control(PowerConsumedWatts=344))
    starting = {**whole, "/redfish/v1/Chassis": {"Members": []}}

    def between(number: int) -> None:
        now[0] += RESURVEY_SECONDS / 2
        if number == 1:
            starting.update(whole)

    with RedfishServer(dict_tree(starting)) as server:
        source = RedfishSource("bmc", client(server), clock=lambda: now[0])
        readings = polls(_Forgiving(source), 2 + LOST_POLLS, between)
    assert readings[0] is None
    assert readings[-1].power == {BOX: 344}


def test_a_chassis_missed_by_one_survey_is_not_lost_for_an_hour() -> None:
    now, busy = [0.0], [True]
    power = control(PowerConsumedWatts=100)
    resources = tree(
        {name: {"Power": ref(f"Chassis/{name}/Power")} for name in "12"},
        Chassis__1__Power=power,
        Chassis__2__Power=power,
    )

    def answer(request: web.Request) -> web.Response | None:
        return web.Response(status=503) if busy[0] and request.path.startswith("/redfish/v1/Chassis/2") else None

    def between(number: int) -> None:
        now[0] = [0, 10, INCOMPLETE_SECONDS, INCOMPLETE_SECONDS + SURVEY_SECONDS][number]
        busy[0] = number in {0, 3}

    with RedfishServer(dict_tree(resources), Behaviour(answer=answer)) as server:
        readings = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), 4, between)
    both = {BOX: 100, ("chassis", "2"): 100}
    # The last survey finds the second chassis silent again: it is still there, without a reading.
    assert [reading.power for reading in readings] == [{BOX: 100}, {BOX: 100}, both, {BOX: 100}]
    assert readings[3].rejected == {"unreadable": 1}
