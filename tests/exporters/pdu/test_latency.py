# SPDX-License-Identifier: Apache-2.0
"""A PDU that takes seconds for each answer: it is polled beside the scrapes, and no other device notices."""

import time
import urllib.request
from collections.abc import Mapping

import pytest

from joulepath.pdu.collector import collect
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Limits, SnmpEndpoint
from joulepath.pdu.snmp.clients import Clients
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.source import PduReading, PduSource
from joulepath.reading.poller import Poller, Target
from joulepath.serving.polled import PolledExporter
from joulepath.web import Address, Server
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.run.waiting import until

from .conftest import samples

pytestmark = pytest.mark.unit

INTERVAL = 0.2


class Slow(Agent):
    """Answers after `latency` seconds."""

    latency = 0.0

    def _answer(self, request: bytes) -> bytes | None:
        return None if self._stopping.wait(self.latency) else super()._answer(request)


def meter() -> Slow:
    return Slow(rpdu2_objects(lambda: {1: ("robot", 40.0), 2: ("server", 250.0)}))


@pytest.mark.parametrize("timely", [True, False], ids=["within its time", "beyond its time"])
@pytest.mark.parametrize("latency", [0.6, pytest.param(5.0, marks=pytest.mark.long)])
def test_a_slow_device_is_slow_alone(profiles: Mapping[str, Profile], latency: float, *, timely: bool) -> None:
    """Its power is read where a request may take as long; else it is down, as one line says."""
    limits = Limits(timeout=latency * (1.5 if timely else 0.5), retries=0)

    def target(name: str, agent: Slow) -> Target[PduReading]:
        client = Clients("pysnmp").make(SnmpEndpoint(*agent.address), Community("public"), limits)
        return Target(name, PduSource(name, client, profiles), INTERVAL)

    with meter() as slow, meter() as quick:
        poller = Poller([target("slow", slow), target("quick", quick)])
        exporter = PolledExporter("pdu", "PDUs", poller, collect, single=False)
        server = Server(exporter, [Address("127.0.0.1", 0)])
        exporter.start()
        server.start()

        def probe(name: str) -> Mapping[str, float]:
            began = time.monotonic()
            with urllib.request.urlopen(
                f"http://127.0.0.1:{server.ports[0]}/probe?target={name}", timeout=10
            ) as answer:
                text = answer.read().decode()
            assert time.monotonic() - began < latency / 2, "the scrape waits for the device"
            return {sample: value for (sample, labels), value in samples(text).items() if not labels}

        try:
            until(lambda: exporter.ready)
            slow.latency = latency
            first, before = (dict(poller.snapshot(name).polls) for name in ("slow", "quick"))
            began = time.monotonic()

            def over() -> bool:
                """Whether a poll at that latency has come to its end; the one under way may have been quick yet."""
                polls = poller.snapshot("slow").polls
                return polls["success"] > first["success"] + 1 if timely else polls.get("failure", 0) > 0

            while not over():
                assert probe("slow")["pdu_up"] or over()
                assert probe("quick")["pdu_up"] == 1
                assert time.monotonic() - began < 12 * latency, "no poll of the slow device comes to an end"
                time.sleep(INTERVAL)
            passed = time.monotonic() - began
            assert probe("slow")["pdu_up"] == timely
            after = poller.snapshot("quick").polls
            assert after["success"] - before["success"] >= 0.8 * (passed / INTERVAL - 1)
            assert after.get("failure", 0) == before.get("failure", 0)
        finally:
            server.stop()
            slow.latency = 0.0
            exporter.stop()
