# SPDX-License-Identifier: Apache-2.0
"""A topology as constant series: the many side of every join in the chain, with a weight as value."""

from collections.abc import Iterator

from joulepath_rules.policies import POLICIES
from joulepath_rules.rule import Rule, number
from joulepath_rules.topology import Topology
from joulepath_rules.topology.hosts import METHODS, Method

PREFIX = "joulepath_topology_"
PARTS = ("static", "dynamic", "undivided")


def constants(topology: Topology) -> Iterator[Rule]:
    """All constants of a topology; each carries its hash, by which the chain knows its own."""
    for write in (_sites, _hosts, _sources, _components, _traffic, _supports, _applications):
        for name, value, labels in write(topology):
            yield Rule(PREFIX + name, f"vector({number(value)})", {"topology": topology.hash, **labels})


Constants = Iterator[tuple[str, float, dict[str, str]]]


def _sites(topology: Topology) -> Constants:
    for name, site in topology.sites.items():
        market = {} if site.market is None else {"market": "location" if site.market == "location" else "contract"}
        yield "site", site.overhead, {"site": name, **market}
        if site.grams_per_kwh is not None:
            yield "grams_per_kwh", site.grams_per_kwh, {"site": name, "basis": "location"}
        if site.grid_zone and site.source:
            zone = {"grid_zone": site.grid_zone, "source": site.source, "boundary": site.boundary}
            yield "grid_zone", 1, {"site": name, **zone}
        if site.market is not None and site.market != "location":
            yield "grams_per_kwh", site.market.grams_per_kwh, {"site": name, "basis": "market"}


def _hosts(topology: Topology) -> Constants:
    for name, host in topology.hosts.items():
        labels = {"host": name, "site": host.site}
        yield "host", 1, labels
        for tier in range(1, len(host.tiers) + 1):
            yield "tier", tier, {"host": name, "tier": str(tier), "method": method(topology, name, tier)}
            static = host.static(tier)
            if static is not None:
                yield "static_watts", static, {**labels, "tier": str(tier)}


def method(topology: Topology, host: str, tier: int) -> Method:
    """How a tier's watts are known: like the weakest of its sources. What is fed is read like the feeder's own."""
    sources = list(topology.hosts[host].tiers[tier - 1])
    for fed in topology.hosts[host].feeds:
        sources += topology.hosts[fed].power
    return max((source.method for source in sources), key=METHODS.index)


def source_rows(topology: Topology) -> Iterator[tuple[float, dict[str, str], str | None]]:
    """The readings of every tier: weight, labels and, for a PromQL source, its expression in watts.

    What a host feeds is a reading of the feeder too, with its weight negated.
    """
    for name, host in topology.hosts.items():
        for tier, own in enumerate(host.tiers, 1):
            sources = [(f"{number}", 1.0, source) for number, source in enumerate(own, 1)]
            for fed in host.feeds:
                members = enumerate(topology.hosts[fed].power, 1)
                sources += [(f"{fed}/{number}", -1.0, source) for number, source in members]
            common = {"host": name, "site": host.site, "tier": str(tier), "method": method(topology, name, tier)}
            for label, sign, source in sources:
                weight = sign * source.scale
                row = {**common, "source": label, "kind": source.kind}
                if source.pdu is not None:
                    for outlet in source.outlets or ():
                        yield weight, {**row, "instance": source.pdu, "outlet": outlet}, None
                elif source.bmc is not None:
                    chassis = {} if source.chassis is None else {"chassis": source.chassis}
                    yield weight, {**row, "instance": source.bmc, **chassis}, None
                elif source.rapl is not None:
                    yield weight, {**row, "instance": source.rapl}, None
                elif source.joules is not None:
                    yield weight, row, f"sum(rate({source.joules}[$window]))"
                else:
                    yield weight, row, f"sum({source.watts})"
                if source.offset_watts:
                    yield sign * source.offset_watts, {**row, "kind": "offset"}, None


def _sources(topology: Topology) -> Constants:
    for weight, labels, _ in source_rows(topology):
        yield "source", weight, labels


def place(topology: Topology, component: str) -> dict[str, str]:
    """The labels that a component's power carries."""
    host = topology.host_of(component)
    segment = topology.components[component].segment
    return {"component": component, "host": host, "site": topology.hosts[host].site, "segment": segment}


