# SPDX-License-Identifier: Apache-2.0
"""A BMC that takes its time for every answer: it is polled beside the scrape, once at a time, and harms no other."""

import statistics
import threading
import time
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from joulepath.bmc.collector import collect
from joulepath.bmc.command import BmcExporter
from joulepath.bmc.reading import BmcReading, Box
from joulepath.bmc.redfish.service.client import CONNECTIONS
from joulepath.bmc.redfish.source import RedfishSource
from joulepath.reading.poller import Poller, Target
from joulepath_lab.devices.redfish_server import Behaviour, RedfishServer, dict_tree
from tests.exporters.bmc.conftest import client, legacy

BOX = Box("chassis", "1")
POWER = "/redfish/v1/Chassis/1/Power"
TREE = legacy({"PowerControl": [{"PowerConsumedWatts": 344}]})


class Slow(RedfishServer):
    """Answers after `delay` seconds, and notes how many requests it held at a time."""

    def __init__(self, delay: float) -> None:
        super().__init__(dict_tree(TREE), Behaviour(delay=delay))
        self.held = self.most = 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.held += 1
        self.most = max(self.most, self.held)
        try:
            return await super()._handle(request)
        finally:
            self.held -= 1


def target(name: str, server: RedfishServer, interval: float, timeout: float) -> Target[BmcReading]:
    return Target(name, RedfishSource(name, client(server, timeout=timeout)), interval)


def scrape_target(exporter: BmcExporter, name: str) -> dict[str, Any]:
    return {sample.name: sample.value for family in exporter.probe(name) for sample in family.samples}


@pytest.mark.parametrize(
    ("delay", "interval"),
    [
        pytest.param(0.3, 0.1, marks=pytest.mark.unit, id="scaled"),
        pytest.param(30.0, 10.0, marks=pytest.mark.long, id="real"),
    ],
)
def test_a_slow_bmc_is_read_and_does_not_delay_others(delay: float, interval: float) -> None:
    fast = RedfishServer(dict_tree(TREE))
    hung = RedfishServer(dict_tree(TREE), Behaviour(delay=10 * delay))
    with Slow(delay) as slow, fast, hung:
        poller = Poller(
            [
                target("slow", slow, interval, 8 * delay),
                target("fast", fast, interval, 8 * delay),
                target("hung", hung, interval, 2 * delay),
            ]
        )
        exporter = BmcExporter("bmc", "", poller, partial(collect, ""), single=False)
        poller.start()
        try:
            waits: list[float] = []
            end = time.monotonic() + 30 * delay
            while poller.snapshot("slow").polls.get("success", 0) < 4 and time.monotonic() < end:
                began = time.monotonic()
                assert scrape_target(exporter, "slow").get("bmc_chassis_power_watts", 344) == 344
                waits.append(time.monotonic() - began)
                time.sleep(interval / 5)
            polls = {name: poller.snapshot(name).polls for name in ("slow", "fast", "hung")}
            samples = scrape_target(exporter, "slow")
            hung_up = scrape_target(exporter, "hung")["bmc_up"]
        finally:
            poller.stop()
    assert statistics.median(waits) < 0.1  # a scrape waits for nothing of the 0.3 or 30 s
    # Four answers one after the other for the survey, then one for each poll.
    assert polls["slow"]["success"] >= 4
    assert polls["slow"]["missed"] >= 2
    assert slow.most <= CONNECTIONS
    assert slow.requests["GET", POWER] <= polls["slow"]["success"] + 2  # the survey's, and one that was under way
    assert samples["bmc_chassis_power_watts"] == 344
    assert samples["bmc_chassis_measured_seconds_total"] >= 1.9 * delay
    assert samples["bmc_chassis_energy_joules_total"] == pytest.approx(
        344 * samples["bmc_chassis_measured_seconds_total"]
    )
    assert polls["fast"].get("failure", 0) == 0
    assert polls["fast"]["success"] > 2 * polls["slow"]["success"]
    assert hung_up == 0


@pytest.mark.unit
def test_threads_and_sessions_of_a_slow_bmc_end_when_it_does() -> None:
    with Slow(0.5) as slow:
        poller = Poller([target("slow", slow, 0.1, 5.0)])
        poller.start()
        time.sleep(0.2)
        began = time.monotonic()
        poller.stop()
        assert time.monotonic() - began < 2
    assert not [thread for thread in threading.enumerate() if thread.name == "poller"]
