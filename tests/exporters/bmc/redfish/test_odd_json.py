# SPDX-License-Identifier: Apache-2.0
"""JSON beside the schemas: numbers as text, an object in place of an array, values of any type at any place."""

import asyncio
import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from joulepath.bmc.quantity import MAX_JOULES
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.service.client import ResourceFaultError
from joulepath.bmc.redfish.service.items import capacities, number
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, legacy, poll, ref, tree

pytestmark = pytest.mark.unit

BOX = ("chassis", "1")


class Memory:
    """A client of a tree in memory, for many trees in a short time."""

    def __init__(self, resources: Tree) -> None:
        self._found = resources

    async def get(self, uri: str) -> Any:
        resource = self._found.get(uri.partition("?")[0].rstrip("/"))
        if not isinstance(resource, dict):
            raise ResourceFaultError(f"answers {uri} with HTTP 404")
        return {"@odata.id": uri, **resource}

    async def close(self) -> None:
        pass


def read(resources: Tree) -> BmcReading:
    return asyncio.run(RedfishSource("bmc", Memory(resources)).read())


def test_reads_numbers_as_text_and_an_object_in_place_of_an_array() -> None:
    metrics = {"IntervalInMin": "5", "MinConsumedWatts": "110", "MaxConsumedWatts": "240"}
    supply = {"MemberId": 1, "PowerInputWatts": "153.5", "PowerCapacityWatts": "800"}
    resources = legacy(
        {"PowerControl": {"PowerConsumedWatts": "152", "PowerMetrics": metrics}, "PowerSupplies": supply}
    )
    with RedfishServer(dict_tree(resources)) as server:
        reading = poll(server)
    assert reading.power == {BOX: 152}
    assert reading.sources == {BOX: "power_control"}
    assert reading.psu_input == {("1", "1"): 153.5}
    assert not reading.rejected


@pytest.mark.parametrize(
    "text", ["", "N/A", "nan", "inf", "1e3", "1,530", "152 W", "0x98", "١٥٢", "9" * 30, True, None]
)
def test_rejects_text_that_is_not_a_number(text: Any) -> None:
    assert number(text) is None


@pytest.mark.parametrize("low", [0, 65535])
def test_statistics_of_all_bits_contradict_nothing(low: int) -> None:
    metrics = {"IntervalInMin": 5, "MinConsumedWatts": low, "MaxConsumedWatts": 65535}
    assert read(legacy({"PowerControl": [{"PowerConsumedWatts": 344, "PowerMetrics": metrics}]})).power == {BOX: 344}


def test_limits_are_found_where_vendors_put_them_by_a_bounded_search() -> None:
    dell: Any = {"Oem": {"Dell": {"DellPowerSupply": {"Range1MaxInputPowerWatts": 900}}}}
    assert list(capacities({"PowerCapacityWatts": "750", **dell})) == [750, 900]
    endless: dict[str, Any] = {}
    endless["Oem"] = [endless]
    assert list(capacities(endless)) == []


