# SPDX-License-Identifier: Apache-2.0
"""Everything that a topology reads by PromQL, with its place: power, work, traffic, sessions, factors, prices.

Plain meters and IOAM nodes are not here: they are read by their names, and have checks of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_rules.adapters import cores
from joulepath_rules.adapters.guards import Amount
from joulepath_rules.adapters.traffic import counted
from joulepath_rules.adapters.work import share_work, whole_work
from joulepath_rules.factors import metric
from joulepath_rules.rule import selector
from joulepath_topology import Topology, promql
from joulepath_topology.components import Traffic
from joulepath_topology.cores.schema import Core
from joulepath_topology.hosts import Overhead
from joulepath_topology.placements import Placement, gpu_of
from joulepath_topology.problem import Place
from joulepath_topology.queries import factors, gpu_meters, sources
from joulepath_topology.shares import Share
from joulepath_topology.supplies import Supply


@dataclass(frozen=True)
class Read:
    """One amount that is read."""

    place: Place
    expr: str
    """PromQL with `$window` and `$interval`; any result is an amount."""
    grows: bool = False
    """Whether it cannot be 0 for long: power, and all work of a machine."""
    may_be_away: bool = False
    """Whether it ends with what it counts: of a component that moves or is scaled to none."""
    price: bool = False
    """Whether it is one number, which may be negative."""
    supply: bool = False
    """Whether it may be negative, which counts as 0: of the meter of a supply."""
    because: tuple[Place, ...] = ()
    """Reads without which this one says nothing."""


def reads(topology: Topology) -> Iterator[Read]:
    """All of them, causes first."""
    for of in (_power, _factors, _prices, _work, _requested, _traffic, _sessions):
        for read in of(topology):
            if promql.selectors(read.expr):
                yield read


def _power(topology: Topology) -> Iterator[Read]:
    for name in topology.hosts:
        for place, source in sources(topology, name):
            if source.query is not None:
                yield Read((*place, source.kind), source.query, grows=True)
        for place, source in gpu_meters(topology, name):
            if source.query is not None:
                yield Read(place, source.query, grows=True)


def _factors(topology: Topology) -> Iterator[Read]:
    """Live factors, meters of supplies and overheads. A forecast is not a factor."""
    for name, site in topology.sites.items():
        for place, entry in factors(name, site):
            if entry.grid_zone and entry.source:
                labels = selector(grid_zone=entry.grid_zone, source=entry.source, boundary=entry.boundary)
                settled = labels.replace("}", ',state!="forecast"}')
                yield Read((*place, "grid_zone"), f"{metric(site.factor)}{settled}")
            if isinstance(entry, Supply) and entry.query is not None:
                yield Read((*place, entry.kind), entry.query, supply=not promql.counters(entry.query))
        if isinstance(site.overhead, Overhead):
            yield Read(("sites", name, "overhead"), site.overhead.query)


def _prices(topology: Topology) -> Iterator[Read]:
    for name, site in topology.sites.items():
        if site.price is not None and site.price.query is not None:
            yield Read(("sites", name, "price", "query"), site.price.query, price=True)


def _work(topology: Topology) -> Iterator[Read]:
    """All work of each box, once, and then the parts of it."""
    wholes: dict[Place, Amount] = {}
    parts: list[Read] = []
    for name, component in topology.components.items():
        spread: dict[Place, list[tuple[str, Place]]] = {}
        for placement in topology.placements(name):
            if topology.whole(placement):
                continue
            for at, box, shares, of in _levels(topology, name, placement):
                whole = _whole_place(topology, box, shares)
                wholes.setdefault(whole, whole_work(topology, box, shares))
                for share, amount in zip(shares, share_work(topology, box, shares), strict=True):
                    place = (*at, "share", of.index(share), share.kind)
                    if component.moves:
                        spread.setdefault(place, []).append((amount.plain, whole))
                    else:
                        parts.append(Read(place, amount.plain, because=(whole,)))
        for place, found in spread.items():
            expr = "\nor ".join(f"({each})" for each, _ in found)
            parts.append(Read(place, expr, may_be_away=True, because=tuple(whole for _, whole in found)))
    for place, amount in wholes.items():
        # A GPU's work is read at its meter.
        yield Read(place, amount.plain, grows=True, because=(place[:4],) if "gpus" in place else ())
    yield from parts


def _levels(
    topology: Topology, name: str, placement: Placement
) -> Iterator[tuple[Place, Placement, tuple[Share, ...], tuple[Share, ...]]]:
    """The work of a component on a box, or of its virtual machine there and of the component inside that: the place of
    the entry, the box, the shares on it, and all shares of the entry."""
    component = topology.components[name].share
    if placement.vm is None:
        yield ("components", name), placement, placement.shares, component
        return
    machine = topology.vms[placement.vm].share
    yield ("vms", placement.vm), placement, machine, machine
    if placement.shares:
        yield ("components", name), Placement(placement.vm, placement.shares), placement.shares, component


def _whole_place(topology: Topology, box: Placement, shares: tuple[Share, ...]) -> Place:
    """The key that says what all work of a box is, be it written or not."""
    unit = shares[0].unit
    if box.gpu is not None:
        host, number, _ = gpu_of(topology.hosts, box)
        place: Place = ("hosts", host, "gpus", number)
    else:
        place = ("vms" if box.host in topology.vms else "hosts", box.host)
    return (*place, "kepler" if unit == "kepler" else "active", *(("query",) if unit == "query" else ()))


def _requested(topology: Topology) -> Iterator[Read]:
    """Nodes of kube-state-metrics, on which the requests of pods are the reservation."""
    for name, component in topology.components.items():
        requests = component.requests_of_pods
        if requests is None or requests.fallback is not None:
            continue
        for placement in topology.placements(name):
            if placement.gpu is not None:
                continue
            node = topology.named_in_kepler(placement.vm or placement.host).node_name or ""
            yield Read(("components", name, "reservation"), f"kube_node_info{selector(node=node)}")


def _traffic(topology: Topology) -> Iterator[Read]:
    """Queries for traffic, and counters of model servers. A server that is scaled to none takes its counters along."""
    for name, component in topology.components.items():
        if topology.counted_at(name) != name:
            continue
        if component.traffic is not None and component.traffic.of_core is not None:
            yield from _core(topology, name, component.traffic, component.traffic.of_core)
        for unit, expr in counted(name, component, prompts=component.tokens is not None).items():
            if component.traffic is not None:
                place: Place = ("components", name, "traffic", "query", unit)
            elif component.requests is not None and component.requests.query is not None:
                place = ("components", name, "requests", "query", unit)
            else:
                # One server shows all units: where one is absent, so are mostly all.
                place = ("components", name, "requests")
            yield Read(place, expr, may_be_away=component.moves, because=(place,))


def _core(topology: Topology, name: str, traffic: Traffic, core: Core) -> Iterator[Read]:
    """Totals of a core. A part of an application may be absent, since it has not sent yet."""
    place: Place = ("components", name, "traffic", "core")
    for amount in core.amounts.values():
        if traffic.ioam is not None or amount.parts or not core.divides:
            yield Read(place, cores.whole(topology, traffic, amount), because=(place,))


def _sessions(topology: Topology) -> Iterator[Read]:
    for name, application in topology.applications.items():
        for by, query in application.sessions or ():
            if query is not None:
                yield Read(("applications", name, "sessions", by), query)
