# SPDX-License-Identifier: Apache-2.0
"""The node graph: its queries give Grafana what it needs, and the preview places nodes and edges."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest

from joulepath_dashboards.preview import graph
from joulepath_dashboards.preview.answers import Line
from joulepath_dashboards.queries import filled
from joulepath_prometheus.results import Point
from tests.conftest import ROOT
from tests.grafana.public_series import labels
from tests.rules.promtool import Case, run
from tests.rules.test_flow import of_fed_hosts

pytestmark = pytest.mark.unit

(PANEL,) = (
    panel
    for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    if panel["type"] == "nodeGraph"
)
QUERIES: Mapping[str, str] = {target["refId"]: filled(target["expr"]) for target in PANEL["targets"]}


def test_nodes_and_edges_have_the_fields_that_grafana_asks_for() -> None:
    assert labels(promql.parse(QUERIES["nodes"])) == {"id", "title", "subtitle"}
    assert labels(promql.parse(QUERIES["edges"])) >= {"id", "source", "target"}
    assert all(target["format"] == "table" for target in PANEL["targets"])
    (step,) = PANEL["transformations"]
    assert (step["id"], step["options"]["alias"], step["options"]["timeSeries"]) == (
        "calculateField",
        "mainstat",
        False,
    )


def test_every_end_of_an_edge_is_a_node(promtool: Path, tmp_path: Path) -> None:
    """A switch of 65 W feeds r with 12 W, so the plugs of all hosts come to 65 + 30 + 25 W: test_flow.py."""
    plant = of_fed_hosts()
    ends = " or ".join(
        f'label_replace(group by ({end}) (flow:power_watts), "id", "$1", "{end}", "(.+)")'
        for end in ("source", "target")
    )
    nodes = QUERIES["nodes"]
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (8, f"count(group by (id) ({ends}) unless on (id) {nodes})"): {},
        (8, f"count({nodes} unless on (id) group by (id) ({ends}))"): {},
        (8, f'sum({nodes} and on (subtitle) label_replace(vector(1), "subtitle", "plug", "", ""))'): {"": 120},
        (8, f'{nodes} and on (id) label_replace(vector(1), "id", "host/sw", "", "")'): {
            'id="host/sw",subtitle="host",title="sw"': 65
        },
    }
    run(promtool, tmp_path, [Case("graph", plant.topology, plant.series, expect)])


def line(ref: str, value: float, **labels: str) -> Line:
    """A row of one of the two queries."""
    return Line("", labels, ref, [Point(0, value)])


def chain() -> list[Line]:
    """A plug of 30 W, its host, and two components."""
    names = {"plug/p": 30, "host/h": 30, "component/a": 20, "component/b": 10}
    nodes = [
        line("nodes", watts, id=name, title=name.split("/")[1], subtitle=name.split("/")[0])
        for name, watts in names.items()
    ]
    ends = [("plug/p", "host/h", 30), ("host/h", "component/a", 20), ("host/h", "component/b", 10)]
    return nodes + [line("edges", watts, source=source, target=target) for source, target, watts in ends]


def test_the_preview_draws_places_from_left_to_right() -> None:
    text = str(graph.body(PANEL, chain(), (800, 400)))
    places: dict[str, tuple[int, int]] = {
        name: (int(x), int(y)) for x, y, name in re.findall(r'<text x="(\d+)" y="(\d+)"[^>]*>([^<]+ \(\w+\))<', text)
    }
    assert places["p (plug)"][0] < places["h (host)"][0] < places["a (component)"][0] == places["b (component)"][0]
    assert places["a (component)"][1] != places["b (component)"][1]
    assert text.count("<path") == 3
    assert re.findall(r">(\d+ W)<", text) == ["30 W", "20 W", "10 W", "30 W", "30 W", "20 W", "10 W"]


def test_an_edge_to_nowhere_is_refused() -> None:
    found: list[Any] = [*chain(), line("edges", 1, source="host/h", target="component/c")]
    with pytest.raises(ValueError, match="no node component/c"):
        graph.body(PANEL, found, (800, 400))


def test_hosts_that_feed_each_other_in_a_circle_are_drawn() -> None:
    """No plant is cabled so, but a page must end."""
    found: list[Any] = [*chain(), line("edges", 1, source="component/a", target="host/h")]
    assert "component" in str(graph.body(PANEL, found, (800, 400)))
