# SPDX-License-Identifier: Apache-2.0
"""The files that the lab writes for a Prometheus elsewhere."""

import json
import socket
from pathlib import Path

import pytest
import yaml

from joulepath_lab.run import feed, monitoring
from joulepath_lab.run.doors import HOST, Door
from joulepath_lab.scenarios import scenario
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", scenario.NAMES)
def test_each_target_leads_to_its_own_door_of_the_lab(name: str, tmp_path: Path) -> None:
    scene = scenario.load(name)
    places = list(feed.places(scene))
    opened = [Door(place, socket.create_server((HOST, 0))) for place in places]
    feed.write(tmp_path, scene, opened, "lab")
    behind = {f"lab:{door.listener.getsockname()[1]}": f"{door.place.host}:{door.place.port}" for door in opened}
    assert len(behind) == len(places)
    for door in opened:
        door.listener.close()
    for job, entries in monitoring.targets(scene).items():
        written = json.loads((tmp_path / f"{job}.json").read_text(encoding="utf-8"))
        if job not in feed.SERVERS:
            assert [entry | {"targets": [behind[one] for one in entry["targets"]]} for entry in written] == entries
    topology = yaml.safe_load((tmp_path / feed.TOPOLOGY).read_text(encoding="utf-8"))
    (first, *_) = scene.topologies.values()
    assert topology == {key: value for key, value in first.items() if key not in {"interval", "window"}}


def test_the_other_servers_are_those_of_the_compose_file() -> None:
    for server, entries in feed.SERVERS.items():
        file = ROOT / "deploy" / "compose" / "targets" / f"{server}.json"
        assert json.loads(file.read_text(encoding="utf-8")) == entries


def test_the_door_of_the_pdu_s_exporter_keeps_its_port() -> None:
    """prometheus.yml asks it for its targets there."""
    ports = [place.port for place in feed.places(scenario.load("native"))]
    assert ports[0] == monitoring.PDU_PORT
    assert ports.count(monitoring.PDU_PORT) == 1
