# SPDX-License-Identifier: Apache-2.0
"""Power and traffic of a component over windows, from a Prometheus that has the topology's rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulepath_calibrate.asked import Times, fresh
from joulepath_calibrate.errors import RefusedError
from joulepath_prometheus.client import Prometheus
from joulepath_rules.places import counter_of, plain_node
from joulepath_rules.rule import selector
from joulepath_topology import Topology
from joulepath_topology.promql import quote


@dataclass(frozen=True)
class Runs:
    """Means over windows that follow each other: the end of each, watts, and the rates of traffic by name."""

    at: Sequence[float]
    watts: Sequence[float]
    rates: Mapping[str, Sequence[float]]


def from_prometheus(
    prometheus: Prometheus, topology: Topology, component: str, rates: Mapping[str, str], *, since: float, now: float
) -> Runs:
    """The windows of the last `since` seconds in which power and all rates are known.

    `rates` are queries by name. Raises PrometheusError and RefusedError.
    """
    own = f"topology={quote(topology.name)},component={quote(component)}"
    times = Times.of(prometheus, topology, f"component:power_watts{{{own}}}", since, now)
    watts = times.values(prometheus, _power(topology, component))
    if not watts:
        raise RefusedError(
            f"has no measured power in {prometheus.url}: load the rules of topology {topology.name!r} there, and check "
            "that the meters of its hosts are read"
        )
    found = {}
    for name, query in rates.items():
        found[name] = times.values(prometheus, query)
        if not found[name]:
            raise RefusedError(f"has no traffic of {name} in {prometheus.url}: check that {query} has samples")
    common = [at for at in sorted(watts) if all(at in values for values in found.values())]
    series = {name: [values[at] for at in common] for name, values in found.items()}
    return Runs(common, [watts[at] for at in common], series)


def _power(topology: Topology, component: str) -> str:
    """Measured watts of a component on all of its hosts.

    Of a host that it shares only what changes with work: its part of idle power is one by reservation.
    """
    placements = topology.placements(component)
    own = f"topology={quote(topology.name)},component={quote(component)}"
    if not all(map(topology.whole, placements)):
        own += ',part!="static"'
    measured = f'host:power_source:info{{topology={quote(topology.name)},method="measured"}}'
    watts = f"({fresh(f'component:power_watts{{{own}}}', topology)} and on (host) {measured})"
    return f"sum({watts}) and on () count(count by (host) {watts}) == {len(placements)}"


def whole(topology: Topology, component: str, by: str) -> str:
    """PromQL: all traffic of a component, whoever sends it. `by` is `count` or `volume`."""
    own = selector(topology=topology.name, component=component, by=by)
    recorded = " or ".join(fresh(f"component:{name}:rate{own}", topology) for name in ("whole", "counted"))
    return f"max({recorded}){_measured(topology, component)}"


def of_application(topology: Topology, component: str, application: str, by: str) -> str:
    """PromQL: the traffic of one application at a component."""
    counter = counter_of(topology, component)
    if counter.node is None:
        rows = selector(topology=topology.name, counter=counter.name, application=application, by=by)
        known = fresh(f"adapter:traffic:rate{rows}", topology)
        counted = selector(topology=topology.name, counter=counter.name, by=by)
        silent = f" or 0 * max(adapter:traffic:rate{counted})" if counter.fills else ""
        return f"sum({known}){silent}"
    marks = topology.applications[application].marks
    passing = [mark for mark in marks if component in topology.mark_route(application, mark)]
    labels = {"topology": topology.name, "node_id": counter.node, "by": by, "total": ""}
    seen = (fresh(f"node:seen:rate{selector(**labels, **mark.identity)}", topology) for mark in passing)
    return f"sum({' or '.join(seen)}){_measured(topology, component)}"


def _measured(topology: Topology, component: str) -> str:
    """Rates of a node are low by the part of the window in which it was not counted."""
    node = plain_node(topology, component)
    if node is None:
        return ""
    return f" / on () max(node:measured:ratio{selector(topology=topology.name, node_id=node)})"
