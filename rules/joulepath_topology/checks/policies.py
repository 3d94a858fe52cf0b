# SPDX-License-Identifier: Apache-2.0
"""Checks of policies: weights that do not add up to 1, and data that a policy needs."""

from collections.abc import Iterator, Mapping

from joulepath_topology.model import Topology
from joulepath_topology.policies import (
    DEFAULT,
    DIRECTIONS,
    PARTS,
    OwnPolicy,
    Policy,
    amounts_of,
    resolved,
    title,
    weights,
)
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
    yield from _idle(topology)


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
            message = f"weights add up to {total:.10g}: they must add up to 1; `unattributed` takes what is left"
            yield Problem((*place, part), message)
        elif each.get("steps") and part != "static":
            yield Problem((*place, part, "steps"), "divides static power alone: let this part follow something else")
        elif 0 < each.get("steps", 0) < 1:
            yield Problem(
                (*place, part, "steps"), "stands alone, as `{steps: 1}`: a step belongs to those that need it"
            )


def _as_file(policy: str | OwnPolicy | None) -> bool:
    """Whether the component's static part follows the policy of the file."""
    return policy is None or (isinstance(policy, OwnPolicy) and policy.static is None)


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
    alone = topology.weights(name)["static"].keys() == {"steps"}
    if alone and not component.steps and not _as_file(component.policy):
        yield Problem((*place, "steps"), f"{policy} needs some: add them, or let static power follow equal")
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
        counts = f"{directed[0]} bytes, which only an IOAM node without named instances counts"
        message = f"{policy} needs {counts}: give this component another policy"
        yield Problem((*place, "traffic" if component.traffic else "requests"), message, because)


def _idle(topology: Topology) -> Iterator[Problem]:
    """Choices that nothing comes of."""
    counted = {name: entry for name, entry in topology.components.items() if entry.traffic or entry.requests}
    follows = {name: amounts_of(topology.weights(name)) for name in counted}
    usual = [
        name
        for name, entry in counted.items()
        if _as_file(entry.policy) and topology.weights(name)["static"].keys() == {"steps"}
    ]
    if usual and not any(counted[name].steps for name in usual):
        because = tuple(("components", name) for name in usual)
        yield Problem(("policy",), "no component that follows it has steps: add some, or choose equal", because)
    for name, application in topology.applications.items():
        reserves = any("reservation" in follows[each] for each in topology.route(name) if each in follows)
        if application.reservation is not None and not reserves:
            message, place = "counts with policy reservation alone", ("applications", name)
            yield Problem((*place, "reservation"), message, (place,), severity="warning")
    whole = [name for name in counted if not _sometimes_divided(topology, name)]
    for name in whole:
        words = _idle_part(counted[name].policy, topology.weights(name))
        if words:
            message = f"{words}, but its host has no static_watts: add them"
            yield Problem(("components", name, "policy"), message, severity="warning")
    usual = [name for name, entry in counted.items() if entry.policy is None]
    words = _idle_part(topology.policy, resolved(topology.policy))
    if words and usual and set(usual) <= set(whole):
        message = f"{words}, but no host of a component that follows it has static_watts: add them"
        yield Problem(("policy",), message, tuple(("components", name) for name in usual), severity="warning")


def _idle_part(choice: str | OwnPolicy | None, followed: Policy) -> str:
    """Which static part the choice is about, in words; nothing where it is the default, or divides all power so."""
    if choice is None or choice == DEFAULT:
        return ""
    given = choice if isinstance(choice, OwnPolicy) else OwnPolicy(static=choice)
    own = weights(given.static, "static")
    static = [by for by in own if by != "steps"]
    if not static or given.undivided is not None or followed["undivided"] == own:
        return ""
    if static == ["unattributed"]:
        return "leaves static power unattributed"
    return f"lets static power follow {' and '.join(static)}"


def _sometimes_divided(topology: Topology, name: str) -> bool:
    """Whether a tier of one of its hosts knows static watts."""
    boxes = (topology.boxes.get(placement.host) for placement in topology.placements(name))
    return any(
        box is None or any(box.static(tier) is not None for tier in range(1, len(box.tiers) + 1)) for box in boxes
    )


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
        yield Problem(("components", name), message, (*because, ("applications",)))
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
