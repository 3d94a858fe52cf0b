# SPDX-License-Identifier: Apache-2.0
"""A node, a resource or a supply that is away for a while: a gap of it alone, told, and over when it is back."""

import asyncio
import itertools
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.collector import collect
from joulepath.bmc.reading import BmcReading
from joulepath.bmc.redfish.service.client import ResourceBusyError
from joulepath.bmc.redfish.service.transport import MAX_RETRY_SECONDS, retry_after
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.bmc.redfish.survey.layouts import INCOMPLETE_SECONDS, RESURVEY_SECONDS, SURVEY_SECONDS
from joulepath.errors import JoulepathError
from joulepath.metrics import filled
from joulepath.reading.poller import Snapshot
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import Tree, client, legacy, polls, ref, tree

pytestmark = pytest.mark.unit

LEFT, RIGHT = ("chassis", "left"), ("chassis", "right")
Fault = Callable[[float, web.Request], web.StreamResponse | None]
"""The answer at a time, None for the resource."""


def nodes(**more: Any) -> Tree:
    """A chassis manager with two nodes."""
    return tree(
        {name: {"ChassisType": "Blade", "Power": ref(f"Chassis/{name}/Power")} for name in ("left", "right")},
        Chassis__left__Power={"PowerControl": [{"PowerConsumedWatts": 300}]},
        Chassis__right__Power={"PowerControl": [{"PowerConsumedWatts": 350, **more}]},
    )


def poll_at(resources: Tree, times: list[float], answer: Fault) -> list[BmcReading]:
    """Polls at these times."""
    now = [0.0]

    def between(number: int) -> None:
        now[0] = times[number]

    with RedfishServer(dict_tree(resources), Behaviour(answer=lambda request: answer(now[0], request))) as server:
        source = RedfishSource("bmc", client(server, clock=lambda: now[0], timeout=30), clock=lambda: now[0])
        return polls(source, len(times), between)


def busy(begin: float, end: float, path: str, status: int = 503) -> Fault:
    def answer(now: float, request: web.Request) -> web.Response | None:
        return web.Response(status=status) if begin <= now < end and path in request.path else None

    return answer


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_node_that_is_busy_is_a_gap_of_that_node_alone(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also through the survey that its silence brings about."""
    caplog.set_level("INFO")
    times = [10.0 * number for number in range(20)]
    readings = poll_at(nodes(), times, busy(50, 95, "right/Power", status))
    down = range(5, 10)
    for number, reading in enumerate(readings):
        assert reading.power.get(LEFT) == 300  # type: ignore[call-overload]
        assert reading.power.get(RIGHT) == (None if number in down else 350)  # type: ignore[call-overload]
        assert reading.up == {LEFT: True, RIGHT: number not in down}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("joulepath.bmc")]
    assert "right: power_control gives no power: no samples until it does" in lines
    assert "right: has power readings again" in lines
    assert all(getattr(record, "target", "") == "bmc" for record in caplog.records if record.getMessage() in lines)


def test_a_lost_node_is_down_in_the_metrics_and_others_are_up() -> None:
    lost = poll_at(nodes(), [0.0, 10.0], busy(5, 95, "right/Power"))[-1]
    families = filled(collect("redfish", Snapshot(up=True), lost))
    up = {
        sample.labels["chassis"]: sample.value
        for one in families
        for sample in one.samples
        if sample.name == "bmc_chassis_up"
    }
    assert up == {"left": 1, "right": 0}


def test_a_survey_during_an_outage_takes_nothing_away_and_the_next_is_soon() -> None:
    """The first survey is the one that is incomplete; then a later one."""
    times = [0.0, RESURVEY_SECONDS, RESURVEY_SECONDS + SURVEY_SECONDS, RESURVEY_SECONDS + SURVEY_SECONDS + 10]
    down = {0.0, times[2]}
    readings = poll_at(
        nodes(), times, lambda now, request: busy(now, now + 1, "right")(now, request) if now in down else None
    )
    assert [reading.power.get(RIGHT) for reading in readings] == [None, 350, None, 350]  # type: ignore[call-overload]


def test_incomplete_surveys_are_repeated_ever_more_rarely() -> None:
    asked: list[float] = []

    def answer(now: float, request: web.Request) -> web.Response | None:
        if request.path == "/redfish/v1/Chassis":
            asked.append(now)
        return web.Response(status=503) if "right" in request.path else None

    poll_at(nodes(), [30.0 * number for number in range(121)], answer)
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits[0] == RESURVEY_SECONDS
    assert waits == sorted(waits)
    assert waits[-1] == INCOMPLETE_SECONDS


def test_two_incomplete_surveys_together_are_whole() -> None:
    def answer(now: float, request: web.Request) -> web.Response | None:
        return web.Response(status=503) if ("right" if now < 60 else "left") in request.path else None

    readings = poll_at(nodes(), [0.0, 60.0, 61.0], answer)
    assert [set(reading.power) for reading in readings] == [{LEFT}, {RIGHT}, {RIGHT}]
    assert readings[-1].up == {LEFT: False, RIGHT: True}


def test_a_bmc_with_a_busy_tree_is_one_line_that_says_so() -> None:
    match = r"measures no power \(no values\): a part of its tree is busy: answers /redfish/v1/Chassis with HTTP 503"
    with pytest.raises(JoulepathError, match=match):
        poll_at(nodes(), [0.0], busy(0, 1, "/Chassis"))


@pytest.mark.parametrize("what", ["listed", "read"])
def test_a_node_that_leaves_the_tree_is_reported_until_it_is_forgotten(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A node that restarts may be missing in the list, or not be found below its path; the survey is complete then."""
    resources, away = nodes(), nodes()
    away["/redfish/v1/Chassis"]["Members"] = away["/redfish/v1/Chassis"]["Members"][:1]
    del away["/redfish/v1/Chassis/right/Power"]
    if what == "read":
        away["/redfish/v1/Chassis"] = resources["/redfish/v1/Chassis"]
    served = dict(resources)
    now = [0.0]
    hour = SURVEY_SECONDS
    polled = [0.0, 10.0, hour, hour + 100, hour + 110, 2 * hour + 200, 3 * hour + 300, 5 * hour]

    def between(number: int) -> None:
        now[0] = polled[number]
        served.clear()
        served.update(resources if number in {0, 1, 4, 5} else away)

    with RedfishServer(dict_tree(served)) as server:
        readings = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), len(polled), between)
    both, lost = {LEFT: True, RIGHT: True}, {LEFT: True, RIGHT: False}
    assert [reading.up for reading in readings] == [both, both, lost, lost, both, both, lost, {LEFT: True}]
    assert [record.getMessage() for record in caplog.records] == ["right: has left the BMC's tree"]


