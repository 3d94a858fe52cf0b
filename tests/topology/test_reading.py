# SPDX-License-Identifier: Apache-2.0
"""Topology files: what is read, and that every mistake is named with its place."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.cli import main
from joulepath.errors import UsageError
from joulepath_topology import read
from joulepath_topology.durations import duration
from joulepath_topology.model import Topology
from joulepath_topology.model_servers import SERVERS
from tests.rules import factory
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"


def test_all_mistakes_are_reported_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty-three mistakes, of form and of sense, give thirty-three lines in the order of the file and exit code 2."""
    path = HERE / "mistakes.yaml"
    assert main(["rules", "check", str(path)]) == 2
    printed = capsys.readouterr()
    expected = (HERE / "mistakes.txt").read_text().splitlines()
    assert len(expected) == 33
    assert printed.err.splitlines() == [f"joulepath rules: {path}: {line}" for line in expected]
    assert not printed.out


def test_eight_lines_are_a_topology() -> None:
    """One site, one host that is its own component, one application."""
    path = EXAMPLES / "minimal.yaml"
    assert len(path.read_text().splitlines()) == 8
    topology = read(path)
    (placement,) = topology.placements("upf-1")
    assert placement.host == "upf-1"
    assert topology.whole(placement)
    assert (topology.interval, topology.window, topology.policy) == (15, 120, "packets-bytes")


