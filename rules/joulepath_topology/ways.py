# SPDX-License-Identifier: Apache-2.0
"""The ways in which an application's part of a component's traffic is counted, as data, and where each is used.

The rules record the word as label `way` of `application:counted:info`; reports and dashboards show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_topology.components import Component
from joulepath_topology.model import Topology


@dataclass(frozen=True)
class Way:
    """One way of counting."""

    name: str
    title: str
    """In a sentence about applications: `packets that carry their traces`."""


WAYS = {
    way.name: way
    for way in (
        Way("trace", "packets that carry their IOAM traces"),
        Way("flow", "packets of their flows, by addresses, ports or tunnels"),
        Way("core", "counters of a 5G core or base station, by keys such as the QFI"),
        Way("query", "rows of queries"),
        Way("requests", "requests at model servers"),
    )
}
"""All ways, by name."""


def own_way(component: Component) -> str | None:
    """The way of a component that counts by application; None where an IOAM node counts its traces and flows."""
    if component.requests is not None:
        return "requests"
    if component.traffic is not None and component.traffic.ioam is not None:
        return None
    return "core" if component.traffic is not None and component.traffic.core is not None else "query"


@dataclass(frozen=True)
class Counted:
    """How an application is counted at one place."""

    application: str
    at: str
    """The component that counts, for itself and for those anchored at it."""
    way: Way


def ways(topology: Topology, application: str) -> Iterator[Counted]:
    """Each place where an application is counted, with each way, once."""
    marked = (
        (at, mark.way)
        for mark in topology.applications[application].marks
        for at in map(topology.counted_at, topology.mark_route(application, mark))
        if own_way(topology.components[at]) is None
    )
    others = (
        (at, way)
        for at in map(topology.counted_at, topology.route(application))
        if (way := own_way(topology.components[at])) is not None
    )
    for at, way in dict.fromkeys((*marked, *others)):
        yield Counted(application, at, WAYS[way])
