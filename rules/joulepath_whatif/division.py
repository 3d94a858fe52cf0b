# SPDX-License-Identifier: Apache-2.0
"""A component's watts divided among those that send, as its policy says: the definitions of docs/reference/policies.md.

The rules divide what was; here the same amounts divide what would be.
"""

from collections.abc import Iterable, Mapping

from joulepath_rules.places import amounts, presence
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED

OTHERS = ""
"""Stands for all traffic of no application."""
LEAST = 1e-9
"""Traffic below which it counts as 0."""
LEAST_OTHERS = 1e-3
"""The part of all traffic above which that of no application counts as one more sender."""
STATIC = "static"

Rates = Mapping[str, Mapping[str, float]]
"""Traffic at a component by amount, and by application."""
Parts = Mapping[tuple[str, str], float]
"""Watts of a component by host and part."""


def needed(topology: Topology, component: str) -> list[str]:
    """The amounts of traffic that must be known of each application there."""
    return amounts(topology, component)


def divided(topology: Topology, component: str, parts: Parts, rates: Rates) -> dict[tuple[str, str], float]:
    """Watts by application and host, without what is unattributed. `rates` has the amounts that are `needed`."""
    found: dict[tuple[str, str], float] = {}
    shares: dict[str, Mapping[str, float]] = {}
    senders = list(rates.get(presence(topology, component), {}))
    for host, watts, by in _pieces(topology, component, parts, rates):
        if by not in shares:
            shares[by] = _shares(topology, component, by, rates)
        for name in senders:
            if name != OTHERS:
                found[name, host] = found.get((name, host), 0.0) + watts * shares[by].get(name, 0.0)
    return found


def _pieces(topology: Topology, component: str, parts: Parts, rates: Rates) -> Iterable[tuple[str, float, str]]:
    """The host, the watts and the amount that these follow; of a step the name `step` with its number."""
    weights = topology.weights(component)
    for (host, part), watts in parts.items():
        left = watts
        if part != STATIC and "steps" in weights[STATIC]:
            for number, step in _steps(topology, component, rates, watts).items():
                yield host, step, f"step {number}"
                left -= step
        for by, weight in weights[part].items():
            yield host, left * weight, "equal" if by == "steps" else by


def _steps(topology: Topology, component: str, rates: Rates, beyond: float) -> Mapping[int, float]:
    """The watts of each step that somebody needs: together never more than what is drawn beyond the static part."""
    steps = enumerate(topology.components[component].steps)
    wanted = {number: step.watts for number, step in steps if _above(rates, step.above)}
    part = min(1.0, beyond / sum(wanted.values())) if wanted else 0.0
    return {number: part * watts for number, watts in wanted.items()}


def _shares(topology: Topology, component: str, by: str, rates: Rates) -> Mapping[str, float]:
    """The part of an amount that each application has, 0 to 1."""
    entry = topology.components[component]
    if by == UNATTRIBUTED:
        return {}
    if by == "equal":
        return _equally(_above(rates, 0.0, presence(topology, component)))
    if by.startswith("step "):
        return _equally(_above(rates, entry.steps[int(by.removeprefix("step "))].above))
    if by == "reservation":
        held = {
            name: application.reservation or 0.0
            for name, application in topology.applications.items()
            if component in topology.route(name)
        }
        return _parts_of(held, entry.capacity or sum(held.values()))
    if by == "capacity":
        sent = rates.get("volume", {})
        return _parts_of(sent, max(entry.capacity or 0.0, sum(sent.values())))
    sent = rates.get(by, {})
    return _parts_of(sent, sum(sent.values()))


def _above(rates: Rates, limit: float, by: str = "volume") -> list[str]:
    """Those that send more than a limit. Undeclared traffic is one of them, where it is more than background."""
    sent = rates.get(by, {})
    background = LEAST_OTHERS * sum(sent.values())
    return [name for name, rate in sent.items() if rate > (max(limit, background) if name == OTHERS else limit)]


def _equally(names: Iterable[str]) -> Mapping[str, float]:
    among = list(names)
    return dict.fromkeys(among, 1 / len(among)) if among else {}


def _parts_of(own: Mapping[str, float], whole: float) -> Mapping[str, float]:
    return {name: amount / max(whole, LEAST) for name, amount in own.items()}
