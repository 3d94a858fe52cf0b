# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a topology beyond the form of its entries: references, sums, doubles, what could never work."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from joulepath_rules.policies import amounts_needed
from joulepath_rules.topology.common import duration
from joulepath_rules.topology.model import Topology

PERIOD_SECONDS = {"hour": 3600, "day": 86400, "month": 28 * 86400}


Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what to do, and the other places that it is about."""

    place: Place
    message: str
    because: tuple[Place, ...] = ()

    def __str__(self) -> str:
        where = ".".join(map(str, self.place))
        return f"{where}: {self.message}" if where else self.message


def check(topology: Topology, data: dict[Any, Any]) -> Iterator[Problem]:
    """All mistakes. `data` is the file as it stands: a name in it is declared, even where its entry was refused."""
    declared = {
        section: set(data[section]) if isinstance(data.get(section), dict) else set()
        for section in ("sites", "hosts", "components", "applications")
    }
    yield from _durations(topology)
    yield from _sites(topology)
    yield from _hosts(topology, declared)
    yield from _meters(topology)
    yield from _components(topology, declared)
    yield from _shares(topology)
    yield from _traffic(topology, declared)
    yield from _applications(topology, declared)
    yield from _traces(topology)
    yield from _budgets(topology, declared)


def _durations(topology: Topology) -> Iterator[Problem]:
    if not 1 <= topology.interval <= 120:
        yield Problem(("interval",), "must lie between 1s and 2m: Prometheus forgets a series after five minutes")
    elif topology.window < 4 * topology.interval:
        shortest = duration(4 * topology.interval)
        yield Problem(("window",), f"must be at least four intervals, here {shortest}", (("interval",),))


def _sites(topology: Topology) -> Iterator[Problem]:
    if any(site.market for site in topology.sites.values()):
        for name, site in topology.sites.items():
            if site.market is None:
                message = "other sites have a market factor: give this one its own, or `market: location`"
                yield Problem(("sites", name), message)


def _hosts(topology: Topology, declared: dict[str, set[str]]) -> Iterator[Problem]:
    for name, host in topology.hosts.items():
        place = ("hosts", name)
        if host.site not in declared["sites"]:
            yield Problem((*place, "site"), f"there is no site {host.site!r} under sites")
        for number, source in enumerate(host.power):
            if source.static_watts is not None:
                yield Problem((*place, "power", number, "static_watts"), "write it at the host, beside power")
        for number, fed in enumerate(host.feeds):
            if fed == name:
                yield Problem((*place, "feeds", number), "a host does not feed itself")
            elif fed not in declared["hosts"]:
                yield Problem((*place, "feeds", number), f"there is no host {fed!r} under hosts")
        overlapping = set(host.kepler.zones) & {"psys", "core", "uncore"}
        if overlapping and len(host.kepler.zones) > 1:
            zone = min(overlapping)
            message = f"{zone} overlaps with the other zones: use package and dram, or one zone alone"
            yield Problem((*place, "kepler", "zones"), message)
    feeders: dict[str, str] = {}
    for name, host in topology.hosts.items():
        for number, fed in enumerate(host.feeds):
            if fed in feeders:
                message = f"{fed!r} is already fed by {feeders[fed]!r}: its watts would be taken off twice"
                yield Problem(("hosts", name, "feeds", number), message)
            feeders.setdefault(fed, name)


def _meters(topology: Topology) -> Iterator[Problem]:
    """A reading that stands twice would be counted twice."""
    used: dict[tuple[str, ...], str] = {}
    for name, host in topology.hosts.items():
        for tier, sources in enumerate(host.tiers):
            for number, source in enumerate(sources):
                place = ("hosts", name, "power", number) if tier == 0 else ("hosts", name, "fallback", tier - 1)
                meters: list[tuple[tuple[str, ...], tuple[str | int, ...], str]] = []
                for position, outlet in enumerate(source.outlets or ()):
                    text = f"outlet {outlet} of {source.pdu}"
                    meters.append((("pdu", source.pdu or "", outlet), (*place, "outlets", position), text))
                for kind in ("bmc", "rapl"):
                    instance = getattr(source, kind)
                    if instance is not None:
                        meters.append(((kind, instance, source.chassis or ""), (*place, kind), f"{kind} {instance}"))
                for meter, where, text in meters:
                    if meter in used:
                        yield Problem(where, f"{text} is already used by host {used[meter]!r}: it would count twice")
                    used.setdefault(meter, name)


def _components(topology: Topology, declared: dict[str, set[str]]) -> Iterator[Problem]:
    for name, component in topology.components.items():
        place = ("components", name)
        host = topology.host_of(name)
        if host not in declared["hosts"]:
            if component.host is None:
                yield Problem(place, f"needs a host: there is none of its own name {name!r} under hosts")
            else:
                yield Problem((*place, "host"), f"there is no host {host!r} under hosts")
        if component.role == "model" and component.traffic is not None:
            yield Problem((*place, "traffic"), "a model counts requests, not traffic")
        if component.role != "model" and component.requests is not None:
            yield Problem((*place, "requests"), "only a component of role model counts requests")
        if component.supports and (component.traffic or component.requests):
            key = "traffic" if component.traffic else "requests"
            yield Problem((*place, key), "a supporting component follows what it supports: it needs none")
        for number, supported in enumerate(component.supports):
            if supported not in declared["components"]:
                yield Problem((*place, "supports", number), f"there is no component {supported!r} under components")
            elif supported == name:
                yield Problem((*place, "supports", number), "a component does not support itself")
            elif supported in topology.components and topology.components[supported].supports:
                message = f"{supported!r} is a supporting component itself: name what both support"
                yield Problem((*place, "supports", number), message)
        yield from _policy(topology, name)


def _policy(topology: Topology, name: str) -> Iterator[Problem]:
    """A policy that needs an amount which nobody counts would silently attribute nothing."""
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
            where = ("components", topology.counted_at(name), key)
            yield Problem(("components", name, key), message, (where, ("policy",), ("components", name, "policy")))


def _shares(topology: Topology) -> Iterator[Problem]:
    """Who shares a host says how much of it is his: of its work, and of its capacity where idle watts are known."""
    reserved: dict[str, list[str]] = defaultdict(list)
    for name, component in topology.components.items():
        host = topology.hosts.get(topology.host_of(name))
        place, at = ("components", name), ("hosts", topology.host_of(name))
        if host is None or topology.alone(name):
            continue
        if not component.share:
            yield Problem(place, f"shares host {topology.host_of(name)!r} with others: needs a share", (at,))
        kinds = {share.kind for share in component.share}
        if len(kinds) > 1:
            yield Problem((*place, "share"), f"adds {' and '.join(sorted(kinds))}: one component, one unit of work")
        if "query" in kinds and host.active is None:
            message = f"is a part of what? Give host {topology.host_of(name)!r} the whole, `active: {{query: ...}}`"
            yield Problem((*place, "share"), message, (at,))
        if component.reservation is not None:
            reserved[topology.host_of(name)].append(name)
            if host.capacity is None:
                message = f"host {topology.host_of(name)!r} has no capacity that this could be a part of"
                yield Problem((*place, "reservation"), message, (at,))
        elif host.divided:
            message = f"needs a reservation: host {topology.host_of(name)!r} has static_watts to divide"
            yield Problem(place, message, (at,))
    for name, members in reserved.items():
        capacity = topology.hosts[name].capacity
        total = sum(topology.components[member].reservation or 0 for member in members)
        if capacity is not None and total > capacity:
            message = f"is {capacity:g}, but {', '.join(members)} reserve {total:g}"
            yield Problem(("hosts", name, "capacity"), message)


def _traffic(topology: Topology, declared: dict[str, set[str]]) -> Iterator[Problem]:
    for name, component in topology.components.items():
        place = ("components", name, "traffic", "anchor")
        if component.traffic is None or component.traffic.anchor is None:
            continue
        anchor = component.traffic.anchor
        if anchor not in declared["components"]:
            yield Problem(place, f"there is no component {anchor!r} under components")
            continue
        target = topology.components.get(anchor)
        if target is None:
            continue
        if target.traffic is None or target.traffic.anchor is not None:
            message = f"{anchor!r} counts no traffic of its own: anchor at a component that does"
            yield Problem(place, message, (("components", anchor, "traffic"),))


def _applications(topology: Topology, declared: dict[str, set[str]]) -> Iterator[Problem]:
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


def _budgets(topology: Topology, declared: dict[str, set[str]]) -> Iterator[Problem]:
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
