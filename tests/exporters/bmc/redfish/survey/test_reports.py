# SPDX-License-Identifier: Apache-2.0
"""Metric reports over a real HTTP tree: the same numbers in fewer requests, and no value that is old."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.layouts import SURVEY_SECONDS
from joulepath.bmc.redfish.survey.reports import PATIENCE, STALE_SECONDS, values
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, polls, ref, tree

pytestmark = pytest.mark.unit

GPUS = 8
REPORT = "TelemetryService/MetricReports/PlatformEnvironmentMetrics"
DEFINITION = "TelemetryService/MetricReportDefinitions/PlatformEnvironmentMetrics"
START = datetime(2020, 12, 11, tzinfo=UTC)
"""The clock of this BMC was never set."""


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def sensor(number: int, kind: str) -> str:
    return f"Chassis/GPU_{number}/Sensors/GPU_{number}_{kind}_0"


class Bmc:
    """A server with accelerators, each with an excerpt of its sensors, and a report of all sensors."""

    def __init__(self, **definition: Any) -> None:
        server = {"ChassisType": "RackMount", "EnvironmentMetrics": ref("Chassis/Server/EnvironmentMetrics")}
        resources = tree({"Server": server, **{f"GPU_{number}": self._gpu(number) for number in range(GPUS)}})
        resources["/redfish/v1"]["TelemetryService"] = ref("TelemetryService")
        resources["/redfish/v1/Chassis/Server/EnvironmentMetrics"] = {"PowerWatts": {"Reading": 5000}}
        resources["/redfish/v1/TelemetryService"] = {"MetricReports": ref("TelemetryService/MetricReports")}
        resources["/redfish/v1/TelemetryService/MetricReports"] = {"Members": [ref(REPORT)]}
        resources[f"/redfish/v1/{REPORT}"] = {"MetricReportDefinition": ref(DEFINITION)}
        resources[f"/redfish/v1/{DEFINITION}"] = {"MetricReportDefinitionType": "OnRequest", **definition}
        self.tree: Tree = resources
        self.entries: list[dict[str, Any]] = []
        self.now = 0.0
        self.asked: list[int] = []
        self.say(100, 0)

    @staticmethod
    def _gpu(number: int) -> dict[str, Any]:
        here = f"Chassis/GPU_{number}"
        around = {"ContainedBy": ref("Chassis/Server")}
        return {"ChassisType": "Module", "Links": around, "EnvironmentMetrics": ref(f"{here}/EnvironmentMetrics")}

    def say(self, watts: float, seconds: float) -> None:
        """Resources and report say the same, `seconds` after the BMC's start."""
        self.entries.clear()
        for number in range(GPUS):
            numbers = {"Power": watts + number, "Energy": 1000 * number + watts}
            excerpts = {
                key: {"Reading": numbers[kind], "DataSourceUri": f"/redfish/v1/{sensor(number, kind)}"}
                for key, kind in (("PowerWatts", "Power"), ("EnergyJoules", "Energy"))
            }
            self.tree[f"/redfish/v1/Chassis/GPU_{number}/EnvironmentMetrics"] = excerpts
            self.entries += (
                {
                    "MetricProperty": f"/redfish/v1/{sensor(number, kind)}",
                    "MetricValue": f"{value:.6f}",
                    "Timestamp": at(seconds),
                    "Oem": {"Nvidia": {"MetricValueStale": False}},
                }
                for kind, value in numbers.items()
            )
        self.tree[f"/redfish/v1/{REPORT}"]["MetricValues"] = self.entries

    def polls(self, count: int, between: Callable[[int], None], behaviour: Behaviour | None = None) -> list[BmcReading]:
        """Polls 10 s apart, with the requests before each in `asked`."""

        def step(turn: int) -> None:
            self.now = 10.0 * turn
            self.asked.append(sum(server.requests.values()))
            between(turn)

        with RedfishServer(dict_tree(self.tree), behaviour) as server:
            source = RedfishSource("bmc", client(server), clock=lambda: self.now)
            readings = polls(source, count, step)
            self.asked.append(sum(server.requests.values()))
        return readings


def watts(reading: BmcReading) -> dict[str, float]:
    return {part.name: value for part, value in reading.subsystems.items()}


def expected_watts(base: float) -> dict[str, float]:
    return {f"GPU_{number}": base + number for number in range(GPUS)}


def test_one_report_stands_for_all_resources_with_the_same_numbers() -> None:
    bmc = Bmc()
    readings = bmc.polls(3, lambda turn: bmc.say(100 + turn, 10 * turn))
    assert [watts(reading) for reading in readings] == [expected_watts(100 + turn) for turn in range(3)]
    assert readings[2].subsystem_energy == {("Server", f"GPU_{number}"): 1000 * number + 102 for number in range(GPUS)}
    assert bmc.asked[3] - bmc.asked[2] == 2  # the server itself, and the report instead of eight


def test_a_poll_without_a_report_service_asks_for_each_resource() -> None:
    bmc = Bmc()
    del bmc.tree["/redfish/v1"]["TelemetryService"]
    readings = bmc.polls(3, lambda turn: bmc.say(100 + turn, 10 * turn))
    assert watts(readings[2]) == expected_watts(102)
    assert bmc.asked[3] - bmc.asked[2] == GPUS + 1


def test_a_value_that_a_report_lacks_is_read_from_its_resource() -> None:
    bmc = Bmc()

    def between(turn: int) -> None:
        bmc.say(100 + turn, 10 * turn)
        if turn:
            bmc.entries[:] = [one for one in bmc.entries if "GPU_3" not in one["MetricProperty"]]
            bmc.entries[0]["MetricValue"] = "nan"

    readings = bmc.polls(3, between)
    assert watts(readings[2]) == expected_watts(102)
    assert bmc.asked[3] - bmc.asked[2] == 4  # the server, the report, and two accelerators


