# SPDX-License-Identifier: Apache-2.0
"""Checks of marginal power: its unit must be counted at the component, and each entry must stand once."""

from collections.abc import Iterator

from joulepath_topology.marginal import of_application
from joulepath_topology.model import Topology
from joulepath_topology.problem import Declared, Problem, absent


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """Units that are not counted, applications that do not pass, entries that stand twice; else what is incomplete."""
    mistakes = list(_entries(topology, declared))
    yield from mistakes or _incomplete(topology)


def _entries(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, component in topology.components.items():
        seen: set[tuple[str | None, str | None]] = set()
        for number, entry in enumerate(component.marginal):
            place = ("components", name, "marginal", number)
            if (entry.per, entry.application) in seen:
                yield Problem(place, "stands twice for the same unit and application: leave one of them")
            seen.add((entry.per, entry.application))
            if entry.per is not None and entry.per not in counted(topology, name):
                units = counted(topology, name)
                words = (
                    f"counts {' and '.join(units)}" if units else "counts nothing: state {joules: 0} or leave it out"
                )
                yield Problem((*place, "per"), f"{entry.per}: this component {words}")
            if entry.application is None:
                continue
            if entry.application not in declared["applications"]:
                yield absent((*place, "application"), "application", entry.application)
            elif entry.application in topology.applications and name not in topology.needed(entry.application):
                yield Problem((*place, "application"), f"{entry.application!r} does not use this component")


def _incomplete(topology: Topology) -> Iterator[Problem]:
    """Applications of which the marginal power would be absent, although some of it is stated."""
    for name in topology.applications:
        needed = [component for component in topology.needed(name) if component in topology.components]
        lacking = [one for one in needed if not of_application(topology.components[one].marginal, name)]
        if lacking and len(lacking) < len(needed):
            message = f"has no marginal power: {', '.join(lacking)} state no `marginal`, others on its path do"
            places = tuple(("components", one, "marginal") for one in lacking)
            yield Problem(("applications", name), message, places, severity="warning")


def counted(topology: Topology, name: str) -> tuple[str, ...]:
    """The units in which a component's traffic is counted, where it is."""
    component = topology.components[name]
    if component.requests is not None:
        return tuple(unit for unit in component.requests.units if unit != "input_tokens")
    anchored = topology.components.get(topology.counted_at(name), component)
    traffic = anchored.traffic
    if traffic is None:
        return ()
    if traffic.of_core is not None and not traffic.ioam:
        return tuple(amount.label for amount in traffic.of_core.amounts.values() if amount.parts)
    if traffic.query is not None and not traffic.ioam:
        return tuple(unit for unit in ("packets", "bytes") if getattr(traffic.query, unit) is not None)
    return ("packets", "bytes")
