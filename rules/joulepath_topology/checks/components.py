# SPDX-License-Identifier: Apache-2.0
"""Checks of components: their host, their share of it, their traffic."""

from collections import defaultdict
from collections.abc import Iterator

from joulepath_topology.model import Topology
from joulepath_topology.policies import amounts_needed
from joulepath_topology.problem import Declared, Problem, absent


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """References, roles, shares and reservations, anchors, and what the policy needs."""
    yield from _components(topology, declared)
    yield from _shares(topology)
    yield from _traffic(topology, declared)


def _components(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, component in topology.components.items():
        place = ("components", name)
        host = topology.host_of(name)
        if host not in declared["hosts"]:
            if component.host is None:
                yield Problem(place, f"needs a host: no host under hosts has its own name {name!r}")
            else:
                yield absent((*place, "host"), "host", host)
        if component.role == "model" and component.traffic is not None:
            yield Problem((*place, "traffic"), "a model counts requests, not traffic")
        if component.role != "model" and component.requests is not None:
            yield Problem((*place, "requests"), "only a component of role model counts requests")
        if component.supports and (component.traffic or component.requests):
            key = "traffic" if component.traffic else "requests"
            yield Problem((*place, key), "a supporting component follows what it supports: it needs none")
        for number, supported in enumerate(component.supports):
            if supported not in declared["components"]:
                yield absent((*place, "supports", number), "component", supported)
            elif supported == name:
                yield Problem((*place, "supports", number), "a component does not support itself")
            elif supported in topology.components and topology.components[supported].supports:
                message = f"{supported!r} is a supporting component itself: name what both support"
                yield Problem((*place, "supports", number), message)
        yield from _policy(topology, name)


def _policy(topology: Topology, name: str) -> Iterator[Problem]:
    """A policy that needs an uncounted amount would silently attribute nothing."""
    component = topology.components[name]
    anchored = topology.components.get(topology.counted_at(name), component)
    policy = component.policy or topology.policy
    words = {"count": "requests", "volume": "tokens"} if component.requests else {"count": "packets", "volume": "bytes"}
    counted: object = None
    if component.requests and component.requests.query:
        counted, key = component.requests.query, "requests"
    elif anchored.traffic and anchored.traffic.query:
        counted, key = anchored.traffic.query, "traffic"
    if counted is None:
        return
    for amount in sorted(amounts_needed(policy)):
        if getattr(counted, words[amount]) is None:
            message = f"policy {policy} needs {words[amount]}: add a query for them, or give this component a policy"
            chosen = ("policy",) if component.policy is None else ("components", name, "policy")
            yield Problem(("components", name, key), message, (("components", topology.counted_at(name), key), chosen))


def _shares(topology: Topology) -> Iterator[Problem]:
    """Who shares a host says how much of it is his: of its work, and of its capacity where idle watts are known."""
    reserved: dict[str, list[str]] = defaultdict(list)
    for name, component in topology.components.items():
        host = topology.hosts.get(topology.host_of(name))
        place, at = ("components", name), ("hosts", topology.host_of(name))
        if host is None or topology.alone(name):
            continue
        if not component.share:
            yield Problem(place, f"shares host {topology.host_of(name)!r} with others: needs a share")
        kinds = {share.kind for share in component.share}
        if len(kinds) > 1:
            yield Problem((*place, "share"), f"adds {' and '.join(sorted(kinds))}: one component, one unit of work")
        if "query" in kinds and host.active is None:
            message = f"is a part of what? Give host {topology.host_of(name)!r} the whole, `active: {{query: ...}}`"
            yield Problem((*place, "share"), message, ((*at, "active"),))
        if component.reservation is not None:
            reserved[topology.host_of(name)].append(name)
            if host.capacity is None:
                message = f"host {topology.host_of(name)!r} has no capacity that this could be a part of"
                yield Problem((*place, "reservation"), message, ((*at, "capacity"),))
        elif host.divided:
            message = f"needs a reservation: host {topology.host_of(name)!r} has static_watts to divide"
            yield Problem(place, message)
    for name, members in reserved.items():
        capacity = topology.hosts[name].capacity
        total = sum(topology.components[member].reservation or 0 for member in members)
        if capacity is not None and total > capacity:
            message = f"is {capacity:g}, but {', '.join(members)} reserve {total:g}"
            yield Problem(("hosts", name, "capacity"), message)


def _traffic(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, component in topology.components.items():
        place = ("components", name, "traffic", "anchor")
        if component.traffic is None or component.traffic.anchor is None:
            continue
        anchor = component.traffic.anchor
        if anchor not in declared["components"]:
            yield absent(place, "component", anchor)
            continue
        target = topology.components.get(anchor)
        if target is None:
            continue
        message = f"{anchor!r} counts no traffic of its own: anchor at a component that does"
        if target.traffic is None:
            yield Problem(place, message, (("components", anchor, "traffic"),))
        elif target.traffic.anchor is not None:
            yield Problem(place, message)
