# SPDX-License-Identifier: Apache-2.0
"""A topology as constant series: the many side of every join in the chain, with a weight as value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from joulepath_rules.places import (
    Counter,
    amounts,
    counter_of,
    directions,
    followed,
    place,
    plain_node,
    reserved,
    rows,
    several,
    total,
)
from joulepath_rules.policy_constants import Rows, coverage, limit_rows, policy_rows, weight_rows
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_topology.components import Component
from joulepath_topology.hosts import Overhead, Site
from joulepath_topology.labels import Labelled, label_names, label_values
from joulepath_topology.marginal import of_application
from joulepath_topology.placements import Placement, gpu_box
from joulepath_topology.policies import TRAFFIC
from joulepath_topology.source import METHODS, Method, PowerSource
from joulepath_topology.supplies import Market, Supply, shares
from joulepath_topology.ways import ways

PREFIX = "joulepath_topology_"

YEAR = 365.25 * 86400.0
"""Seconds of a year over which embodied emissions are spread."""


@dataclass(frozen=True)
class Constant:
    """One constant; the name without PREFIX and the labels without `topology`."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def constants(topology: Topology) -> Iterator[Constant]:
    """All constants of a topology."""
    for write in (_sites, _hosts, _sources, _components, _vms, _traffic, _supports, _applications, _marginal, _labels):
        for name, value, labels in write(topology):
            yield Constant(PREFIX + name, value, labels)


def _sites(topology: Topology) -> Rows:
    for name, site in topology.sites.items():
        live = {"overhead": "live"} if isinstance(site.overhead, Overhead) else {}
        market = {"market": "yes"} if any(supply.market for supply in site.supplies.values()) else {}
        factor = {"factor": "marginal"} if site.supplies and site.factor == "marginal" else {}
        labels = {"site": name, **live, **market, **factor}
        yield "site", 1 if isinstance(site.overhead, Overhead) else site.overhead, labels
        yield from _supplies(name, site)
        if site.price is not None:
            currency = {"site": name, "currency": site.price.currency}
            if site.price.query is not None:
                yield "queried_price", 1, currency
            elif site.price.per_kwh is not None and not site.price.changes:
                yield "price_per_kwh", site.price.per_kwh, currency


def _supplies(name: str, site: Site) -> Rows:
    """The part of each supply, its constant factors, and where its live one is read."""
    parts = shares(site.supplies)
    for supply, entry in site.supplies.items():
        own = {"site": name, "supply": supply}
        market = _market(entry)
        kind = {} if supply in parts else {"kind": "meter" if entry.query is not None else "hours"}
        yield "supply", parts.get(supply, 1), {**own, **kind, **({"market": market} if market else {})}
        if entry.grams_per_kwh is not None:
            yield "grams_per_kwh", entry.grams_per_kwh, {**own, "basis": "location"}
        if entry.grid_zone and entry.source:
            zone = {"grid_zone": entry.grid_zone, "source": entry.source, "boundary": entry.boundary}
            yield "grid_zone", 1, {**own, **zone, "factor": site.factor}
        if isinstance(entry.market, Market):
            yield "grams_per_kwh", entry.market.grams_per_kwh, {**own, "basis": "market"}


def _market(supply: Supply) -> str | None:
    """Whether its factor by contract is the grid's, or one of its own."""
    return "contract" if isinstance(supply.market, Market) else supply.market


def _hosts(topology: Topology) -> Rows:
    for name, host in topology.boxes.items():
        for tier in range(1, len(host.tiers) + 1):
            yield "tier", tier, {"host": name, "tier": str(tier), "method": method(topology, name, tier)}
            static = host.static(tier)
            if static is not None:
                yield "static_watts", static, {"host": name, "site": host.site, "tier": str(tier)}
    for name, host in topology.hosts.items():
        if host.embodied is not None:
            rate = host.embodied.kilograms * 1000 / (host.embodied.years * YEAR)
            for box in (name, *(gpu_box(name, number) for number in host.gpus)):
                part = "board" if box == name else "gpu"
                yield "embodied", rate, {"host": box, "site": host.site, "embodied_in": name, "part": part}


def method(topology: Topology, host: str, tier: int) -> Method:
    """How a tier's watts are known: like the weakest of its sources. A fed host is read like the feeder's own."""
    sources = list(topology.boxes[host].tiers[tier - 1])
    for fed in _fed(topology, host, tier):
        sources += topology.boxes[fed].power
    return max((source.method for source in sources), key=METHODS.index)


