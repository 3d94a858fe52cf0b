# SPDX-License-Identifier: Apache-2.0
"""Rows of applications that queries and model servers count: each has its label, with a name of the topology."""

from collections.abc import Iterator
from difflib import get_close_matches

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import rows, timed
from joulepath_doctor.selected import shown
from joulepath_rules.adapters.traffic import counted
from joulepath_topology import Topology, promql
from joulepath_topology.problem import Place

LIKE = 0.7
"""How alike two names must be, 0 to 1, to be one that is written in two ways."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each counter that has rows."""
    topology = context.topology
    for name, component in topology.components.items():
        if topology.counted_at(name) != name or (component.traffic and component.traffic.ioam):
            continue
        used = [application for application in topology.applications if _passes(topology, application, name)]
        if not used:
            continue
        place: Place = ("components", name, "requests" if component.requests else "traffic")
        for expr in counted(name, component, prompts=component.tokens is not None).values():
            found_rows = rows(context, f"sum by (application) ({timed(context, expr)})", "application")
            there = {application for (application,) in found_rows}
            served = component.requests.served if component.requests is not None else None
            label = served.application_label if served is not None else "application"
            yield from _rows(topology, place, there, used, label, filled=component.requests is None)
            if there - {""} and served is not None:
                yield from _servers(context, place, expr, label)


def _servers(context: Context, place: Place, expr: str, label: str) -> Iterator[Finding]:
    """Servers of a model of which no row says its application, beside others that do."""
    for counter in promql.selectors(expr):
        counting = rows(context, f"group by (job, instance, {label}) ({counter})", "job", "instance", label)
        named = {each[:2] for each in counting if each[2]}
        silent = sorted({each[1] for each in counting} - {instance for _, instance in named})
        if named and silent:
            yield found(
                "model/unlabelled", place,
                f"no row of {shown('', silent)} has the label {label}, those of other servers of this model have: let "
                "the gateway or the server add it there, too",
                cause=f"{place} {silent}",
            )  # fmt: skip


def _passes(topology: Topology, application: str, component: str) -> bool:
    """Whether an application's traffic is counted there."""
    return any(topology.counted_at(each) == component for each in topology.route(application))


def _rows(
    topology: Topology, place: Place, there: set[str], used: list[str], label: str, *, filled: bool
) -> Iterator[Finding]:
    """Of rows that are there at all. With `filled`, an application without a row has sent nothing: that is allowed,
    unless a row has nearly its name, or no row is of the topology."""
    named = there - {""}
    if there and not named:
        yield found(
            "model/unlabelled", place,
            f"no row has the label {label}, so nothing can be divided: let the gateway or the server add it, or "
            "name the label that has it as `application_label`",
        )  # fmt: skip
    if not named:
        return
    strange = sorted(named - set(topology.applications))
    for application in used:
        near = get_close_matches(application.lower(), [each.lower() for each in strange], n=1, cutoff=LIKE)
        if application in named or (filled and not near and named & set(topology.applications)):
            continue
        others = (
            f"rows that are not in the topology are {shown(application, strange)}" if strange else "others have rows"
        )
        yield found(
            "model/application-absent", place,
            f"application {application!r} has no row, {others}: give both one name, or send a first request",
        )  # fmt: skip