def test_a_chassis_that_goes_by_another_name_now_is_read_once() -> None:
    resources = nodes()
    now = [0.0]

    def between(number: int) -> None:
        now[0] = SURVEY_SECONDS * number
        resources["/redfish/v1/Chassis/right"]["Id"] = "right" if number == 0 else "middle"

    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(RedfishSource("bmc", client(server), clock=lambda: now[0]), 2, between)
    assert readings[1].power == {LEFT: 300, ("chassis", "middle"): 350}


class Hanging(RedfishServer):
    """Does not answer requests with `word` in the path."""

    word = "nothing"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.word in request.path:
            await asyncio.sleep(60)
        return await super()._handle(request)


class Patient:
    """Waits long for what is answered, however busy this machine is, and shortly for what never is."""

    def __init__(self, server: Hanging) -> None:
        self._server = server
        self._long, self._short = client(server, timeout=30), client(server, timeout=0.3)
        self.in_vain: list[str] = []
        """The requests that were not answered."""

    async def get(self, uri: str) -> Any:
        if self._server.word not in uri:
            return await self._long.get(uri)
        self.in_vain.append(uri)
        return await self._short.get(uri)

    async def close(self) -> None:
        await self._long.close()
        await self._short.close()


def test_a_silent_resource_is_a_gap_of_its_node_and_is_asked_less_often() -> None:
    now = [0.0]
    with Hanging(dict_tree(nodes())) as server:

        def between(number: int) -> None:
            now[0] = 10.0 * number
            server.word = "right/Power" if number else "nothing"

        bmc = Patient(server)
        readings = polls(RedfishSource("bmc", bmc, clock=lambda: now[0]), 6, between)
    assert [dict(reading.power) for reading in readings] == [{LEFT: 300, RIGHT: 350}, *[{LEFT: 300}] * 5]
    assert bmc.in_vain == ["/redfish/v1/Chassis/right/Power"]  # the others waited for it once


def test_a_silent_resource_hides_only_itself_and_a_silent_bmc_is_an_error() -> None:
    with Hanging(dict_tree(nodes())) as server:
        server.word = "right/Power"
        reading = polls(RedfishSource("bmc", Patient(server)))[0]
        assert reading.power == {LEFT: 300}
        server.word = "/redfish"
        with pytest.raises(JoulepathError, match=r"^bmc: no answer within 0.3 s"):
            polls(RedfishSource("bmc", Patient(server)))