def _fed(topology: Topology, host: str, tier: int) -> list[str]:
    """The boxes that a tier reads beside the host itself. RAPL, for instance, does not read the GPUs."""
    gpus = {gpu_box(host, number) for number in topology.hosts[host].gpus} if host in topology.hosts else set()
    box = topology.boxes[host]
    return [fed for fed in box.feeds if fed not in gpus or box.reads_gpus(tier)]


def source_rows(topology: Topology) -> Iterator[tuple[float, dict[str, str], str | None]]:
    """The readings of every tier: weight, labels and, for a PromQL source, its expression in watts.

    A reading of a fed host is a reading of the feeder too, with its weight negated. It has the label `feeds` in place
    of `plug`: the watts go from the feeder to that host.
    """
    for name, host in topology.boxes.items():
        for tier, own in enumerate(host.tiers, 1):
            sources = [(f"{number}", "", source) for number, source in enumerate(own, 1)]
            for fed in _fed(topology, name, tier):
                members = enumerate(topology.boxes[fed].power, 1)
                sources += [(f"{fed}/{number}", fed, source) for number, source in members]
            common = {"host": name, "site": host.site, "tier": str(tier), "method": method(topology, name, tier)}
            for label, fed, source in sources:
                sign = -1.0 if fed else 1.0
                weight = sign * source.scale
                row = {**common, "source": label, "kind": source.kind}
                plugs = [plug(source, reading) for reading in source.readings] or [f"{name} source {label}"]
                ends = [{"feeds": fed} if fed else {"plug": each} for each in plugs]
                for reading, end in zip(source.readings, ends, strict=False):
                    yield weight, {**row, **reading, **end}, None
                if source.query is not None:
                    yield weight, {**row, **ends[0]}, source.query
                if source.offset_watts:
                    yield sign * source.offset_watts, {**row, "kind": "offset", **ends[0]}, None


def plug(source: PowerSource, reading: Mapping[str, str]) -> str:
    """The name of a plug by its reading: `pdu pdu-1 outlet 2`."""
    parts = (f"{label} {value}" for label, value in reading.items() if label != "instance")
    return " ".join((source.kind, reading["instance"], *parts))


def _sources(topology: Topology) -> Rows:
    for weight, labels, _ in source_rows(topology):
        yield "source", weight, labels


def _components(topology: Topology) -> Rows:
    for name, component in topology.components.items():
        for placement in topology.placements(name):
            labels = place(topology, name, placement)
            share = "whole" if topology.whole(placement) else "work"
            yield "component", 1, {**labels, "role": component.role, "share": share}
            held = reserved(topology, name, placement)
            if share == "work" and held is not None:
                yield _reservation(component, placement), held, labels
            if component.traffic or component.requests:
                yield from policy_rows(topology, name, placement)
                if several(topology, name):
                    yield from weight_rows(topology, name, placement)
        yield from limit_rows(topology, name, component)


def _reservation(component: Component, placement: Placement) -> str:
    if component.requests_of_pods is not None and placement.gpu is None:
        return "requested_reservation"
    return "moving_reservation" if component.moves else "reservation"


def _vms(topology: Topology) -> Rows:
    """The part of its host's idle power that each virtual machine with components holds; 0 where it holds none."""
    for name in topology.guests:
        vm = topology.vms[name]
        capacity = topology.hosts[vm.host].capacity
        yield "vm", vm.reservation / capacity if vm.reservation and capacity else 0, {"vm": name, "host": vm.host}


def _traffic(topology: Topology) -> Rows:
    for name, component in topology.components.items():
        if not component.traffic and not component.requests:
            continue
        kind, node = total(topology, name), plain_node(topology, name)
        where = {"node_id": node} if node is not None else {}
        if kind in {"query", "counter"}:
            where["counter"] = topology.counted_at(name)
        marginal = {entry.amount for entry in component.marginal} - {None}
        for by in [one for one in TRAFFIC if one in marginal.union(amounts(topology, name))]:
            yield "traffic", 1, {"component": name, "total": kind, "by": by, **where}
            if topology.counted_at(name) != name:
                yield "anchor", 1, {"component": name, "anchor": topology.counted_at(name), "by": by}


def domains(topology: Topology) -> dict[str, str]:
    """The domain of each supported component: those with the same supporters are in the same one."""
    sets: dict[frozenset[str], str] = {}
    found: dict[str, str] = {}
    for name in topology.components:
        if name in topology.supporters:
            found[name] = sets.setdefault(topology.supporters[name], name)
    return found


