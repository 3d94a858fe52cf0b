# SPDX-License-Identifier: Apache-2.0
"""Recorded trees of real BMCs, each behind a real HTTP server: what docs/guides/bmc.md says of them is what is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from joulepath.bmc.redfish.source import RedfishSource
from joulepath.errors import JoulepathError
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree, folder_tree
from tests.exporters.bmc.conftest import client, legacy, poll, polls

pytestmark = pytest.mark.unit

EXPECTED: dict[str, dict[str, Mapping[Any, Any]]] = {
    "dmtf-public-rackmount1": {
        "power": {("chassis", "1U"): 374},
        "sources": {("chassis", "1U"): "environment_metrics"},
        "meter_energy": {("chassis", "1U"): 325675 * 3.6e6},
        "psu_input": {("1U", "PS1"): 374},
        "psu_output": {},
        "subsystems": {},  # CPU1Power is not a member of its collection
        # 937.4 W in and out of a supply of 400 W; a mean over 30 minutes.
        "rejected": {"above_capacity": 2, "long_interval": 1},
    },
    "EX420": {
        "power": {("chassis", "Node0"): 463, ("chassis", "Node1"): 464, ("chassis", "Enclosure"): 91},
        "sources": dict.fromkeys([("chassis", name) for name in ("Node0", "Node1", "Enclosure")], "regulator_input"),
        "meter_energy": {("chassis", "Node0"): 111032216, ("chassis", "Node1"): 111248976},
        # The subsystems' own sensors say 0 W of 1970; their processors' do not.
        "subsystems": {("Node0", "CPU0"): 199, ("Node0", "CPU1"): 193, ("Node1", "CPU0"): 200, ("Node1", "CPU1"): 194},
        "rejected": {},
    },
    "EX235n": {
        "power": {("chassis", "Node0"): 467, ("chassis", "Node1"): 534, ("chassis", "Enclosure"): 121},
        "sources": dict.fromkeys([("chassis", name) for name in ("Node0", "Node1", "Enclosure")], "regulator_input"),
        "meter_energy": {("chassis", "Node0"): 401457377, ("chassis", "Node1"): 455517408},
        "subsystems": {
            (node, f"Chassis{kind}Subsystem0"): watts
            for node in ("Node0", "Node1")
            for kind, watts in (("CPU", 44), ("Memory", 72))
        },
        "rejected": {},
    },
    "XL675d_A100": {
        "power": {("chassis", "1"): 894, ("enclosure", "EnclosureChassis"): 988},
        "sources": {("chassis", "1"): "power_control", ("enclosure", "EnclosureChassis"): "oem"},
        "psu_output": {},  # each of the four repeats the total of 894 W
        "rejected": {"repeats_total": 4, "long_interval": 1},
    },
    "Intel": {
        "power": {("chassis", "Baseboard"): 148},
        "sources": {("chassis", "Baseboard"): "power_control"},
        "rejected": {"long_interval": 1},  # a mean over 57 days
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_tree_publishes_its_readings(recordings: Path, name: str) -> None:
    with RedfishServer(folder_tree(recordings / "redfish" / name)) as server:
        reading = poll(server)
    for quantity, values in EXPECTED[name].items():
        assert getattr(reading, quantity) == values, quantity


def test_a_tree_without_a_reading_is_one_clear_error(recordings: Path) -> None:
    server = RedfishServer(folder_tree(recordings / "redfish" / "OpenBMC-stock"))
    with server, pytest.raises(JoulepathError, match=r"^bmc: answers but measures no power") as fault:
        poll(server)
    assert "\n" not in str(fault.value)


def test_supplies_that_do_not_add_up_to_the_host_are_published_as_they_are(recordings: Path) -> None:
    power = json.loads((recordings / "redfish" / "hp_power.trimmed.json").read_text())
    with RedfishServer(dict_tree(legacy(power))) as server:
        reading = poll(server)
    assert reading.power == {("chassis", "1"): 221}
    assert reading.psu_output == {("1", "0"): 0, ("1", "1"): 90}
    assert reading.psu_input == {}


@pytest.mark.parametrize(
    ("name", "most"), [("dmtf-public-rackmount1", 4), ("XL675d_A100", 2), ("EX420", 9), ("Intel", 1)]
)
def test_a_poll_asks_for_few_resources(recordings: Path, name: str, most: int) -> None:
    """The first poll surveys the whole tree; the next ones ask for what they read."""
    asked: list[int] = []
    with RedfishServer(folder_tree(recordings / "redfish" / name)) as server:
        polls(RedfishSource("bmc", client(server)), 3, lambda _: asked.append(sum(server.requests.values())))
    assert asked[2] - asked[1] <= most
