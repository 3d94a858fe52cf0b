# SPDX-License-Identifier: Apache-2.0
"""The constants of policies: the weights with which power follows amounts, and the limits of steps and capacities."""

from collections.abc import Iterator

from joulepath_rules.places import (
    counter_of,
    directions,
    followed,
    parts,
    plain_node,
    presence,
    read_there,
    rows,
    static_followed,
)
from joulepath_topology import Topology
from joulepath_topology.components import Component
from joulepath_topology.placements import Placement
from joulepath_topology.policies import TRAFFIC

Rows = Iterator[tuple[str, float, dict[str, str]]]
"""Name, value and labels of constants."""

STEP = "step-"
"""Before the number of a step: the part of power that it is, and the amount that this part follows."""


def policy_rows(topology: Topology, name: str, placement: Placement) -> Rows:
    """The weights with which the component's parts follow traffic that is read where it is counted.

    A host is divided or it is not: in both states each amount that is used at all has a weight, be it 0.
    """
    node = plain_node(topology, name)
    own = {} if node is None else {"node_id": node, "coverage": coverage(topology, name)}
    policy = topology.weights(name)
    for state in parts(topology, name, placement):
        for number, by in enumerate(read_there(topology, name)):
            used = {part: policy[part][by] for part in state if by in policy[part]}
            if number == 0 and not static_followed(topology, name):
                used = dict.fromkeys(state[:1], 0.0) | used
            for part, weight in (used or {state[0]: 0.0}).items():
                yield "policy", weight, {"component": name, "host": placement.host, "part": part, "by": by, **own}


def coverage(topology: Topology, component: str) -> str:
    """How the component is counted, and whether its power follows directions."""
    return counter_of(topology, component).coverage + ("_directed" if directions(topology, component) else "")


def weight_rows(topology: Topology, name: str, placement: Placement) -> Rows:
    """The weights with which they follow what an application has for its traffic there (`by`).

    `of` is the whole: this traffic, all that send or need a step, all reservations, the capacity. Static power with
    `steps` is one for all that send. An application without a reservation has 0 W of a static part that
    follows reservations alone.
    """
    policy, named = topology.weights(name), {"steps": "equal"}
    every, there = rows(topology, name), presence(topology, name)
    others = sorted({named.get(by, by) for by in followed(topology, name)} - {*TRAFFIC, "unattributed"})
    where = {"component": name, "host": placement.host}
    for state in parts(topology, name, placement):
        for number, of in enumerate([*every, *others]):
            used = {part: policy[part][each] for part in state for each in policy[part] if named.get(each, each) == of}
            if number == 0 and policy["static"].keys() <= {"reservation", "unattributed"}:
                used = dict.fromkeys(state[:1], 0.0) | used
            for part, weight in (used or {state[0]: 0.0}).items():
                by = of if of in every else "volume" if of == "capacity" else there
                yield "weight", weight, {**where, "part": part, "by": by, "of": of}
    for step in _steps(topology, name):
        yield "weight", 1, {**where, "part": step, "by": "volume", "of": step}
        watts = topology.components[name].steps[int(step.removeprefix(STEP)) - 1].watts
        yield "step_watts", watts, {**where, "part": step, "of": step}


def _steps(topology: Topology, component: str) -> list[str]:
    """The steps of a component that its policy uses."""
    used = "steps" in followed(topology, component)
    return [f"{STEP}{number}" for number, _ in enumerate(topology.components[component].steps, 1) if used]


def most_steps(topology: Topology) -> int:
    """How many steps the component with most of them has."""
    counted = (name for name, entry in topology.components.items() if entry.traffic or entry.requests)
    return max((len(_steps(topology, name)) for name in counted), default=0)


def limit_rows(topology: Topology, name: str, component: Component) -> Rows:
    """Rates at which a step begins, or with which a capacity compares, and the whole of reservations."""
    if not (component.traffic or component.requests):
        return
    used, node = followed(topology, name), plain_node(topology, name)
    where = {"component": name, **({} if node is None else {"node_id": node})}
    if "capacity" in used and component.capacity is not None:
        yield "limit", component.capacity, {**where, "of": "capacity"}
    for step, entry in zip(_steps(topology, name), component.steps, strict=False):
        yield "limit", entry.above, {**where, "of": step}
    if "reservation" in used:
        held = sum(
            entry.reservation or 0 for one, entry in topology.applications.items() if name in topology.route(one)
        )
        yield "reservable", component.capacity or held, {"component": name, "of": "reservation"}
