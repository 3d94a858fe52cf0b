# SPDX-License-Identifier: Apache-2.0
"""Checks of applications."""

from collections.abc import Iterator
from typing import Literal

from joulepath_topology.applications import Application, Mark
from joulepath_topology.model import Topology
from joulepath_topology.problem import Declared, Place, Problem, absent


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """References, paths that could never be complete, marks that stand twice."""
    yield from _applications(topology, declared)
    yield from _marks(topology)


def _applications(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, application in topology.applications.items():
        place = ("applications", name)
        paths = _paths(name, application)
        if not any(members for _, members in paths) and not application.models:
            yield Problem(place, "needs a path, models or both")
        yield from _own_paths(name, application)
        for where, members in paths:
            yield from _members(topology, declared, where, members, "path")
        yield from _members(topology, declared, (*place, "models"), application.models, "models")
        ioam = [member for member in application.path if member in topology.components and _by_ioam(topology, member)]
        if ioam and not application.marks:
            yield Problem(place, f"needs traces or flows: {ioam[0]!r} knows applications by their IOAM trace or flow")


def _paths(name: str, application: Application) -> list[tuple[Place, tuple[str, ...]]]:
    """The application's path and those of its traces and flows, with their places."""
    place = ("applications", name)
    own = [((*place, *key, "path"), mark.path) for key, mark in application.placed_marks]
    return [((*place, "path"), application.path), *own]


def _own_paths(name: str, application: Application) -> Iterator[Problem]:
    """A path for each trace and flow: its own, or the application's."""
    lacking = [key for key, mark in application.placed_marks if not mark.path]
    if application.path and application.marks and not lacking:
        message = f"no {_marked(application)} uses this path: each has its own"
        yield Problem(("applications", name, "path"), message, severity="warning")
    if not application.path and len(lacking) < len(application.marks):
        for key in lacking:
            message = f"needs a path: other {_marked(application, 's')} have their own, and the application has none"
            yield Problem(("applications", name, *key), message)


def _marked(application: Application, plural: str = "") -> str:
    """The kinds of marks that it has, in words."""
    return " or ".join(f"{way}{plural}" for way in dict.fromkeys(mark.way for mark in application.marks))


def _members(
    topology: Topology, declared: Declared, place: Place, members: tuple[str, ...], key: Literal["path", "models"]
) -> Iterator[Problem]:
    for number, member in enumerate(members):
        where = (*place, number)
        if member in members[:number]:
            yield Problem(where, f"{member!r} stands twice")
        elif member not in declared["components"]:
            yield absent(where, "component", member)
        elif member in topology.components:
            yield from _member(topology, where, member, key)
    # A name that is spelt wrong may be the anchor's.
    if all(member in declared["components"] for member in members):
        yield from _anchors(topology, place, members)


def _member(topology: Topology, where: Place, member: str, key: Literal["path", "models"]) -> Iterator[Problem]:
    component = topology.components[member]
    elsewhere = (("components", member),)
    if component.supports:
        yield Problem(where, f"{member!r} supports others and follows them: leave it out of the path", elsewhere)
    elif key == "path" and component.role == "model":
        yield Problem(where, f"{member!r} is a model: it belongs under models", elsewhere)
    elif key == "models" and component.role != "model":
        yield Problem(where, f"{member!r} is not a model: it belongs under path", elsewhere)
    elif component.role == "model" and component.requests is None:
        yield Problem(where, f"{member!r} counts no requests: nothing could be attributed", elsewhere)
    elif component.role != "model" and component.traffic is None:
        yield Problem(where, f"{member!r} counts no traffic: nothing could be attributed", elsewhere)


def _anchors(topology: Topology, place: Place, members: tuple[str, ...]) -> Iterator[Problem]:
    for number, member in enumerate(members):
        anchor = topology.counted_at(member) if member in topology.components else member
        if anchor not in members:
            message = f"the traffic of {member!r} is counted at {anchor!r}, which the path does not have"
            yield Problem((*place, number), message, (("components", member), place))


def _by_ioam(topology: Topology, member: str) -> bool:
    counted = topology.components.get(topology.counted_at(member))
    return counted is not None and counted.traffic is not None and counted.traffic.ioam is not None


def _marks(topology: Topology) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, application in topology.applications.items():
        for key, mark in application.placed_marks:
            place = ("applications", name, *key)
            if str(mark) in owners:
                yield Problem(place, f"{mark} already stands for {owners[str(mark)]!r}")
            owners.setdefault(str(mark), name)
            if mark.way == "flow":
                yield from _without_a_trace(topology, name, place, mark)


def _without_a_trace(topology: Topology, application: str, place: Place, flow: Mark) -> Iterator[Problem]:
    """A flow through a node where the sum of the traces is the total: it would be more than all."""
    counters = {
        topology.counted_at(each) for each in topology.mark_route(application, flow) if each in topology.components
    }
    for name in sorted(counters & topology.components.keys()):
        traffic = topology.components[name].traffic
        if traffic is not None and traffic.traced:
            message = f"{name!r} has `traced: true`, and packets of a flow carry no trace: leave that out there"
            yield Problem(place, message, (("components", name, "traffic"),))
