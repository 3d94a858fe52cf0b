# SPDX-License-Identifier: Apache-2.0
"""Where each component stands and where its traffic is counted: questions that constants and adapters both ask."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from joulepath_topology import Topology
from joulepath_topology.placements import Placement
from joulepath_topology.policies import DIRECTIONS, TRAFFIC

AMOUNTS = ("count", "volume")
"""Packets or requests, and bytes or tokens."""

Total = Literal["node", "traced", "query", "counter"]


def place(topology: Topology, component: str, placement: Placement) -> dict[str, str]:
    """The labels that a component's power carries on one host or GPU."""
    segment = topology.components[component].segment
    site = topology.boxes[placement.host].site
    return {"component": component, "host": placement.host, "site": site, "segment": segment}


def reserved(topology: Topology, component: str, placement: Placement) -> float | None:
    """The part of a box's static power that a component holds, 0 to 1; None where it holds none.

    A GPU's is divided equally, as far as the shares do not say otherwise. In a virtual machine it is a part of the
    machine's. Of a component that holds what its pods request: the part for each unit of it.
    """
    if topology.whole(placement):
        return 1.0
    if placement.gpu is not None:
        given = topology.gpu_reservations(placement.host)
        return given[component] if component in given else _left(topology.members[placement.host], given)
    entry, whole = topology.components[component], topology.boxes[placement.host].capacity
    own = 1.0 if entry.requests_of_pods is not None else entry.held
    if placement.vm is not None:
        vm = topology.vms[placement.vm]
        if vm.reservation is None or whole is None:
            return None
        if not placement.shares:
            return vm.reservation / whole
        inner = None if own is None or vm.capacity is None else own / vm.capacity
        return None if inner is None else inner * vm.reservation / whole
    return None if own is None or whole is None else own / whole


def _left(members: Collection[str], given: Mapping[str, float]) -> float:
    """The equal part of those without a reservation in what the others leave of a GPU."""
    return max(1 - sum(given.values()), 0.0) / (len(members) - len(given))


def parts(topology: Topology, component: str, placement: Placement) -> list[tuple[str, ...]]:
    """The parts that a component's power has, for each state of its host: divided, where a tier knows its static
    watts, or not."""
    box = topology.boxes[placement.host]
    known = [box.static(tier) is not None for tier in range(1, len(box.tiers) + 1)]
    divided = ("dynamic",) if reserved(topology, component, placement) is None else ("static", "dynamic")
    return [*([divided] if any(known) else []), *([("undivided",)] if not all(known) else [])]


def followed(topology: Topology, component: str) -> set[str]:
    """The amounts that the component's parts follow."""
    policy = topology.weights(component)
    return {
        by
        for placement in topology.placements(component)
        for state in parts(topology, component, placement)
        for part in state
        for by in policy[part]
    }


def static_followed(topology: Topology, component: str) -> bool:
    """Whether the static part follows anything, and so is some application's."""
    return topology.weights(component)["static"].keys() != {"unattributed"}


def several(topology: Topology, component: str) -> bool:
    """Whether its power follows an amount that is not traffic, which an application has for all of its traffic there:
    then this traffic is a row."""
    return bool(followed(topology, component) - {*TRAFFIC, "unattributed"})


def directions(topology: Topology, component: str) -> set[str]:
    """The directions that its power follows."""
    return followed(topology, component) & set(DIRECTIONS)


def presence(topology: Topology, component: str) -> str:
    """The amount by which an application is there or not: bytes, if they are counted and packets alone do not do."""
    used, counted = followed(topology, component), units(topology, component)
    octets = {"bytes", "tokens"} & set(counted) or not {"packets", "requests"} & set(counted)
    return "count" if not octets or ("count" in used and not used & _OF_BYTES) else "volume"


_OF_BYTES = {"volume", "steps", "capacity"}
"""Amounts that need an application's bytes (of a model: tokens)."""


def rows(topology: Topology, component: str) -> list[str]:
    """Of a component with `several`: the amounts of an application that are rows, first that by which it is there."""
    there = presence(topology, component)
    return [there, *(by for by in AMOUNTS if by in followed(topology, component) - {there})]


