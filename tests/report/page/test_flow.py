# SPDX-License-Identifier: Apache-2.0
"""The flow for the diagram: all of the energy stays in it, and the small is summed."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_report.model import UNATTRIBUTED, Edge
from joulepath_report.page.flow import Diagram, arrange
from joulepath_report.page.looks import OTHERS
from tests.report import example

pytestmark = pytest.mark.unit

KINDS = ("host", "component", "application")


def joules(diagram: Diagram, level: str) -> float:
    """Energy of a column."""
    return sum(node.joules for node in diagram.nodes if node.level == level)


@st.composite
def flows(draw: st.DrawFn) -> list[Edge]:
    """Flows from sites to applications that keep the sum at every level."""
    names = st.sampled_from([*(f"n{number}" for number in range(15)), UNATTRIBUTED])
    paths = draw(st.lists(st.tuples(names, names, names, names, st.integers(0, 10**6)), min_size=1, max_size=60))
    amounts: defaultdict[tuple[str, str, int], float] = defaultdict(float)
    for *places, amount in paths:
        for level in range(3):
            amounts[places[level], places[level + 1], level] += amount
    return [Edge(source, target, amount, KINDS[level]) for (source, target, level), amount in amounts.items()]  # type: ignore[arg-type]


@given(flows(), st.integers(1, 12))
def test_every_column_of_the_diagram_has_all_of_the_energy(edges: list[Edge], most: int) -> None:
    diagram = arrange(edges, most)
    whole = sum(edge.joules for edge in edges if edge.kind == "application")
    assert all(joules(diagram, level) == pytest.approx(whole) for level in diagram.levels)


@given(flows(), st.integers(1, 12))
def test_links_of_a_place_add_up_to_its_bar(edges: list[Edge], most: int) -> None:
    diagram = arrange(edges, most)
    came: defaultdict[tuple[str, str], float] = defaultdict(float)
    went: defaultdict[tuple[str, str], float] = defaultdict(float)
    for link in diagram.links:
        went[link.source] += link.joules
        came[link.target] += link.joules
    for node in diagram.nodes:
        if node.level != diagram.levels[0]:
            assert came[node.level, node.key] == pytest.approx(node.joules)
        if node.level != "application":
            assert went[node.level, node.key] == pytest.approx(node.joules)


@given(flows(), st.integers(1, 12))
def test_a_column_shows_few_names_and_each_place_once(edges: list[Edge], most: int) -> None:
    diagram = arrange(edges, most)
    for level in diagram.levels:
        column = [node for node in diagram.nodes if node.level == level]
        assert len([node for node in column if node.key not in {OTHERS, UNATTRIBUTED}]) <= most + 1
        assert sorted(node.rank for node in column) == list(range(len(column)))


def test_small_places_are_one_that_says_how_many() -> None:
    edges = [Edge("host", f"small-{number}", 1.0, "application") for number in range(5)]
    edges += [Edge("host", "large", 7.0, "application"), Edge("host", UNATTRIBUTED, 0.5, "application")]
    nodes = [node for node in arrange(edges, most=2).nodes if node.level == "application"]
    assert [(node.name, node.joules) for node in sorted(nodes, key=lambda node: node.rank)] == [
        ("large", 7.0),
        ("small-0", 1.0),
        ("4 others", 4.0),
        (UNATTRIBUTED, 0.5),
    ]


def test_one_place_too_many_is_shown_by_its_name() -> None:
    edges = [Edge("host", name, 1.0, "application") for name in "abc"]
    assert {node.name for node in arrange(edges, most=2).nodes if node.level == "application"} == {"a", "b", "c"}


def test_a_name_at_two_levels_is_two_places() -> None:
    edges = [
        Edge("site", "gpu", 3.0, "host"),
        Edge("gpu", "gpu", 3.0, "component"),
        Edge("gpu", "gpu", 3.0, "application"),
    ]
    assert [(node.level, node.joules) for node in arrange(edges).nodes] == [
        ("host", 3.0),
        ("component", 3.0),
        ("application", 3.0),
    ]


def test_a_single_site_has_no_column_and_two_have_one() -> None:
    assert arrange(example.FLOW).levels == ("site", "host", "component", "application")
    assert arrange(edge for edge in example.FLOW if edge.source != "mast").levels[0] == "host"


def test_places_follow_those_that_feed_them() -> None:
    edges = [Edge("top", "low", 9.0, "component"), Edge("bottom", "high", 1.0, "component")]
    edges += [Edge("site", "top", 9.0, "host"), Edge("site", "bottom", 1.0, "host")]
    ranks = {node.name: node.rank for node in arrange(edges).nodes}
    assert ranks == {"top": 0, "bottom": 1, "low": 0, "high": 1}