@pytest.mark.parametrize("why", ["flag", "time"])
def test_a_stale_value_is_a_gap(why: str) -> None:
    bmc = Bmc()

    def between(turn: int) -> None:
        bmc.say(100 + turn, 1000 + 10 * turn)
        for entry in bmc.entries:
            if sensor(3, "Power") in entry["MetricProperty"]:
                entry.update({"Timestamp": at(0)} if why == "time" else {"Oem": {"Nvidia": {"MetricValueStale": True}}})

    for turn, reading in enumerate(bmc.polls(3, between)):
        left = expected_watts(100 + turn)
        del left["GPU_3"]
        assert watts(reading) == left
        assert reading.rejected == {"stale": 1}


def test_a_stale_report_is_a_gap_and_then_replaced_by_its_resources() -> None:
    bmc = Bmc()
    turns = int(STALE_SECONDS / 10) + 1 + PATIENCE + 2

    def between(turn: int) -> None:
        bmc.say(100 + turn, 0)

    readings = bmc.polls(turns, between)
    gaps = [turn for turn, reading in enumerate(readings) if not reading.subsystems]
    assert gaps == list(range(turns - 2 - PATIENCE, turns - 2))
    assert watts(readings[-1]) == expected_watts(100 + turns - 1)


def test_a_value_with_an_old_time_is_a_gap_and_then_read_at_its_resource() -> None:
    """Its time may be that of its last change."""
    bmc = Bmc()

    def between(turn: int) -> None:
        bmc.say(100 + turn, 1000 + 10 * turn)
        for entry in bmc.entries:
            if sensor(3, "Power") in entry["MetricProperty"]:
                entry["Timestamp"] = at(0)

    readings = bmc.polls(PATIENCE + 3, between)
    assert ["GPU_3" in watts(reading) for reading in readings] == [False] * (PATIENCE + 1) + [True] * 2
    assert watts(readings[-1]) == expected_watts(100 + PATIENCE + 2)
    assert bmc.asked[-1] - bmc.asked[-2] == 3  # the server, the report, and this accelerator


def test_a_failed_report_does_not_make_a_gap() -> None:
    bmc = Bmc()
    behaviour = Behaviour()

    def between(turn: int) -> None:
        bmc.say(100 + turn, 10 * turn)
        if turn:
            behaviour.answer = lambda request: (
                web.json_response({"error": {}}, status=503) if "MetricReports" in request.path else None
            )

    assert watts(bmc.polls(2, between, behaviour)[1]) == expected_watts(101)


@pytest.mark.parametrize(
    "definition",
    [
        {"Schedule": {"RecurrenceInterval": "PT1M"}},
        {"Metrics": [{"CollectionFunction": "Average", "CollectionDuration": "PT5S"}]},
        {"Metrics": [{"CollectionDuration": "PT30S"}]},
        {"MetricReportDefinitionEnabled": False},
    ],
)
def test_a_report_of_means_or_long_intervals_is_not_used(definition: dict[str, Any]) -> None:
    bmc = Bmc(**definition)
    readings = bmc.polls(3, lambda turn: bmc.say(100 + turn, 10 * turn))
    assert watts(readings[2]) == expected_watts(102)
    assert bmc.asked[3] - bmc.asked[2] == GPUS + 1


def test_a_report_in_another_unit_is_not_used() -> None:
    bmc = Bmc()

    def between(turn: int) -> None:
        bmc.say(100 + turn, 10 * turn)
        for entry in bmc.entries:
            entry["MetricValue"] = str(float(entry["MetricValue"]) * 1000)

    readings = bmc.polls(2, between)
    assert watts(readings[1]) == expected_watts(101)


def test_of_several_values_of_one_property_the_newest_counts() -> None:
    place = ("/redfish/v1/Chassis/1/Power", ("PowerControl", 0, "PowerConsumedWatts"))
    entry = {"MetricProperty": "/redfish/v1/Chassis/1/Power#/PowerControl/0/PowerConsumedWatts"}
    newest = values(
        {
            "MetricValues": [
                {**entry, "MetricValue": "210", "Timestamp": at(20)},
                {**entry, "MetricValue": "220", "Timestamp": at(30)},
                {**entry, "MetricValue": "200", "Timestamp": at(10)},
                {**entry, "MetricValue": "999"},
            ]
        }
    )
    assert newest[place].number == 220


def test_after_a_new_survey_the_report_is_read_again() -> None:
    bmc = Bmc()
    asked: list[int] = []
    with RedfishServer(dict_tree(bmc.tree)) as server:

        def between(turn: int) -> None:
            asked.append(sum(server.requests.values()))
            bmc.now = 10.0 * turn + (SURVEY_SECONDS if turn > 1 else 0)
            bmc.say(100 + turn, 10 * turn)

        readings = polls(RedfishSource("bmc", client(server), clock=lambda: bmc.now), 5, between)
    assert [watts(reading) for reading in readings] == [expected_watts(100 + turn) for turn in range(5)]
    assert asked[3] - asked[2] > GPUS
    assert asked[4] - asked[3] == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6) | st.just("/redfish/v1/Chassis/1/Sensors/A#/Reading"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["MetricValues", "MetricProperty", "MetricValue", "Timestamp", "Oem", "Nvidia"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=4), JSON)
def test_any_report_is_read_or_left_out(entries: list[Any], timestamp: Any) -> None:
    for value in values({"MetricValues": entries, "Timestamp": timestamp}).values():
        assert math.isfinite(value.number)
