# SPDX-License-Identifier: Apache-2.0
"""docs/guides/topology.md and the examples: each block is what the page says, and each series it reads can be there."""

import re
from pathlib import Path

import pytest
import yaml

from joulepath.carbon.catalogue import providers
from joulepath_topology import Topology, promql, read
from joulepath_topology.applications import Application
from joulepath_topology.problem import path
from joulepath_topology.queries import queries
from tests.rules.test_generate import lint
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "guides" / "topology.md").read_text()
BLOCKS: list[str] = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

# Series of programs that exist, beside Kepler's, vLLM's and those of the exporters here.
FOREIGN = {
    "container_cpu_usage_seconds_total",
    "electricity_price_per_kilowatt_hour",
    "fivegs_smffunction_sm_sessionnbr",
    "homeassistant_sensor_power_w",
    "ifHCInUcastPkts",
    "ifHCOutUcastPkts",
    "istio_requests_total",
    "kepler_node_gpu_joules_total",
    "node_cpu_seconds_total",
    "unpoller_device_port_poe_watts",
}


def block(text: str) -> str:
    """The first block with this text in it."""
    return next(each for each in BLOCKS if text in each)


def test_the_first_block_is_the_minimal_example() -> None:
    """The first block is the first example."""
    assert BLOCKS[0] == (ROOT / "examples" / "minimal.yaml").read_text()


def test_prometheus_accepts_the_rule_of_the_live_factor(promtool: Path, tmp_path: Path) -> None:
    """Prometheus accepts the rule that makes it."""
    (tmp_path / "carbon.yaml").write_text(BLOCKS[1])
    lint(promtool, tmp_path / "carbon.yaml")


def test_a_robot_of_the_fleet_has_a_path_of_its_own() -> None:
    """One of its two robots has a path of its own."""
    fleet = Application.model_validate(yaml.safe_load(block("fleet:"))["applications"]["fleet"])
    assert [trace.path for trace in fleet.traces] == [(), ("ru-2", "upf-1")]


def test_the_page_counts_the_hosts_of_its_ranges() -> None:
    """The page counts 408 radio units and 200 cells."""
    topology = sound(yaml.safe_load(block("cell-[")))
    assert sum(name.startswith("ru-") for name in topology.hosts) == 408
    assert sum(name.startswith("cell-") for name in topology.components) == 200


def test_the_board_is_the_plug_less_its_gpus() -> None:
    """The page says 90 W of idle power for the board."""
    topology = sound(yaml.safe_load(block("gpus:")))
    assert topology.boxes["gpu-1"].static_watts == 90
    assert topology.boxes["gpu-1"].feeds == ("gpu-1/gpu-0", "gpu-1/gpu-1")


def test_the_component_of_the_virtual_machine_is_on_its_host() -> None:
    """The metered host is that of the machine."""
    topology = sound(yaml.safe_load(block("vms:")))
    assert [placement.host for placement in topology.placements("upf-1")] == ["hv-1"]


def test_pods_of_the_share_are_those_of_the_reservation() -> None:
    """Unless the reservation names others."""
    components = sound(yaml.safe_load(block("kube:"))).components
    assert {name: entry.requesting for name, entry in components.items()} == {
        "cu": ("ran/cu-.*",),
        "upf": ("core/upf-.*",),
    }


def test_the_camera_of_the_page_has_sessions() -> None:
    """Both queries of the page are read."""
    sessions = Application.model_validate(yaml.safe_load(block("sessions:"))["applications"]["camera"]).sessions
    assert sessions is not None
    assert sessions.active
    assert sessions.ended


@pytest.mark.parametrize("query", re.findall(r"query: '([^'.]+)'", PAGE))
def test_the_queries_of_the_page_are_promql(query: str) -> None:
    """They are PromQL."""
    assert promql.value_type(query) == "vector"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_read_only_series_that_exist(example: Path) -> None:
    """An example that reads a series without a publisher would be a gap for ever."""
    warnings: list[str] = []
    topology = read(example, warnings.append)
    assert not warnings
    for place, query in queries(topology):
        names = {selector.partition("{")[0] for selector in promql.selectors(query)}
        assert names <= FOREIGN, path(place)
    sources = {supply.source for site in topology.sites.values() for supply in site.supplies.values()}
    assert sources <= {None, *providers()}


def test_every_key_is_documented() -> None:
    """Each key of the schema stands on the page."""
    schema = Topology.model_json_schema()
    keys = {key for node in [schema, *schema["$defs"].values()] for key in node.get("properties", {})}
    keys |= {key for choice in schema["$defs"]["IoamNode"]["anyOf"] for key in choice.get("properties", {})}
    assert {"instances", "modelled", "name"} <= keys
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()