ANY, FIRST = {"fallback": [{"bmc": "x"}]}, {"fallback": [{"bmc": "x", "chassis": "1"}]}
RAPL = {"site": "factory", "power": [{"rapl": "x"}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(interval="500ms"), "interval: must lie between 1s and 2m"),
        (changed(interval="1m"), "window: must be at least four intervals, here 4m"),
        (changed(sites={"edge": {"grid_zone": None}}), "sites.edge: grid_zone and source belong together"),
        (changed(hosts={"ru-1": {"power": []}}), "hosts.ru-1.power: needs at least one entry"),
        (
            changed(hosts={"ru-1": {"power": [{}]}}),
            "hosts.ru-1.power[0]: needs one of pdu, bmc, rapl, power_model, gpu, joules, watts",
        ),
        (
            changed(hosts={"ru-1": {"power": [{"rapl": "x", "chassis": "1"}]}}),
            "hosts.ru-1.power[0]: chassis belongs to bmc",
        ),
        (
            changed(hosts={"ru-1": {"power": [{"rapl": "x", "static_watts": 5}]}}),
            "hosts.ru-1.power[0].static_watts: write it at the host, beside power",
        ),
        (
            changed(hosts={"ru-1": {"fallback": [{"rapl": "x"}]}, "edge-1": {"fallback": [{"rapl": "x"}]}}),
            "hosts.edge-1.fallback[0].rapl: rapl x is already used by host 'ru-1'",
        ),
        (
            changed(hosts={"ru-1": ANY, "edge-1": FIRST}),
            "hosts.edge-1.fallback[0].bmc: bmc x is already used by host 'ru-1'",
        ),
        (
            changed(hosts={"ru-1": FIRST, "edge-1": ANY}),
            "hosts.edge-1.fallback[0].bmc: bmc x is already used by host 'ru-1'",
        ),
        (changed(hosts={"ru-1": {"feeds": ["ru-1"]}}), "hosts.ru-1.feeds[0]: 'ru-1' feeds 'ru-1'"),
        (
            changed(hosts={"ru-1": {"feeds": ["edge-1"]}, "edge-1": {"feeds": ["ru-1"]}}),
            "hosts.edge-1.feeds[0]: 'ru-1' feeds 'edge-1'",
        ),
        (
            changed(hosts={"x": {**RAPL, "feeds": ["ru-1"]}, "edge-1": {"feeds": ["ru-1"]}}),
            "hosts.x.feeds[0]: 'ru-1' is already fed by 'edge-1'",
        ),
        (changed(components={"du-1": {"share": []}}), "components.du-1: shares host 'edge-1' with others: needs a"),
        (
            changed(components={"du-1": {"share": [{"workload": "x"}, {"kepler_pod": "a/b"}]}}),
            "components.du-1.share: adds kepler_pod and workload",
        ),
        (
            changed(components={"du-1": {"share": [{"query": "x"}]}}),
            "components.du-1.share: is a part of what? Give host 'edge-1' the whole",
        ),
        (
            changed(hosts={"edge-1": {"capacity": None}}),
            "components.du-1.reservation: host 'edge-1' has no capacity",
        ),
        (changed(components={"du-1": {"traffic": {}}}), "components.du-1.traffic: needs one of ioam, anchor, query"),
        (
            changed(components={"du-1": {"traffic": {"anchor": "upf-1", "ioam": 3}}}),
            "components.du-1.traffic: anchor stands alone",
        ),
        (
            changed(components={"du-1": {"traffic": {"traced": True}}}),
            "components.du-1.traffic: traced: true goes with ioam alone",
        ),
        (changed(components={"du-1": {"traffic": {"query": {}}}}), "components.du-1.traffic.query: needs packets"),
        (changed(components={"du-1": {"requests": "vllm"}}), "components.du-1.requests: only a component of role"),
        (changed(components={"du-1": {"requests": "tgi"}}), "components.du-1.requests: "),
        (
            changed(components={"du-1": {"supports": ["ru-1"]}}),
            "components.du-1.traffic: a supporting component follows what it supports",
        ),
        (
            changed(components={"du-1": {"supports": ["ghost"], "traffic": None}}),
            "components.du-1.supports[0]: there is no component 'ghost'",
        ),
        (
            changed(components={"du-1": {"supports": ["du-1"], "traffic": None}}),
            "components.du-1.supports[0]: a component does not support itself",
        ),
        (
            changed(
                components={
                    "du-1": {"supports": ["upf-1"], "traffic": None},
                    "upf-1": {"supports": ["ru-1"], "traffic": None},
                }
            ),
            "components.du-1.supports[0]: 'upf-1' is a supporting component itself",
        ),
        (
            changed(components={"du-1": {"supports": ["ru-1"], "traffic": None}}),
            "applications.a.path[1]: 'du-1' supports others",
        ),
        (changed(components={"du-1": {"traffic": None}}), "applications.a.path[1]: 'du-1' counts no traffic"),
        (
            changed(
                hosts={"m": RAPL},
                components={"m": {"role": "model"}},
                applications={"a": {"models": ["m"]}},
            ),
            "applications.a.models[0]: 'm' counts no requests",
        ),
        (
            changed(applications={"a": {"path": ["ru-1"]}}),
            "applications.a.path[0]: the traffic of 'ru-1' is counted at 'upf-1'",
        ),
        (changed(applications={"a": {"path": ["upf-1", "upf-1"]}}), "applications.a.path[1]: 'upf-1' stands twice"),
        (changed(applications={'a"b': {"path": ["upf-1"]}}), "applications.a\"b: 'a\"b' is not a name"),
        (changed(sites=[]), "sites: "),
        (changed(sites={}, hosts=None), "hosts: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(data: dict[str, Any], message: str) -> None:
    """Each mistake is named where it stands; the rest of the factory is sound."""
    problems = lines(data)
    assert any(line.startswith(message) for line in problems), problems


def test_the_factory_topology_is_valid() -> None:
    """The table above would prove nothing on a topology with mistakes of its own."""
    sound(changed())


def test_one_mistake_is_reported_once() -> None:
    """A consequence of a mistake is left out: the host exists, only its site is mistyped."""
    data = changed(hosts={"edge-1": {"static_watts": "much", "power": [{"pdu": "p", "outlets": [1]}]}})
    assert [line.split(":")[0] for line in lines(data)] == [
        "hosts.edge-1.static_watts",
        "hosts.edge-1.power[0].outlets[0]",
    ]


@pytest.mark.parametrize("text", ["", "- a", "5"])
def test_a_file_that_is_not_a_mapping_is_one_line(text: str, tmp_path: Path) -> None:
    """A file of another shape is one line, too."""
    path = tmp_path / "topology.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="must be a mapping"):
        read(path)


def test_the_hash_follows_the_meaning() -> None:
    """Comments and the order of keys do not change it, a watt does."""
    text = factory.TOPOLOGY
    same = Topology.model_validate(dict(reversed(yaml.safe_load("# a comment\n" + text).items())))
    other = Topology.model_validate(yaml.safe_load(text.replace("static_watts: 70", "static_watts: 71")))
    topology = Topology.model_validate(yaml.safe_load(text))
    assert topology.hash == same.hash
    assert topology.hash != other.hash
    assert re.fullmatch("[0-9a-f]{12}", topology.hash)


def test_the_schema_is_json_and_has_the_short_forms(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON and knows the short forms."""
    assert main(["rules", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"sites", "hosts", "components", "applications", "budgets"} <= set(schema["properties"])
    assert {"type": "integer", "minimum": 0} in schema["$defs"]["IoamNode"]["anyOf"]
    assert {"type": "string", "enum": list(SERVERS)} in schema["$defs"]["Requests"]["anyOf"]


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (1.2, "1200ms"), (90, "90s"), (120, "2m"), (3600, "1h")])
def test_a_duration_is_written_as_prometheus_writes_it(seconds: float, text: str) -> None:
    """Durations come out as Prometheus writes them."""
    assert duration(seconds) == text