def amounts(topology: Topology, component: str) -> list[str]:
    """The amounts of traffic that the component's policy uses, with that by which applications are there."""
    used = followed(topology, component)
    if several(topology, component) or not used & set(AMOUNTS):
        used |= {presence(topology, component)}
    return [by for by in TRAFFIC if by in used]


def used_directions(topology: Topology) -> list[str]:
    """The directions that the power of any component follows."""
    used = {by for name in _counted(topology) for by in directions(topology, name)}
    return [by for by in DIRECTIONS if by in used]


def used_rows(topology: Topology) -> list[str]:
    """The amounts that are rows at any component."""
    used = {by for name in _counted(topology) if several(topology, name) for by in rows(topology, name)}
    return [by for by in AMOUNTS if by in used]


def _counted(topology: Topology) -> list[str]:
    return [name for name, entry in topology.components.items() if entry.traffic or entry.requests]


def plain_node(topology: Topology, component: str) -> str | None:
    """The node id, where a component's traces are read from the ioam exporters' series without an adapter."""
    traffic = topology.components[topology.counted_at(component)].traffic
    if traffic is None or traffic.ioam is None or traffic.ioam.instances:
        return None
    return str(traffic.ioam.node)


def total(topology: Topology, component: str) -> Total:
    """How all traffic at the place where a component's is counted is known.

    `node`: all user packets of a node; `traced`: all of its traces; `query`: PromQL beside a node's traces;
    `counter`: an adapter, which also knows the rows.
    """
    traffic = topology.components[topology.counted_at(component)].traffic
    if plain_node(topology, component) is None or traffic is None:
        return "counter"
    if traffic.query or traffic.core:
        return "query"
    return "traced" if traffic.traced else "node"


@dataclass(frozen=True)
class Counter:
    """Where an application's traffic at a component is counted, and how its rows are matched."""

    name: str
    node: str | None
    """The node id, where the ioam exporters' series are read directly."""
    coverage: Literal["own", "anchor", "counter"]
    """`own` where the node is this component's alone, on one host, so that the node says which component it is."""
    by_application: bool
    """Whether its rows are of applications, and not of traces."""
    passing: bool
    """Whether what the declared applications send must be known before their shares are."""
    fills: bool
    """Whether an application without a row has sent nothing."""


def counter_of(topology: Topology, component: str) -> Counter:
    """The counter of a component: its own, or its anchor's."""
    name = topology.counted_at(component)
    entry = topology.components[name]
    node = plain_node(topology, component)
    by_ioam = entry.traffic is not None and entry.traffic.ioam is not None
    if node is None:
        coverage: Literal["own", "anchor", "counter"] = "counter"
    else:
        alone = (
            name == component and int(node) not in topology.shared_nodes and len(topology.placements(component)) == 1
        )
        coverage = "own" if alone else "anchor"
    return Counter(
        name=name,
        node=node,
        coverage=coverage,
        by_application=not by_ioam,
        passing=_passing(topology, component),
        fills=entry.traffic is not None and not by_ioam,
    )


def _passing(topology: Topology, component: str) -> bool:
    """An anchored component, an anchor, and one with rows and a total from two places."""
    name = topology.counted_at(component)
    traffic = topology.components[name].traffic
    mixed = traffic is not None and traffic.ioam is not None and bool(traffic.query or traffic.ioam.instances)
    core = traffic.of_core if traffic is not None else None
    if core is not None:
        mixed = mixed or any(amount.total for amount in core.amounts.values())
    return component in topology.anchors or name != component or mixed


def units(topology: Topology, component: str) -> list[str]:
    """The units in which a component's traffic is really counted: packets and bytes, or requests and tokens."""
    entry = topology.components[topology.counted_at(component)]
    if entry.requests:
        return [unit for unit in entry.requests.units if unit != "input_tokens"]
    core = entry.traffic.of_core if entry.traffic and not entry.traffic.ioam else None
    if core is not None:
        return [amount.label for amount in core.amounts.values() if amount.parts]
    if entry.traffic and entry.traffic.query and not entry.traffic.ioam:
        return [unit for unit in ("packets", "bytes") if getattr(entry.traffic.query, unit) is not None]
    return ["packets", "bytes"]
