# SPDX-License-Identifier: Apache-2.0
"""Checks of cores: amounts that they do not count, keys that they do not know, traffic that two applications claim."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from joulepath_topology.components import Traffic
from joulepath_topology.cores.keys import InCore
from joulepath_topology.cores.schema import Core
from joulepath_topology.model import Topology
from joulepath_topology.policies import POLICIES, amounts_needed, title
from joulepath_topology.problem import Problem

ANCHOR = "if one place counts for both, write `anchor: {}`; if not, give each its `instances`"
WORDS = {"count": "packets", "volume": "bytes"}


def policy(topology: Topology, name: str, traffic: Traffic) -> Iterator[Problem]:
    """A policy that needs an amount which the core does not count."""
    core, component = traffic.of_core, topology.components[name]
    if core is None:
        return
    chosen = title(component.policy or topology.policy)
    lacking = [
        by
        for by in sorted(amounts_needed(topology.weights(name)))
        if not _counts(core, by, beside=traffic.ioam is not None)
    ]
    if not lacking:
        return
    why = "for an application" if core.divides and traffic.ioam is None else "for the whole"
    fits = [each for each in POLICIES if _fits(core, each, beside=traffic.ioam is not None)]
    cure = f"give this component `policy: {fits[0]}`" if fits else "leave `core` out here"
    message = f"policy {chosen} needs {WORDS[lacking[0]]}, which {core.title} does not count {why}: {cure}"
    where = ("policy",) if component.policy is None else ("components", name, "policy")
    counted = ("components", topology.counted_at(name), "traffic")
    yield Problem(("components", name, "traffic"), message, (counted, where))


def _fits(core: Core, chosen: str, *, beside: bool) -> bool:
    return all(_counts(core, by, beside=beside) for by in amounts_needed(POLICIES[chosen]))


def _counts(core: Core, by: str, *, beside: bool) -> bool:
    """Whether it counts an amount; beside an IOAM node as packets/s or bytes/s of all traffic."""
    amount = dict(core.amounts).get(by)  # type: ignore[call-overload]  # by is one of its keys, or absent
    if amount is None:
        return False
    if beside:
        return bool(amount.absolute)
    return bool(amount.parts) or not core.divides


def check(topology: Topology) -> Iterator[Problem]:
    """Applications that pass a core without a key that it knows, keys without a core, and keys that overlap."""
    used: set[tuple[str, int]] = set()
    for name, component in topology.components.items():
        traffic = component.traffic
        core = traffic.of_core if traffic is not None and traffic.ioam is None else None
        if core is None:
            continue
        claimed: list[tuple[str, InCore]] = []
        for application, entry in topology.applications.items():
            if name not in _counted(topology, application):
                continue
            place = ("applications", application)
            known = topology.keys_in_core(application, name)
            used.update((application, entry.core.index(one)) for one in known)
            if not known:
                yield Problem((*place, "core") if entry.core else place, _unknown(name, core), (("components", name),))
            for one in known:
                where = (*place, "core", entry.core.index(one))
                for other, theirs in claimed:
                    if other != application and (found := _overlap(one, theirs)) is not None:
                        yield Problem(where, f"{found[1]} {other!r}", severity=found[0])
                        break
            claimed += [(application, one) for one in known]
    for application, entry in topology.applications.items():
        for number, one in enumerate(entry.core):
            if (application, number) not in used and topology.applications[application].path:
                keys = " and ".join(one.given)
                message = f"no component of its path counts by {keys}: see `core` of their traffic"
                yield Problem(("applications", application, "core", number), message, severity="warning")


def shared(topology: Topology) -> Iterator[Problem]:
    """A core that two components use, other than at different instances: each would have the traffic of both."""
    users: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for name, component in topology.components.items():
        traffic = component.traffic
        if traffic is None or traffic.core is None:
            continue
        ours = frozenset(traffic.instances)
        for other, theirs in users[traffic.core].items():
            if ours and theirs and not ours & theirs:
                continue
            if ours == theirs:
                message = f"{traffic.core} already counts for {other!r}: {ANCHOR.format(other)}"
            elif ours and theirs:
                message = f"{traffic.core} of instance {min(ours & theirs)!r} already counts for {other!r}"
            else:
                every = other if ours else name
                message = f"{traffic.core} of every instance counts for {every!r}: give that its `instances`, too"
            because = (("components", other, "traffic"),)
            yield Problem(("components", name, "traffic"), message, because, "warning" if ours == theirs else "error")
            break
        users[traffic.core][name] = ours


def _counted(topology: Topology, application: str) -> set[str]:
    """The components at which an application is counted, as far as they are declared."""
    route = [member for member in topology.route(application) if member in topology.components]
    return {topology.counted_at(member) for member in route}


def _unknown(name: str, core: Core) -> str:
    if not core.divides:
        return (
            f"{name!r} cannot tell applications apart: {core.title} counts its whole traffic; give it `ioam` beside "
            "`core`, for their traces or flows"
        )
    keys = ", ".join(f"`{key}`" for key in core.keys)
    return f"needs core: {name!r} knows applications by {keys}, as {core.title} counts them"


def _overlap(one: InCore, other: InCore) -> tuple[Literal["error", "warning"], str] | None:
    """The severity and the words, where two entries may select the same traffic."""
    shared = one.given.keys() & other.given.keys()
    if any(not set(one.given[key]) & set(other.given[key]) for key in shared):
        return None
    if one.given.keys() <= other.given.keys() or one.given.keys() >= other.given.keys():
        return "error", "is traffic that counts already for"
    return "warning", "may be the same traffic as that of"