def test_a_resource_is_left_alone_for_as_long_as_it_asks() -> None:
    now = [0.0]

    def answer(request: web.Request) -> web.Response | None:
        return web.Response(status=503, headers={"Retry-After": "30"}) if request.path.endswith("/Power") else None

    async def ask(url: str) -> list[str]:
        bmc = client(server, clock=lambda: now[0])
        waits = []
        for at in (0.0, 1.0, 29.0, 31.0):
            now[0] = at
            with pytest.raises(ResourceBusyError) as fault:
                await bmc.get(url)
            waits.append(str(fault.value))
        assert await bmc.get("/redfish/v1")
        await bmc.close()
        return waits

    path = "/redfish/v1/Chassis/1/Power"
    with RedfishServer(dict_tree(legacy({})), Behaviour(answer=answer)) as server:
        assert asyncio.run(ask(path)) == [f"answers {path} with HTTP 503"] * 4
        assert server.requests["GET", path] == 2


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("stated", "date", "seconds"),
    [
        ("5", None, 5),
        (" 0 ", None, 0),
        ("86400", None, MAX_RETRY_SECONDS),
        (formatdate(NOW + 40, usegmt=True), formatdate(NOW, usegmt=True), 40),
        (formatdate(NOW + 1e6, usegmt=True), formatdate(NOW, usegmt=True), MAX_RETRY_SECONDS),
        (formatdate(NOW - 40, usegmt=True), formatdate(NOW, usegmt=True), 0),
        (formatdate(NOW + 40, usegmt=True), None, 0),
        (None, formatdate(NOW, usegmt=True), 0),
        ("soon", formatdate(NOW, usegmt=True), 0),
        ("-5", None, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_bmcs_clock(
    stated: str | None, date: str | None, seconds: float
) -> None:
    assert retry_after({"Retry-After": stated, "Date": date}.get) == seconds


@given(st.text(), st.text())
def test_any_header_is_a_bounded_wait(stated: str, date: str) -> None:
    assert 0 <= retry_after({"Retry-After": stated, "Date": date}.get) <= MAX_RETRY_SECONDS


def supply(number: int, watts: float | None, **more: Any) -> dict[str, Any]:
    return {"MemberId": str(number), "PowerInputWatts": watts, "PowerCapacityWatts": 800, **more}


@pytest.mark.parametrize(
    "lost",
    [
        {"PowerInputWatts": 0, "Status": {"State": "UnavailableOffline"}},
        {"PowerInputWatts": None, "Status": {"State": "UnavailableOffline"}},
        {"PowerInputWatts": None, "Status": {"State": "Absent"}},
        {"PowerInputWatts": None, "Status": {"State": "Enabled"}},
        {"PowerInputWatts": None},
    ],
)
@pytest.mark.parametrize("at_start", [False, True])
def test_an_unplugged_supply_is_not_a_gap_where_the_other_carries_all(lost: dict[str, Any], at_start: bool) -> None:
    power: dict[str, Any] = {}
    resources = legacy(power)
    resources["/redfish/v1/Chassis/1/Power"] = power

    def between(number: int) -> None:
        plugged = (number == 0) is not at_start
        both = [supply(0, 210), supply(1, 190)]
        power["PowerSupplies"] = both if plugged else [supply(0, 405), {**supply(1, None), **lost}]

    with RedfishServer(dict_tree(resources)) as server:
        source = RedfishSource("bmc", client(server))
        watts = [reading.power.get(("chassis", "1")) for reading in polls(source, 3, between)]  # type: ignore[call-overload]
    says_so = lost.get("Status", {}).get("State") in {"UnavailableOffline", "Absent"}
    if at_start:
        assert watts == [405 if says_so else None, 400, 400]
    else:
        assert watts == [400, 405, 405]


@pytest.mark.parametrize("state", ["UnavailableOffline", "StandbyOffline", "StandbySpare", "Enabled"])
def test_a_supply_without_a_feed_at_start_is_recognised_by_its_resource(state: str) -> None:
    """PowerSubsystem: the state stands beside the metrics, which a poll does not read. Only the start goes by it."""
    resources = tree(
        {"1": {"PowerSubsystem": ref("PowerSubsystem")}}, PowerSubsystem={"PowerSupplies": ref("Supplies")}
    )
    resources["/redfish/v1/Supplies"] = {"Members": [ref("Supplies/A"), ref("Supplies/B")]}
    for name, stated in {"A": "Enabled", "B": state}.items():
        resources[f"/redfish/v1/Supplies/{name}"] = {
            "Id": name, "Status": {"State": stated}, "Metrics": ref(f"Supplies/{name}/Metrics")
        }  # fmt: skip
    watts = [(400.5, None), (200.5, 203.5), (201.5, None), (402.5, None)]

    def between(number: int) -> None:
        for name, reading in zip("AB", watts[number], strict=True):
            resources[f"/redfish/v1/Supplies/{name}/Metrics"] = {"InputPowerWatts": {"Reading": reading}}

    with RedfishServer(dict_tree(resources)) as server:
        readings = polls(RedfishSource("bmc", client(server)), len(watts), between)
    powers = [reading.power.get(("chassis", "1")) for reading in readings]  # type: ignore[call-overload]
    assert powers == [None if state == "Enabled" else 400.5, 404, None, 402.5]
