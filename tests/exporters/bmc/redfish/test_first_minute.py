# SPDX-License-Identifier: Apache-2.0
"""A BMC of which a part cannot be read when the exporter starts: nothing is made of the rest that it is not."""

from typing import Any

import pytest
from aiohttp import web

from joulepath.bmc.choice.best import PATIENCE_SECONDS
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.layouts import RESURVEY_SECONDS, SURVEY_SECONDS
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, polls, ref, tree

pytestmark = pytest.mark.unit

BOX = ("chassis", "1")
AGAIN = RESURVEY_SECONDS
"""When the tree is read again."""


def supplies(*watts: float, pages: bool = False) -> Tree:
    """PowerSubsystem with a supply for each of `watts`, on one page or each on its own."""
    resources = tree(
        {"1": {"PowerSubsystem": ref("PowerSubsystem")}}, PowerSubsystem={"PowerSupplies": ref("Supplies")}
    )
    members = [ref(f"Supplies/{number}") for number in range(len(watts))]
    resources["/redfish/v1/Supplies"] = {"Members": members}
    if pages:
        resources["/redfish/v1/Supplies"] = {"Members": members[:1], "Members@odata.nextLink": "/redfish/v1/Page"}
        resources["/redfish/v1/Page"] = {"Members": members[1:]}
    for number, taken in enumerate(watts):
        resources[f"/redfish/v1/Supplies/{number}"] = {"Id": str(number), "Metrics": ref(f"Supplies/{number}/Metrics")}
        resources[f"/redfish/v1/Supplies/{number}/Metrics"] = {"InputPowerWatts": {"Reading": taken}}
    return resources


def with_sensors(resources: Tree, **watts: float) -> Tree:
    resources["/redfish/v1/Chassis/1"]["Sensors"] = ref("Sensors")
    resources["/redfish/v1/Sensors"] = {"Members": [ref(f"Sensors/{name}") for name in watts]}
    for name, reading in watts.items():
        resources[f"/redfish/v1/Sensors/{name}"] = {"Id": name, "ReadingType": "Power", "Reading": reading}
    return resources


def poll_at(
    resources: Tree, busy: str, times: tuple[float, ...], until: float = AGAIN, status: int = 503
) -> list[BmcReading]:
    """Polls at these times; what ends in `busy` cannot be read before `until`."""
    now = [0.0]

    def between(number: int) -> None:
        now[0] = times[number]

    def answer(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=status) if now[0] < until and request.path_qs.endswith(busy) else None

    with RedfishServer(dict_tree(resources), Behaviour(answer=answer)) as server:
        source = RedfishSource("bmc", client(server, clock=lambda: now[0]), clock=lambda: now[0])
        return polls(source, len(times), between)


def watts(readings: list[BmcReading]) -> list[float | None]:
    return [reading.power.get(BOX) for reading in readings]  # type: ignore[call-overload]


@pytest.mark.parametrize("busy", ["Supplies/1", "Supplies/1/Metrics"])
@pytest.mark.parametrize(("status", "again"), [(503, AGAIN), (404, SURVEY_SECONDS)])
def test_the_supplies_that_can_be_read_are_not_taken_for_all(busy: str, status: int, again: float) -> None:
    """A BMC that starts may not find what it lists."""
    readings = poll_at(supplies(200.5, 203.5), busy, (0, 10, again), again, status)
    assert watts(readings) == [None, None, 404]
    assert readings[0].psu_input == {("1", "0"): 200.5}


def test_an_unreadable_page_of_supplies_counts_as_having_some() -> None:
    assert watts(poll_at(supplies(200.5, 203.5, pages=True), "/Page", (0, AGAIN))) == [None, 404]


def test_an_unreadable_sensor_of_a_supply_means_that_the_supply_exists() -> None:
    resources = with_sensors(tree({"1": {}}), PSU0_PIN=200.5, PSU1_PIN=203.5)
    assert watts(poll_at(resources, "PSU1_PIN", (0, AGAIN))) == [None, 404]


@pytest.mark.parametrize("busy", ["/Sensors", "/TotalPower"])
def test_supplies_of_several_nodes_do_not_replace_an_unreadable_sensor(busy: str) -> None:
    resources = with_sensors(supplies(800.5, 803.5), TotalPower=401.5)
    readings = poll_at(resources, busy, (0, 10, AGAIN, AGAIN + 10))
    assert watts(readings) == [None, None, 401.5, 401.5]
    assert [reading.up for reading in readings] == [{BOX: False}] * 2 + [{BOX: True}] * 2


@pytest.mark.parametrize("busy", ["/TotalPower", "/EnvironmentMetrics", "/Power"])
def test_a_long_unreadable_resource_is_not_waited_for(busy: str) -> None:
    resources = with_sensors(supplies(200.5, 203.5), TotalPower=401.5)
    resources["/redfish/v1/Chassis/1"] |= {"EnvironmentMetrics": ref("1/EnvironmentMetrics"), "Power": ref("1/Power")}
    if busy != "/TotalPower":
        del resources["/redfish/v1/Chassis/1"]["Sensors"]
    late = PATIENCE_SECONDS
    assert watts(poll_at(resources, busy, (0, 10, late), until=late + 1)) == [None, None, 404]


def test_a_sensor_that_is_not_the_whole_systems_is_not_waited_for() -> None:
    resources = with_sensors(supplies(200.5, 203.5), CPU0_Power=90.5, System_Board_Pwr_Consumption=400)
    assert watts(poll_at(resources, "Sensors/CPU0_Power", (0,))) == [404]
    assert watts(poll_at(resources, "Sensors/System_Board_Pwr_Consumption", (0,))) == [404]


def test_the_chassis_power_is_taken_while_other_resources_are_unreadable() -> None:
    resources = supplies(200.5, 203.5)
    resources["/redfish/v1/Chassis/1"] |= {"EnvironmentMetrics": ref("1/EnvironmentMetrics"), "Power": ref("1/Power")}
    resources["/redfish/v1/1/Power"] = {"PowerControl": [{"PowerConsumedWatts": 402}]}
    resources["/redfish/v1/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 402.5}}
    times = (0, *(AGAIN + 60 * number for number in range(5)))
    readings = poll_at(resources, "/EnvironmentMetrics", times)
    assert watts(readings)[0] == 402
    assert readings[-1].sources == {BOX: "environment_metrics"}


def test_a_bmc_that_cannot_expand_after_all_is_read_in_full(caplog: pytest.LogCaptureFixture) -> None:
    resources: Any = with_sensors(tree({"1": {}}), TotalPower=401.5)
    resources["/redfish/v1"]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"Levels": True}}
    assert watts(poll_at(resources, "?$expand=.($levels=1)", (0, 10), until=1e6)) == [401.5, 401.5]
    assert not caplog.records


def test_a_bmc_that_is_starting_is_one_line_that_says_so() -> None:
    with pytest.raises(JoulepathError, match=r"^bmc: answers /redfish/v1/ with HTTP 503: the BMC is busy or starting"):
        poll_at(tree({}), "/redfish/v1/", (0,))
