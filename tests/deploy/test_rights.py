# SPDX-License-Identifier: Apache-2.0
"""The units, the chart, the compose file and the page about security agree on the rights of each exporter."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from deploy.image.healthy import PORTS

from joulepath.ioam.command import _NEEDS
from joulepath.serving import rights
from tests.conftest import ROOT
from tests.deploy.chart import Release
from tests.deploy.test_compose import COMPOSE, OURS
from tests.deploy.test_systemd import UNITS, service

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "guides" / "security.md").read_text(encoding="utf-8")
SYSTEMD = {unit.stem.removeprefix("joulepath-"): service(unit) for unit in UNITS}
MIB = {"m": 1, "mi": 1, "mib": 1, "g": 1024, "gi": 1024, "gib": 1024}


@dataclass(frozen=True)
class Row:
    """The rights of an exporter, as the page has them."""

    capabilities: frozenset[str]
    systemd: str
    helm: str
    compose: str
    host: str
    memory: str


def rows() -> dict[str, Row]:
    found = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| `(\w+)` \| (\w+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE
    )
    return {name: Row(frozenset(re.findall(r"[A-Z_]+", capabilities)), *rest) for name, capabilities, *rest in found}


ROWS = rows()

every_exporter = pytest.mark.parametrize("name", PORTS)


def size(text: str) -> int:
    """MiB."""
    match = re.fullmatch(r"(\d+)\s*(\w+)", text)
    assert match, text
    return int(match[1]) * MIB[match[2].lower()]


def user(number: object) -> str:
    return "root" if str(number).split(":")[0] == "0" else str(number).split(":")[0]


@pytest.fixture
def pods(release: Callable[[str], Release]) -> Mapping[str, Mapping[str, Any]]:
    return {name: pod["spec"] for name, pod in release("everything").pods.items()}


def test_the_page_and_each_deployment_have_every_exporter(pods: Mapping[str, Mapping[str, Any]]) -> None:
    assert ROWS.keys() == PORTS.keys() == SYSTEMD.keys() == OURS.keys() == pods.keys()


@every_exporter
def test_capabilities_are_the_same_in_every_deployment(name: str, pods: Mapping[str, Mapping[str, Any]]) -> None:
    unit = SYSTEMD[name]
    given = {word.removeprefix("CAP_") for word in unit.get("AmbientCapabilities", "").split()}
    assert {word.removeprefix("CAP_") for word in unit["CapabilityBoundingSet"].split()} == given
    (container,) = pods[name]["containers"]
    added = container["securityContext"]["capabilities"].get("add", [])
    assert given == set(added) == set(OURS[name].get("cap_add", ())) == ROWS[name].capabilities


def test_capabilities_are_those_that_the_program_keeps() -> None:
    names = {getattr(rights, f"CAP_{name}") for name in ROWS["ioam"].capabilities}
    assert names == _NEEDS["ebpf"]


@every_exporter
def test_users_and_namespaces_are_those_of_the_page(name: str, pods: Mapping[str, Mapping[str, Any]]) -> None:
    row, pod, container = ROWS[name], pods[name], OURS[name]
    image = re.search(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert image
    assert SYSTEMD[name]["User"] == row.systemd
    assert user(pod["securityContext"]["runAsUser"]) == row.helm
    assert user(container.get("user", image[1])) == row.compose
    shared = {
        "network": (bool(pod.get("hostNetwork")), container.get("network_mode") == "host"),
        "process ids": (bool(pod.get("hostPID")), container.get("pid") == "host"),
    }
    said = {what: (what in row.host and "compose" not in row.host, what in row.host) for what in shared}
    assert shared == said


@every_exporter
def test_bounds_of_memory_are_those_of_the_page(name: str, pods: Mapping[str, Mapping[str, Any]]) -> None:
    (container,) = pods[name]["containers"]
    memory = size(ROWS[name].memory)
    assert size(SYSTEMD[name]["MemoryMax"]) == size(container["resources"]["limits"]["memory"]) == memory
    assert size(OURS[name]["mem_limit"]) == size("1g") >= memory


@every_exporter
def test_no_process_can_gain_rights_or_write_to_its_programs(name: str, pods: Mapping[str, Mapping[str, Any]]) -> None:
    unit, container = SYSTEMD[name], OURS[name]
    assert (unit["NoNewPrivileges"], unit["ProtectSystem"]) == ("yes", "strict")
    assert unit["SystemCallFilter"]
    security = pods[name]["containers"][0]["securityContext"]
    assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
    assert container["read_only"] is True
    assert "no-new-privileges:true" in container["security_opt"]


def test_ports_that_are_open_beyond_the_host_are_those_of_the_page() -> None:
    published = {port for each in COMPOSE["services"].values() for port in each.get("ports", ())}
    assert {port.rpartition(":")[0].rpartition(":")[0] for port in published} == {"127.0.0.1"}
    (line,) = re.findall(r"^\| ([\d, and]+) in the compose file", PAGE, re.MULTILINE)
    assert {port.rpartition(":")[2] for port in published} == set(re.findall(r"\d+", line))
    ((first, last),) = re.findall(r"^\| (\d+) to (\d+) \|", PAGE, re.MULTILINE)
    assert sorted(PORTS.values()) == list(range(int(first), int(last) + 1))