def _components(topology: Topology) -> Constants:
    for name, component in topology.components.items():
        labels = place(topology, name)
        host = topology.hosts[topology.host_of(name)]
        yield "component", 1, {**labels, "role": component.role}
        for part in PARTS:
            if topology.alone(name):
                yield "share", 1, {**labels, "part": part, "by": "whole"}
            elif part != "static":
                yield "share", 1, {**labels, "part": part, "by": "work"}
            elif component.reservation is not None and host.capacity is not None:
                yield "share", component.reservation / host.capacity, {**labels, "part": part, "by": "reservation"}
        if component.traffic or component.requests:
            for part, weights in POLICIES[component.policy or topology.policy].items():
                for amount, weight in weights.items():
                    yield "policy", weight, {"component": name, "part": part, "by": amount}


def plain_node(topology: Topology, component: str) -> str | None:
    """The node id, where a component's traces are read from the ioam exporters' series without an adapter."""
    traffic = topology.components[topology.counted_at(component)].traffic
    if traffic is None or traffic.ioam is None or traffic.ioam.instances:
        return None
    return str(traffic.ioam.node)


def total_is_plain(topology: Topology, component: str) -> bool:
    """Whether a component's total is all user packets of its node id, as the ioam exporters count them."""
    traffic = topology.components[topology.counted_at(component)].traffic
    return plain_node(topology, component) is not None and not (traffic and (traffic.query or traffic.traced))


def units(topology: Topology, component: str) -> list[str]:
    """What of a component's traffic is really counted: packets and bytes, or requests and tokens."""
    entry = topology.components[topology.counted_at(component)]
    if entry.requests:
        query = entry.requests.query
        return [unit for unit in ("requests", "tokens") if query is None or getattr(query, unit) is not None]
    if entry.traffic and entry.traffic.query and not entry.traffic.ioam:
        return [unit for unit in ("packets", "bytes") if getattr(entry.traffic.query, unit) is not None]
    return ["packets", "bytes"]


def _traffic(topology: Topology) -> Constants:
    for name, component in topology.components.items():
        if not component.traffic and not component.requests:
            continue
        counted, node = topology.counted_at(name), plain_node(topology, name)
        where = {"node_id": node} if node is not None and total_is_plain(topology, name) else {"counter": counted}
        yield "traffic", 1, {"component": name, **where}
        for unit in units(topology, name):
            yield "amount", 1, {"component": name, "unit": unit}
        if counted != name:
            for by in ("count", "volume"):
                yield "anchor", 1, {"component": name, "anchor": counted, "by": by}


def domains(topology: Topology) -> dict[str, str]:
    """The domain of each supported component: those with the same supporters are in the same one."""
    sets: dict[frozenset[str], str] = {}
    found: dict[str, str] = {}
    for name in topology.components:
        if name in topology.supporters:
            found[name] = sets.setdefault(topology.supporters[name], name)
    return found


def _supports(topology: Topology) -> Constants:
    found = domains(topology)
    for member, domain in found.items():
        yield "domain", 1, {"component": member, "domain": domain}
    for name, component in topology.components.items():
        for domain in sorted({found[supported] for supported in component.supports}):
            yield "supporter", 1, {"component": name, "domain": domain}
            members = {member for member, its in found.items() if its == domain}
            for application in topology.applications:
                if members & set(topology.route(application)):
                    labels = {key: value for key, value in place(topology, name).items() if key != "segment"}
                    yield "support", 1, {"application": application, **labels, "domain": domain}


def _applications(topology: Topology) -> Constants:
    for name, application in topology.applications.items():
        traces = [{"ioam_namespace": str(trace.ioam_namespace), "trace_id": trace.id} for trace in application.traces]
        yield "application", len(topology.needed(name)), {"application": name}
        for trace in traces:
            yield "trace", 1, {"application": name, **trace}
        for component in topology.route(name):
            labels = {"application": name, **place(topology, component)}
            counted, node = topology.counted_at(component), plain_node(topology, component)
            if node is not None:
                coverage = "own" if counted == component else "anchor"
                for trace in traces:
                    yield "path", 1, {**labels, **trace, "node_id": node, "coverage": coverage}
            else:
                traffic = topology.components[counted].traffic
                own = "own" if traffic and traffic.ioam else "query"
                coverage = own if counted == component else "anchor"
                fill = {"absent": "zero"} if own == "query" else {}
                yield "path", 1, {**labels, "counter": counted, "coverage": coverage, **fill}
