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
    found = tree({"1": {"PowerSubsystem": ref("PowerSubsystem")}}, PowerSubsystem={"PowerSupplies": ref("Supplies")})
    members = [ref(f"Supplies/{number}") for number in range(len(watts))]
    found["/redfish/v1/Supplies"] = {"Members": members}
    if pages:
        found["/redfish/v1/Supplies"] = {"Members": members[:1], "Members@odata.nextLink": "/redfish/v1/Page"}
        found["/redfish/v1/Page"] = {"Members": members[1:]}
    for number, taken in enumerate(watts):
        found[f"/redfish/v1/Supplies/{number}"] = {"Id": str(number), "Metrics": ref(f"Supplies/{number}/Metrics")}
        found[f"/redfish/v1/Supplies/{number}/Metrics"] = {"InputPowerWatts": {"Reading": taken}}
    return found


def with_sensors(found: Tree, **watts: float) -> Tree:
    found["/redfish/v1/Chassis/1"]["Sensors"] = ref("Sensors")
    found["/redfish/v1/Sensors"] = {"Members": [ref(f"Sensors/{name}") for name in watts]}
    for name, reading in watts.items():
        found[f"/redfish/v1/Sensors/{name}"] = {"Id": name, "ReadingType": "Power", "Reading": reading}
    return found


def seen(found: Tree, busy: str, times: tuple[float, ...], until: float = AGAIN, status: int = 503) -> list[BmcReading]:
    """Polls at these times; what ends in `busy` cannot be read before `until`."""
    now = [0.0]

    def between(number: int) -> None:
        now[0] = times[number]

    def answer(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=status) if now[0] < until and request.path_qs.endswith(busy) else None

    with RedfishServer(dict_tree(found), Behaviour(answer=answer)) as server:
        source = RedfishSource("bmc", client(server, clock=lambda: now[0]), clock=lambda: now[0])
        return polls(source, len(times), between)


def watts(readings: list[BmcReading]) -> list[float | None]:
    return [reading.power.get(BOX) for reading in readings]  # type: ignore[call-overload]


@pytest.mark.parametrize("busy", ["Supplies/1", "Supplies/1/Metrics"])
@pytest.mark.parametrize(("status", "again"), [(503, AGAIN), (404, SURVEY_SECONDS)])
def test_the_supplies_that_can_be_read_are_not_taken_for_all(busy: str, status: int, again: float) -> None:
    """A BMC that starts may not find what it lists."""
    readings = seen(supplies(200.5, 203.5), busy, (0, 10, again), again, status)
    assert watts(readings) == [None, None, 404]
    assert readings[0].psu_input == {("1", "0"): 200.5}


def test_a_page_of_supplies_that_cannot_be_read_holds_some() -> None:
    assert watts(seen(supplies(200.5, 203.5, pages=True), "/Page", (0, AGAIN))) == [None, 404]


def test_a_supplys_sensor_that_cannot_be_read_is_of_a_supply_that_is_there() -> None:
    found = with_sensors(tree({"1": {}}), PSU0_PIN=200.5, PSU1_PIN=203.5)
    assert watts(seen(found, "PSU1_PIN", (0, AGAIN))) == [None, 404]


@pytest.mark.parametrize("busy", ["/Sensors", "/TotalPower"])
def test_supplies_of_several_nodes_do_not_stand_for_a_sensor_that_cannot_be_read_yet(busy: str) -> None:
    found = with_sensors(supplies(800.5, 803.5), TotalPower=401.5)
    readings = seen(found, busy, (0, 10, AGAIN, AGAIN + 10))
    assert watts(readings) == [None, None, 401.5, 401.5]
    assert [reading.up for reading in readings] == [{BOX: False}] * 2 + [{BOX: True}] * 2


@pytest.mark.parametrize("busy", ["/TotalPower", "/EnvironmentMetrics", "/Power"])
def test_what_cannot_be_read_for_long_is_not_waited_for(busy: str) -> None:
    found = with_sensors(supplies(200.5, 203.5), TotalPower=401.5)
    found["/redfish/v1/Chassis/1"] |= {"EnvironmentMetrics": ref("1/EnvironmentMetrics"), "Power": ref("1/Power")}
    if busy != "/TotalPower":
        del found["/redfish/v1/Chassis/1"]["Sensors"]
    late = PATIENCE_SECONDS
    assert watts(seen(found, busy, (0, 10, late), until=late + 1)) == [None, None, 404]


def test_a_sensor_that_is_not_the_whole_systems_is_not_waited_for() -> None:
    found = with_sensors(supplies(200.5, 203.5), CPU0_Power=90.5, System_Board_Pwr_Consumption=400)
    assert watts(seen(found, "Sensors/CPU0_Power", (0,))) == [404]
    assert watts(seen(found, "Sensors/System_Board_Pwr_Consumption", (0,))) == [404]


def test_the_chassis_own_power_is_taken_at_once_whatever_else_cannot_be_read() -> None:
    found = supplies(200.5, 203.5)
    found["/redfish/v1/Chassis/1"] |= {"EnvironmentMetrics": ref("1/EnvironmentMetrics"), "Power": ref("1/Power")}
    found["/redfish/v1/1/Power"] = {"PowerControl": [{"PowerConsumedWatts": 402}]}
    found["/redfish/v1/1/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 402.5}}
    times = (0, *(AGAIN + 60 * number for number in range(5)))
    readings = seen(found, "/EnvironmentMetrics", times)
    assert watts(readings)[0] == 402
    assert readings[-1].sources == {BOX: "environment_metrics"}


def test_a_bmc_that_cannot_expand_after_all_is_read_in_full(caplog: pytest.LogCaptureFixture) -> None:
    found: Any = with_sensors(tree({"1": {}}), TotalPower=401.5)
    found["/redfish/v1"]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"Levels": True}}
    assert watts(seen(found, "?$expand=.($levels=1)", (0, 10), until=1e6)) == [401.5, 401.5]
    assert not caplog.records


def test_a_bmc_that_is_starting_is_one_line_that_says_so() -> None:
    with pytest.raises(JoulepathError, match=r"^bmc: answers /redfish/v1/ with HTTP 503: the BMC is busy or starting"):
        seen(tree({}), "/redfish/v1/", (0,))
