# SPDX-License-Identifier: Apache-2.0
"""Checks of policies: weights that do not add up to 1, and data that a policy needs."""

from collections.abc import Iterator, Mapping

from joulepath_topology.model import Topology
from joulepath_topology.policies import DIRECTIONS, PARTS, OwnPolicy, amounts_of, title
from joulepath_topology.problem import Place, Problem

ROUNDING = 1e-9


def check(topology: Topology) -> Iterator[Problem]:
    """All of them."""
    yield from _own(topology.policy, ("policy",))
    for name, component in topology.components.items():
        if component.policy is not None:
            yield from _own(component.policy, ("components", name, "policy"))
        if component.traffic or component.requests:
            yield from _needs(topology, name)
            yield from reserved(topology, name)
        yield from _unused(topology, name)


def _own(policy: str | OwnPolicy, place: Place) -> Iterator[Problem]:
    """The weights of a part add up to 1, and steps divide the static part alone."""
    if isinstance(policy, str):
        return
    given = {part: getattr(policy, part) for part in PARTS}
    if all(each is None for each in given.values()):
        yield Problem(place, "needs static, dynamic, undivided or several of them")
    for part, each in given.items():
        if not isinstance(each, Mapping):
            continue
        total = sum(each.values())
        if abs(total - 1) > ROUNDING:
            message = f"weights add up to {total:g}: they must add up to 1; `unattributed` takes what is left"
            yield Problem((*place, part), message)
        elif each.get("steps") and part != "static":
            yield Problem((*place, part, "steps"), "divides static power alone: let this part follow something else")
        elif 0 < each.get("steps", 0) < 1:
            yield Problem(
                (*place, part, "steps"), "stands alone, as `{steps: 1}`: a step belongs to those that need it"
            )


def _chosen(topology: Topology, name: str) -> Place:
    return ("policy",) if topology.components[name].policy is None else ("components", name, "policy")


def _needs(topology: Topology, name: str) -> Iterator[Problem]:
    """Data without which the policy of a component attributes nothing."""
    component, place = topology.components[name], ("components", name)
    used, because = amounts_of(topology.weights(name)), (_chosen(topology, name),)
    policy = f"policy {title(component.policy or topology.policy)}"
    if "capacity" in used and component.capacity is None:
        message = f"{policy} needs its capacity, in {_unit(topology, name)}: add it, or give this component a policy"
        yield Problem((*place, "capacity"), message, because)
    if "steps" in used and component.steps and len(topology.placements(name)) > 1:
        yield Problem((*place, "steps"), "are of one host: this component is on several", because)
    if "steps" in used and component.steps and not _divided(topology, name):
        yield Problem((*place, "steps"), "come on top of the static part: its host has no static_watts", because)
    counted = topology.components.get(topology.counted_at(name), component)
    traffic = counted.traffic
    directed = [by for by in DIRECTIONS if by in used]
    if directed and (
        traffic is None or traffic.ioam is None or traffic.ioam.instances or traffic.query or traffic.core
    ):
        message = f"{policy} needs {directed[0]} bytes, which an IOAM node without named instances has"
        yield Problem((*place, "traffic" if component.traffic else "requests"), message, because)


def _divided(topology: Topology, name: str) -> bool:
    boxes = (topology.boxes.get(placement.host) for placement in topology.placements(name))
    return all(box is None or box.divided for box in boxes)


def _unit(topology: Topology, name: str) -> str:
    return "tokens/s" if topology.components[name].requests else "bytes/s"


def reserved(topology: Topology, name: str) -> Iterator[Problem]:
    """Somebody reserves, and not more than there is."""
    if "reservation" not in amounts_of(topology.weights(name)):
        return
    component, because = topology.components[name], (_chosen(topology, name),)
    held = {
        one: entry.reservation
        for one, entry in topology.applications.items()
        if entry.reservation is not None and name in topology.route(one)
    }
    total = sum(held.values())
    if not held:
        message = "no application that passes it has a reservation, which its policy needs"
        yield Problem(("components", name), message, because)
    elif component.capacity is not None and total > component.capacity * (1 + ROUNDING):
        message = f"is {component.capacity:g}, but {', '.join(held)} reserve {total:g}"
        yield Problem(("components", name, "capacity"), message, because)


def _unused(topology: Topology, name: str) -> Iterator[Problem]:
    """Data that no policy reads."""
    component = topology.components[name]
    used = amounts_of(topology.weights(name)) if component.traffic or component.requests else set()
    if component.steps and "steps" not in used:
        yield Problem(("components", name, "steps"), "counts with policy steps alone", severity="warning")
    if component.capacity is not None and not used & {"capacity", "reservation"}:
        message = "counts with the policies capacity and reservation alone"
        yield Problem(("components", name, "capacity"), message, severity="warning")