def server() -> Tree:
    """A server with each kind of resource that a survey reads."""
    resources = tree(
        {
            "1": {
                "ChassisType": "RackMount",
                "Power": ref("Chassis/1/Power"),
                "EnvironmentMetrics": ref("Chassis/1/EnvironmentMetrics"),
                "PowerSubsystem": ref("Chassis/1/PowerSubsystem"),
                "Sensors": ref("Chassis/1/Sensors"),
                "Links": {"ComputerSystems": [ref("Systems/1")], "Contains": [ref("Chassis/GPU")]},
            },
            "GPU": {"ChassisType": "Module", "EnvironmentMetrics": ref("Chassis/GPU/EnvironmentMetrics")},
        },
        Systems__1={"PowerState": "On"},
        Chassis__1__Power={
            "PowerControl": [
                {"PowerConsumedWatts": 400, "PowerMetrics": {"MinConsumedWatts": 300, "MaxConsumedWatts": 500}},
            ],
            "PowerSupplies": [{"MemberId": "0", "PowerInputWatts": 410, "Status": {"State": "Enabled"}}],
        },
        Chassis__1__EnvironmentMetrics={
            "PowerWatts": {"Reading": 402.5, "DataSourceUri": "/redfish/v1/Chassis/1/Sensors/Total"},
            "EnergykWh": {"Reading": 12.5},
        },
        Chassis__1__PowerSubsystem={"PowerSupplies": ref("Chassis/1/Supplies")},
        Chassis__1__Supplies={"Members": [ref("Chassis/1/Supplies/A")]},
        Chassis__1__Supplies__A={"Id": "A", "PowerCapacityWatts": 900, "Metrics": ref("Chassis/1/Supplies/A/Metrics")},
        Chassis__1__Supplies__A__Metrics={"InputPowerWatts": {"Reading": 411.5}},
        Chassis__1__Sensors={"Members": [ref("Chassis/1/Sensors/Total"), ref("Chassis/1/Sensors/CPU0_Power")]},
        Chassis__1__Sensors__Total={"Id": "Total", "ReadingType": "Power", "Reading": 402.5, "ReadingRangeMax": 900},
        Chassis__1__Sensors__CPU0_Power={
            "Id": "CPU0_Power", "ReadingType": "Power", "ReadingBasis": "Zero", "Reading": 90.5,
        },
        Chassis__GPU__EnvironmentMetrics={"PowerWatts": {"Reading": 99.5}, "EnergyJoules": {"Reading": 5e6}},
        TelemetryService={"MetricReports": ref("TelemetryService/MetricReports")},
        TelemetryService__MetricReports={"Members": [ref("TelemetryService/MetricReports/All")]},
        TelemetryService__MetricReports__All={
            "MetricValues": [
                {
                    "MetricProperty": "/redfish/v1/Chassis/1/Sensors/CPU0_Power#/Reading",
                    "MetricValue": "90.5",
                    "Timestamp": "2026-01-01T00:00:00Z",
                }
            ]
        },
    )  # fmt: skip
    resources["/redfish/v1"]["TelemetryService"] = ref("TelemetryService")
    return resources


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*place, key)
        yield from places(one, (*place, key))


PLACES = list(places(server()))
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", "nan", "x" * 300, 0, -5, 65535, math.nan, math.inf, 10**400, [], {}, [None], ["Enabled"], [[]],
     {"@odata.id": 5}, {"@odata.id": "/redfish/v1"}, "/redfish/v1/Chassis", "#/" + "9" * 5000]
)  # fmt: skip


@example([(("/redfish/v1/Chassis/1/Power", "PowerSupplies", 0, "Status", "State"), ["Enabled"])])
@example([(("/redfish/v1/Chassis/1/Sensors/CPU0_Power", "ReadingBasis"), ["Zero"])])
@example([(("/redfish/v1/Chassis/1/EnvironmentMetrics", "EnergykWh", "Reading"), 10**400)])
@example([(("/redfish/v1/Chassis/1/Sensors/Total", "ReadingRangeMax"), 10**400)])
@example([(("/redfish/v1/TelemetryService/MetricReports/All", "MetricValues", 0, "MetricValue"), 10**400)])
@example([(("/redfish/v1/TelemetryService/MetricReports/All", "MetricValues", 0, "MetricProperty"), "#/" + "9" * 5000)])
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=6))
def test_anything_at_any_place_is_a_reading_or_one_line(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    resources: Any = server()
    for place, odd in changes:
        holder = resources
        try:
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = copy.deepcopy(odd)
        except (LookupError, TypeError):
            continue  # an earlier change took that place away
    try:
        reading = read(resources)
    except JoulepathError:
        return
    for values in (reading.watts, reading.psu_input, reading.meter_energy, reading.component_energy):
        assert all(0 <= one <= MAX_JOULES for one in values.values())
