# SPDX-License-Identifier: Apache-2.0
"""Flows of applications: short and long form, paths, ranges, and a line for each mistake."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from joulepath.ioam.flow_config import Name as ExportersName
from joulepath_topology import Topology
from joulepath_topology.ways import WAYS, ways
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PATH = ["ru-1", "du-1", "upf-1"]
TRACE = {"ioam_namespace": 123, "id": ID}


def flows(*entries: Any, **more: Any) -> dict[str, Any]:
    """The factory, in which `a` has these flows in place of its trace."""
    return changed(applications={"a": {"traces": None, "flows": list(entries), "path": PATH, **more}})


def test_a_name_is_short_for_an_entry() -> None:
    short, full = sound(flows("cam")), sound(flows({"flow": "cam"}))
    assert short == full
    [flow] = short.applications["a"].flows
    assert (flow.identity, short.mark_route("a", flow)) == ({"flow": "cam"}, tuple(PATH))


def test_each_flow_may_have_its_path_beside_traces() -> None:
    topology = sound(flows("hall", {"flow": "lan", "path": ["upf-1"]}, traces=[TRACE]))
    routes = [topology.mark_route("a", mark) for mark in topology.applications["a"].marks]
    assert routes == [tuple(PATH), tuple(PATH), ("upf-1",)]
    assert topology.route("a") == tuple(PATH)


def test_a_range_makes_several_flows() -> None:
    topology = sound(flows("cam-[1-3]", {"flow": "lan-[01-12]", "path": ["upf-1"]}))
    names = [flow.flow for flow in topology.applications["a"].flows]
    assert names == ["cam-1", "cam-2", "cam-3", *(f"lan-{number:02}" for number in range(1, 13))]
    data = changed(applications={"cell-[1-3]": {"flows": ["cell-[1-3]-v4"], "path": PATH}})
    assert [flow.flow for flow in sound(data).applications["cell-2"].flows] == ["cell-2-v4"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (flows("cam", "cam"), "applications.a.flows[1]: flow cam already stands for 'a'"),
        (flows("a b"), "applications.a.flows[0]: must be a name under `flows` of joulepath ioam: 1 to 64 letters"),
        (flows("x" * 65), "applications.a.flows[0]: must be a name under `flows` of joulepath ioam: 1 to 64"),
        (flows(""), "applications.a.flows[0]: must be a name"),
        (flows(True), "applications.a.flows[0]: must "),
        (flows(5), "applications.a.flows[0]: must "),
        (flows({"flow": "cam", "name": "x"}), "applications.a.flows[0].name: unknown key 'name'"),
        (flows({"path": ["upf-1"]}), "applications.a.flows[0].flow: is missing"),
        (
            flows({"flow": "cam", "path": ["upf"]}, path=None),
            "applications.a.flows[0].path[0]: there is no component 'upf'",
        ),
        (
            flows({"flow": "cam", "path": ["ru-1"]}, path=None),
            "applications.a.flows[0].path[0]: the traffic of 'ru-1' is counted at 'upf-1', which the path does",
        ),
        (
            flows("hall", {"flow": "yard", "path": ["upf-1"]}, path=None),
            "applications.a.flows[0]: needs a path: other flows have their own, and the application has none",
        ),
        (
            flows({"flow": "yard", "path": ["upf-1"]}, traces=[TRACE], path=None),
            "applications.a.traces[0]: needs a path: other traces or flows have their own",
        ),
        (
            flows({"flow": "yard", "path": ["upf-1"]}),
            "warning: applications.a.path: no flow uses this path: each has its own",
        ),
        (flows("cam", path=None), "applications.a: needs a path, models or both"),
        (flows(), "applications.a: needs traces or flows: 'ru-1' knows applications by their IOAM trace or flow"),
    ],
)
def test_a_mistake_in_a_flow_is_one_line_at_its_place(data: dict[str, Any], line: str) -> None:
    found = lines(data)
    assert found[0].startswith(line), found
    assert len(found) == 1, found


def test_flows_must_be_a_list() -> None:
    [line] = lines(changed(applications={"a": {"flows": "cam"}}))
    assert line.startswith("applications.a.flows: must be a list")


def test_a_flow_belongs_to_one_application() -> None:
    data = flows("cam")
    data["applications"]["b"]["flows"] = [{"flow": "cam"}]
    assert lines(data) == ["applications.b.flows[0]: flow cam already stands for 'a'"]


def test_no_flow_passes_where_every_packet_has_a_trace() -> None:
    """Also where it passes a component that is anchored there."""
    data = changed(components={"upf-1": {"traffic": {"ioam": 4, "traced": True}}})
    data["applications"]["a"]["flows"] = ["cam"]
    [line] = lines(data)
    assert line == (
        "applications.a.flows[0]: 'upf-1' has `traced: true`, and packets of a flow carry no trace: leave that out "
        "there"
    )


@given(st.one_of(st.text(max_size=70), st.from_regex(r"[A-Za-z0-9_.:@/-]{1,64}", fullmatch=True)))
def test_names_are_those_that_the_exporter_takes(name: str) -> None:
    """A name that one of them refuses is refused by both."""
    try:
        TypeAdapter(ExportersName).validate_python(name)
    except ValidationError:
        assert lines(flows({"flow": name}))
        return
    assert sound(flows({"flow": name})).applications["a"].flows[0].flow == name


def counted(topology: Topology, application: str) -> list[tuple[str, str]]:
    """Where it is counted, and how."""
    return [(each.at, each.way.name) for each in ways(topology, application)]


def test_each_place_has_a_way_of_counting_once() -> None:
    topology = sound(flows("hall", "yard", traces=[TRACE]))
    assert counted(topology, "a") == [("upf-1", "trace"), ("upf-1", "flow")]
    assert {way for name in topology.applications for _, way in counted(topology, name)} <= WAYS.keys()
