# SPDX-License-Identifier: Apache-2.0
"""The radio site of its guide, live: SNMP of a plant and a panel, Redfish, exporters, a real Prometheus, the rules."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from joulepath_lab.devices.snmp_agent import Agent, Value
from tests.conftest import ROOT
from tests.exporters.bmc.conftest import legacy
from tests.exporters.pdu.device_files import devices
from tests.exporters.process import Exporter
from tests.rules.test_shapes import ERROR, FIRST, SECOND
from tests.rules.world import QUICK, Server, World, capture, served

pytestmark = pytest.mark.long

COMMUNITY = "public"
PLANT, PANEL = "1.3.6.1.4.1.7309.5.3.1", "1.3.6.1.4.1.39145.10"
# The load has 11.4 A at 53.6 V = 611.04 W. The panel's three circuits have 5.1, 4.3 and 1.1 A of the same voltage.
LOAD = {f"{PLANT}.1.0": 13_600, f"{PLANT}.2.0": 730_320, f"{PLANT}.11.0": 11_400, f"{PLANT}.10.0": 53_600}
LOAD |= {f"{PLANT}.12.0": 53_590, f"{PLANT}.13.0": 2_200, f"{PLANT}.16.0": 611_040}
CIRCUITS = {f"{PANEL}.6.0": "53.6", f"{PANEL}.7.0": "10.5"}
CIRCUITS |= {f"{PANEL}.8.1.3.{number}": amperes for number, amperes in enumerate(("5.1", "4.3", "1.1"))}
WATTS = {
    "ru-1": 5.1 * 53.6,
    "bbu-1": 4.3 * 53.6,
    "link-1": 1.1 * 53.6,
    "plant-1": 611.04 * 1.06 - 10.5 * 53.6,
    "upf-1": 204,
}
BMC = {"PowerControl": [{"PowerConsumedWatts": 204}]}


class Site(World):
    """Packets at the user plane, and two exporters of devices."""

    exporters: tuple[tuple[str, str], ...] = ()
    """Job and address of each."""

    def jobs(self) -> list[dict[str, object]]:
        """The scrape configurations."""
        found: list[dict[str, object]] = [
            {"job_name": name, "http_sd_configs": [{"url": f"http://{address}/targets", "refresh_interval": "1s"}]}
            for name, address in self.exporters
        ]
        return [*super().jobs(), *found]


def agent(name: str, answers: dict[str, int | str]) -> Agent:
    """A device of the tests' files, with other readings."""

    def fixed(value: Value) -> Callable[[], Value]:
        return lambda: value

    return Agent(
        {**devices()[name].agent_objects(), **{oid: fixed(value) for oid, value in answers.items()}}, COMMUNITY
    )


@pytest.fixture
def site(prometheus: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that watches the site."""
    (tmp_path / "community").write_text(COMMUNITY)
    with ExitStack() as stack:
        agents = {
            "plant-1": stack.enter_context(agent("alpha-cordex", dict(LOAD))),
            "panel-1": stack.enter_context(agent("ict-distribution", dict(CIRCUITS))),
        }
        redfish = stack.enter_context(RedfishServer(dict_tree(legacy(BMC))))
        pdus = {
            name: {"address": f"127.0.0.1:{each.address[1]}", "community_file": "community", "interval": 1}
            for name, each in agents.items()
        }
        bmcs = {"upf-1": {"address": f"redfish+http://127.0.0.1:{redfish.port}", "interval": 1}}
        started = []
        for name, targets in {"pdu": pdus, "bmc": bmcs}.items():
            (tmp_path / f"{name}.yaml").write_text(json.dumps({"targets": targets}))
            exporter = stack.enter_context(Exporter(name, "--config", tmp_path / f"{name}.yaml"))
            started.append((name, exporter.url.removeprefix("http://")))
        world = stack.enter_context(served(Site))
        assert isinstance(world, Site)
        world.exporters = tuple(started)
        world.target("upf-1", capture(4, 450, 360_000, {FIRST: (300, 299_000), SECOND: (100, 40_000)}), job="ioam")
        server = Server(prometheus, tmp_path / "server", world)
        text = (ROOT / "examples" / "radio-site.yaml").read_text()
        server.write_rules(QUICK + re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
        server.start()
        stack.callback(server.stop)
        yield server


def test_the_radio_site_adds_up_to_plant_and_bmc(site: Server) -> None:
    """The steps of docs/guides/radio-site.md, at a quick pace: watts of the hosts, and their sums."""
    site.until("sum by (host) (host:power_watts)", WATTS, 60)
    whole = 611.04 * 1.06 + 204
    site.until("sum(application_component:power_watts)", {"": whole}, 60)
    site.until('count(application:power_watts{application=~"meters|voice"} > 0)', {"": 4}, 30)
    site.until(f"{ERROR} < bool 1e-9", {"": 1}, 30)
    assert site.ask("component:unmeasured:info") == {}
    assert site.failures() == []
