# SPDX-License-Identifier: Apache-2.0
"""Paths of traces: an application is charged where its packets went."""

from typing import Any

import pytest

from joulepath_topology import Topology
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit


def robots(*paths: list[str] | None, path: list[str] | None = None, **application: Any) -> dict[str, Any]:
    """The factory with a second radio unit and one robot for each path; None is a robot without a path of its own."""
    traces = [
        {"ioam_namespace": 5, "id": f"{number:02x}"} | ({} if own is None else {"path": own})
        for number, own in enumerate(paths)
    ]
    fleet = application | {"traces": traces} | ({} if path is None else {"path": path})
    return changed(
        hosts={"ru-2": {"site": "edge", "power": [{"rapl": "ru-2"}]}},
        components={"ru-2": {"role": "ru", "traffic": {"anchor": "upf-1"}}},
        applications={"fleet": fleet},
    )


def fleet(topology: Topology) -> list[tuple[str, ...]]:
    """Each robot's path."""
    return [topology.mark_route("fleet", trace) for trace in topology.applications["fleet"].traces]


def test_each_trace_may_have_its_path() -> None:
    """The application passes what any of them passes, once, in the order of the file."""
    topology = sound(robots(["ru-1", "upf-1"], ["ru-2", "du-1", "upf-1"]))
    assert fleet(topology) == [("ru-1", "upf-1"), ("ru-2", "du-1", "upf-1")]
    assert topology.route("fleet") == ("ru-1", "upf-1", "ru-2", "du-1")
    assert topology.needed("fleet") == ["ru-1", "upf-1", "ru-2", "du-1"]


def test_a_trace_without_a_path_has_that_of_its_application() -> None:
    """One robot of several stands elsewhere."""
    topology = sound(robots(None, ["ru-2", "upf-1"], path=["ru-1", "upf-1"]))
    assert fleet(topology) == [("ru-1", "upf-1"), ("ru-2", "upf-1")]
    assert topology.route("fleet") == ("ru-1", "upf-1", "ru-2")


def test_a_supporter_of_a_traces_path_is_needed() -> None:
    """A supporter of the second robot's radio unit belongs to the fleet."""
    data = robots(["ru-1", "upf-1"], ["ru-2", "upf-1"])
    data["hosts"]["amf"] = {"site": "edge", "power": [{"rapl": "amf"}]}
    data["components"]["amf"] = {"role": "core-control", "supports": ["ru-2"]}
    assert sound(data).needed("fleet") == ["ru-1", "upf-1", "ru-2", "amf"]


def test_models_come_last() -> None:
    """A model is asked by all of them."""
    data = robots(["ru-1", "upf-1"], ["ru-2", "upf-1"], models=["m"])
    data["hosts"]["m"] = {"site": "edge", "power": [{"rapl": "m"}]}
    data["components"]["m"] = {"role": "model", "requests": "vllm"}
    topology = sound(data)
    assert topology.route("fleet") == ("ru-1", "upf-1", "ru-2", "m")
    del data["applications"]["fleet"]["traces"]
    assert sound(data).route("fleet") == ("m",)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (robots(None, ["ru-2", "upf-1"]), "applications.fleet.traces[0]: needs a path: other traces have their own"),
        (robots(None, None), "applications.fleet: needs a path, models or both"),
        (robots(["ru-1", "nowhere"]), "applications.fleet.traces[0].path[1]: there is no component 'nowhere'"),
        (robots(["upf-1", "upf-1"]), "applications.fleet.traces[0].path[1]: 'upf-1' stands twice"),
        (
            robots(["ru-1"], ["ru-2", "upf-1"]),
            "applications.fleet.traces[0].path[0]: the traffic of 'ru-1' is counted at 'upf-1', which the path",
        ),
        (
            robots(["upf-1"], path=["upf-1"]),
            "warning: applications.fleet.path: no trace uses this path: each has its own",
        ),
    ],
)
def test_a_mistake_in_a_path_is_named_at_its_place(data: dict[str, Any], line: str) -> None:
    """A trace's path is checked like an application's, and named by its own place."""
    [problem] = lines(data)
    assert problem.startswith(line)
