# SPDX-License-Identifier: Apache-2.0
"""The rooms of the device exporters: their imports go one way, and the lower ones stand on their own."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import joulepath

pytestmark = pytest.mark.unit

ROOT = Path(joulepath.__file__).parent


def rooms(exporter: str) -> dict[str, set[str]]:
    """The rooms that each room imports from: folders, and modules that stand in none. `pdu/snmp` is `snmp`."""
    graph: dict[str, set[str]] = {}
    for path in sorted((ROOT / exporter).rglob("*.py")):
        room = path.relative_to(ROOT / exporter).parts[0].removesuffix(".py")
        graph.setdefault(room, set()).update(set(imports_of(path, exporter)) - {room})
    return graph


def imports_of(path: Path, exporter: str) -> Iterator[str]:
    """The rooms of the exporter that a module imports from, also within functions."""
    package = f"joulepath.{exporter}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            yield str(node.module).removeprefix(f"{package}.").partition(".")[0]


@pytest.mark.parametrize("exporter", ["bmc", "pdu", "gpu"])
def test_imports_go_in_one_direction(exporter: str) -> None:
    graph = rooms(exporter)
    assert "command" in TopologicalSorter(graph).static_order()  # raises CycleError
    assert [module for module, imported in graph.items() if "command" in imported] == []
    assert graph["command"]


def test_naming_a_process_imports_nothing_of_the_account_of_workloads() -> None:
    graph = rooms("workload")
    tops = set(graph) - set().union(*graph.values()) - {"__init__"}
    assert tops == {"command", "config", "pids"}  # config is loaded by name, and pids is for meters of other exporters
    assert list(TopologicalSorter(graph).static_order())
    assert not graph["pids"] & {"account", "collector", "meter", "metrics", "source"}


def test_the_protocols_of_a_bmc_do_not_import_each_other() -> None:
    graph = rooms("bmc")
    assert "redfish" not in graph["ipmi"]
    assert "ipmi" not in graph["redfish"]


def test_snmp_does_not_import_profiles_nor_profiles_the_survey() -> None:
    graph = rooms("pdu")
    assert graph["snmp"] == set()
    assert graph["profiles"] == {"snmp"}
    assert graph["survey"] == {"profiles", "snmp"}
