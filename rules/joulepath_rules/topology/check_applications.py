# SPDX-License-Identifier: Apache-2.0
"""Checks of applications and budgets."""

from collections.abc import Iterator

from joulepath_rules.topology.model import Topology
from joulepath_rules.topology.problem import Declared, Problem

# A budget that can be exceeded in the longest month passes.
PERIOD_SECONDS = {"hour": 3600, "day": 86400, "month": 31 * 86400}


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """References, paths that could never be complete, traces that stand twice, budgets that could never be exceeded."""
    yield from _applications(topology, declared)
    yield from _traces(topology)
    yield from _budgets(topology, declared)


def _applications(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, application in topology.applications.items():
        place = ("applications", name)
        if not application.path and not application.models:
            yield Problem(place, "needs a path, models or both")
        for key, names in (("path", application.path), ("models", application.models)):
            for number, member in enumerate(names):
                where = (*place, key, number)
                if member in names[:number]:
                    yield Problem(where, f"{member!r} stands twice")
                elif member not in declared["components"]:
                    yield Problem(where, f"there is no component {member!r} under components")
                elif member in topology.components:
                    yield from _member(topology, name, key, number, member)
        ioam = [member for member in application.path if member in topology.components and _by_ioam(topology, member)]
        if ioam and not application.traces:
            yield Problem(place, f"needs traces: {ioam[0]!r} knows applications by their IOAM trace")


def _member(topology: Topology, application: str, key: str, number: int, member: str) -> Iterator[Problem]:
    where = ("applications", application, key, number)
    component = topology.components[member]
    at = (("components", member),)
    if component.supports:
        yield Problem(where, f"{member!r} supports others and follows them: leave it out of the path", at)
    elif (component.role == "model") != (key == "models"):
        yield Problem(
            where,
            f"{member!r} is {'a' if key == 'path' else 'no'} model: it belongs under "
            f"{'models' if key == 'path' else 'path'}",
            at,
        )
    elif component.role == "model" and component.requests is None:
        yield Problem(where, f"{member!r} counts no requests: nothing could be attributed", at)
    elif component.role != "model" and component.traffic is None:
        yield Problem(where, f"{member!r} counts no traffic: nothing could be attributed", at)
    else:
        anchor = topology.counted_at(member)
        if anchor != member and anchor not in topology.applications[application].path:
            message = f"the traffic of {member!r} is counted at {anchor!r}, which the path does not have"
            yield Problem(where, message, (*at, ("applications", application, "path")))


def _by_ioam(topology: Topology, member: str) -> bool:
    counted = topology.components.get(topology.counted_at(member))
    return counted is not None and counted.traffic is not None and counted.traffic.ioam is not None


def _traces(topology: Topology) -> Iterator[Problem]:
    owners: dict[tuple[int, str], str] = {}
    for name, application in topology.applications.items():
        for number, trace in enumerate(application.traces):
            key = (trace.ioam_namespace, trace.id)
            if key in owners:
                message = f"trace {trace.id} of namespace {trace.ioam_namespace} already stands for {owners[key]!r}"
                yield Problem(("applications", name, "traces", number), message)
            owners.setdefault(key, name)


def _budgets(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, budget in topology.budgets.items():
        if budget.application not in declared["applications"]:
            message = f"there is no application {budget.application!r} under applications"
            yield Problem(("budgets", name, "application"), message)
            continue
        if budget.application not in topology.applications:
            continue
        needed = [member for member in topology.needed(budget.application) if member in topology.components]
        hosts = [topology.hosts.get(host) for host in sorted({topology.host_of(member) for member in needed})]
        ceilings = [host.max_watts for host in hosts if host is not None and host.max_watts is not None]
        most = sum(ceilings) * PERIOD_SECONDS[budget.per]
        if hosts and len(ceilings) == len(hosts) and most <= budget.energy:
            message = (
                f"cannot be exceeded: the hosts of {budget.application!r} draw at most {sum(ceilings):g} W, "
                f"{most / 3.6e6:g} kWh in each {budget.per}"
            )
            yield Problem(("budgets", name, "energy"), message)