def _supports(topology: Topology) -> Rows:
    found = domains(topology)
    for member, domain in found.items():
        for placement in topology.placements(member):
            yield "domain", 1, {"component": member, "host": placement.host, "domain": domain}
    for name, component in topology.components.items():
        for domain in sorted({found[supported] for supported in component.supports}):
            yield "supporter", 1, {"component": name, "domain": domain}
            members = {member for member, its in found.items() if its == domain}
            for application in topology.applications:
                if members & set(topology.route(application)):
                    for placement in topology.placements(name):
                        labels = place(topology, name, placement)
                        del labels["segment"]
                        yield "support", 1, {"application": application, **labels, "domain": domain}


def _applications(topology: Topology) -> Rows:
    held = any("reservation" in followed(topology, name) for name in topology.components)
    for name, application in topology.applications.items():
        needed = sum(len(topology.placements(component)) for component in topology.needed(name))
        yield "application", needed, {"application": name}
        if application.reservation is not None and held:
            yield "application_reservation", application.reservation, {"application": name}
        for mark in application.marks:
            yield mark.way, 1, {"application": name, **mark.identity}
            for component in topology.mark_route(name, mark):
                if not counter_of(topology, component).by_application:
                    for labels in _paths(topology, name, component):
                        yield "path", 1, {**labels, **mark.identity}
        yield from _tokens(topology, name)
        for component in topology.route(name):
            if counter_of(topology, component).by_application:
                for labels in _paths(topology, name, component):
                    yield "path", 1, labels
        for counted in ways(topology, name):
            yield "counted", 1, {"application": name, "counter": counted.at, "way": counted.way.name}


def _marginal(topology: Topology) -> Rows:
    """Joules that one more of an application's packets, bytes, requests or tokens adds at each component that it needs.

    An application with a component for which this is not known has none of these. Its method is that of the weakest
    entry, and it has an interval where each entry has one.
    """
    for name in topology.applications:
        needed = {each: of_application(topology.components[each].marginal, name) for each in topology.needed(name)}
        if not needed or not all(needed.values()):
            continue
        entries = [(component, entry) for component, found in needed.items() for entry in found]
        method = "calibrated" if all(entry.method == "calibrated" for _, entry in entries) else "declared"
        bounded = all(entry.low is not None for _, entry in entries)
        for component, entry in entries:
            segment = topology.components[component].segment
            by = {} if entry.amount is None else {"by": entry.amount}
            labels = {"application": name, "component": component, "segment": segment, "method": method, **by}
            yield "marginal", entry.joules, labels
            if bounded and entry.low is not None and entry.high is not None:
                yield "marginal_low", entry.low, labels
                yield "marginal_high", entry.high, labels


def _labels(topology: Topology) -> Rows:
    """The labels of applications and of components, each with all names that one of them has."""
    for kind, entries in labelled(topology).items():
        names = label_names(entries.values())
        if names:
            for name, entry in entries.items():
                yield f"{kind}_labels", 1, {kind: name, **label_values(entry, names)}
            yield f"{kind}_labels", 1, {kind: UNATTRIBUTED, **dict.fromkeys(names, UNATTRIBUTED)}


def labelled(topology: Topology) -> dict[str, Mapping[str, Labelled]]:
    """The entries that may have labels, by their kind."""
    return {"application": topology.applications, "component": topology.components}


def _tokens(topology: Topology, application: str) -> Rows:
    """The weights of tokens at the models of an application that have some."""
    for model in topology.applications[application].models:
        tokens = topology.components[model].tokens
        if tokens is not None:
            for by, weight in (("input", tokens.input), ("output", tokens.output)):
                yield "tokens", weight, {"application": application, "component": model, "counter": model, "by": by}


def _paths(topology: Topology, application: str, component: str) -> Iterator[dict[str, str]]:
    """The labels of an application's path constants at a component, one for each of its hosts."""
    counter = counter_of(topology, component)
    for number, placement in enumerate(topology.placements(component)):
        yield {
            "application": application,
            **place(topology, component, placement),
            **({"node_id": counter.node} if counter.node is not None else {"counter": counter.name}),
            "coverage": coverage(topology, component),
            "amounts": _amounts(topology, component, counter),
            # Traffic passes a component once, on however many hosts it is.
            **({"passing": "yes"} if counter.passing and number == 0 else {}),
            **({"absent": "zero"} if counter.fills else {}),
        }


def _amounts(topology: Topology, component: str, counter: Counter) -> str:
    """The amounts of traffic that an application's share there is made of.

    With rows of applications, those that are rows: one of them, both, or pairs of which each needs the other.
    """
    if several(topology, component):
        held = rows(topology, component)
        return f"rows_{held[0] if len(held) == 1 else 'both' if counter.fills else 'pairs'}"
    if directions(topology, component):
        return "directed"
    used = amounts(topology, component)
    return used[0] if len(used) == 1 else "both"
