# SPDX-License-Identifier: Apache-2.0
"""Checks of IOAM nodes: each capture point belongs to one component."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from joulepath_topology.model import Topology
from joulepath_topology.problem import Problem

Severity = Literal["error", "warning"]


def check(topology: Topology) -> Iterator[Problem]:
    """A node id that two components use, other than at different exporters."""
    users: dict[int, dict[str, frozenset[str]]] = defaultdict(dict)
    for name, component in topology.components.items():
        if component.traffic is None or component.traffic.ioam is None:
            continue
        node, instances = component.traffic.ioam.node, frozenset(component.traffic.ioam.instances)
        for other, theirs in users[node].items():
            found = _shared(node, other, theirs, instances)
            if found is not None:
                message, severity = found
                because = (("components", other, "traffic", "ioam"),)
                yield Problem(("components", name, "traffic", "ioam"), message, because, severity)
                break
        users[node][name] = instances


def _shared(node: int, other: str, theirs: frozenset[str], ours: frozenset[str]) -> tuple[str, Severity] | None:
    """The mistake where two components use one node id at these exporters; an empty set is all of them."""
    if theirs == ours:
        anchor = f"if one place counts for both, write `anchor: {other}`"
        return f"node {node} already counts for {other!r}: {anchor}; if not, give each its `instances`", "warning"
    if not theirs:
        return f"{other!r} uses node {node} at every exporter: give that its `instances`, too", "error"
    if not ours:
        places = ", ".join(sorted(theirs))
        return f"uses node {node} at every exporter, but {other!r} uses it at {places}: add `instances`", "error"
    if theirs & ours:
        return f"node {node} of instance {min(theirs & ours)!r} already counts for {other!r}", "error"
    return None
