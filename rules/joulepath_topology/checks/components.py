# SPDX-License-Identifier: Apache-2.0
"""Checks of components: their host, their share of it, their traffic."""

from collections import defaultdict
from collections.abc import Iterator

from joulepath_topology.checks import cores
from joulepath_topology.model import Topology
from joulepath_topology.model_servers import SERVERS
from joulepath_topology.placements import Placement, gpu_box, gpu_shares, own_shares
from joulepath_topology.policies import amounts_needed, title
from joulepath_topology.problem import Declared, Place, Problem, absent
from joulepath_topology.shares import HOST, Share


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """References, roles, shares and reservations, anchors, and what the policy needs."""
    yield from _components(topology, declared)
    yield from _shares(topology)
    yield from _traffic(topology, declared)


def _components(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, component in topology.components.items():
        place = ("components", name)
        yield from _hosts(topology, declared, name)
        if component.role == "model" and component.traffic is not None:
            yield Problem((*place, "traffic"), "a model counts requests, not traffic")
        if component.role != "model" and component.requests is not None:
            yield Problem((*place, "requests"), "only a component of role model counts requests")
        yield from _tokens(topology, name)
        if component.reservation is not None and component.share and not own_shares(component):
            message = (
                "is a part of the host, but its share claims GPUs alone: add its work on the host, or leave this out"
            )
            yield Problem((*place, "reservation"), message)
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


def _tokens(topology: Topology, name: str) -> Iterator[Problem]:
    """Weights need counters of both kinds of tokens."""
    component, place = topology.components[name], ("components", name, "tokens")
    if component.tokens is None:
        return
    if component.requests is None:
        yield Problem(place, "weighs the tokens of `requests`: this component has none")
        return
    for unit, words in (("tokens", "generated tokens"), ("input_tokens", "tokens of prompts")):
        if unit not in component.requests.units:
            yield Problem(
                place, f"weighs {words}, which `requests` does not count", (("components", name, "requests"),)
            )


def _policy(topology: Topology, name: str) -> Iterator[Problem]:
    """A policy that needs an uncounted amount would silently attribute nothing."""
    component = topology.components[name]
    anchored = topology.components.get(topology.counted_at(name), component)
    policy, weights = title(component.policy or topology.policy), topology.weights(name)
    words = {"count": "requests", "volume": "tokens"} if component.requests else {"count": "packets", "volume": "bytes"}
    if component.requests:
        counted, key = component.requests.units, "requests"
    elif anchored.traffic and anchored.traffic.core:
        yield from cores.policy(topology, name, anchored.traffic)
        return
    elif anchored.traffic and anchored.traffic.query:
        query = anchored.traffic.query
        counted, key = tuple(unit for unit in ("packets", "bytes") if getattr(query, unit) is not None), "traffic"
    else:
        return
    for amount in sorted(amounts_needed(weights)):
        if words[amount] not in counted:
            needs = f"policy {policy} needs {words[amount]}"
            message = f"{needs}: add a query for them, or give this component a policy"
            if component.requests and component.requests.served:
                server = SERVERS[component.requests.kind].title
                message = f"{needs}, which {server} does not count: give this component a policy"
            chosen = ("policy",) if component.policy is None else ("components", name, "policy")
            yield Problem(("components", name, key), message, (("components", topology.counted_at(name), key), chosen))


def _hosts(topology: Topology, declared: Declared, name: str) -> Iterator[Problem]:
    """The hosts and GPUs that a component names."""
    component, place = topology.components[name], ("components", name)
    if component.pool is not None and not topology.hosts_of(name):
        yield Problem((*place, "pool"), f"no host under hosts has the pool {component.pool!r}")
    for number, host in enumerate(topology.hosts_of(name)):
        if host in declared["vms"] and not component.moves:
            continue
        if host not in declared["hosts"]:
            if component.hosts:
                yield absent((*place, "hosts", number), "host", host)
            elif component.host is None:
                yield Problem(place, f"needs a host: no host under hosts has its own name {name!r}")
            else:
                yield absent((*place, "host"), "host", host)
        elif host in component.hosts[:number]:
            yield Problem((*place, "hosts", number), f"{host!r} stands twice")
    yield from _gpus(topology, name)


def _gpus(topology: Topology, name: str) -> Iterator[Problem]:
    component = topology.components[name]
    for host in topology.hosts_of(name):
        if component.share and not own_shares(component) and not gpu_shares(component, host):
            yield Problem(("components", name, "share"), f"claims nothing of its host {host!r}: leave that host out")
    for number, share in enumerate(topology.components[name].share):
        place = ("components", name, "share", number)
        if share.gpu is None:
            continue
        if share.host is not None and share.host not in topology.hosts_of(name):
            yield Problem((*place, "host"), f"{share.host!r} is not a host of this component")
        for host in filter(share.on, topology.hosts_of(name)):
            if host in topology.vms:
                yield Problem(
                    (*place, "gpu"), f"{host!r} is a virtual machine: name the GPU at a component of its host"
                )
            elif host in topology.hosts:
                yield from _gpu(topology, place, share, host)


def _gpu(topology: Topology, place: Place, share: Share, host: str) -> Iterator[Problem]:
    """How a part of a GPU is measured must be something that its meter or Kepler tells."""
    gpus = topology.hosts[host].gpus
    there = (("hosts", host, "gpus"),)
    gpu = gpus.get(share.gpu or "")
    if gpu is None:
        yield Problem((*place, "gpu"), f"host {host!r} has no GPU {share.gpu!r} under gpus", there)
    elif share.workload is not None and gpu.gpu is None:
        yield Problem((*place, "workload"), "only the gpu exporter tells the workloads of a GPU: use query", there)
    elif share.gpu_instance is not None and gpu.gpu is None and gpu.dcgm is None:
        message = "only the gpu exporter and dcgm-exporter tell the slices of a GPU: use query"
        yield Problem((*place, "gpu_instance"), message, there)
    elif share.measured and share.unit == "kepler" and len(gpus) > 1:
        message = (
            f"Kepler does not say on which GPU a workload runs, and host {host!r} has {len(gpus)}: use another share"
        )
        yield Problem((*place, share.kind), message, there)


def _shares(topology: Topology) -> Iterator[Problem]:
    """Who shares a host says how much of it is his: of its work, and of its capacity where idle watts are known."""
    for name, component in topology.components.items():
        place = ("components", name)
        kinds = {share.unit for share in component.share if share.gpu is None and share.measured}
        if len(kinds) > 1:
            kinds = {share.kind for share in component.share if share.gpu is None}
            yield Problem((*place, "share"), f"adds {' and '.join(sorted(kinds))}: one component, one unit of work")
        yield from _same_everywhere(topology, name)
        for placement in topology.placements(name):
            if placement.host in topology.boxes and not topology.whole(placement):
                yield from _share(topology, name, placement)
    yield from _reservations(topology)


def _same_everywhere(topology: Topology, name: str) -> Iterator[Problem]:
    """A query that does not name the host would read the same work on each host of the component."""
    if len(topology.hosts_of(name)) < 2:
        return
    for number, share in enumerate(topology.components[name].share):
        if share.query is not None and HOST not in share.query:
            message = f'reads the same work on each host: name the host in a label, such as node="{HOST}"'
            yield Problem(("components", name, "share", number, "query"), message)


def _share(topology: Topology, name: str, placement: Placement) -> Iterator[Problem]:
    """One component's part of one box."""
    component, place = topology.components[name], ("components", name)
    where = placement.vm or placement.host
    section = "vms" if placement.vm else "hosts"
    inside = topology.guests[placement.vm] if placement.vm else topology.members[placement.host]
    if not placement.shares and len(inside) > 1:
        what = f"shares GPU {placement.gpu!r} of its host" if placement.gpu else f"shares host {where!r}"
        yield Problem(place, f"{what} with others: needs a share")
    if len({share.unit for share in placement.shares}) > 1:
        return
    if any(share.kind == "query" for share in placement.shares) and topology.active(where) is None:
        thing = f"GPU {placement.gpu!r}" if placement.gpu else f"host {where!r}"
        message = f"is a part of what? Give {thing} the whole, `active: {{query: ...}}`"
        yield Problem((*place, "share"), message, ((section, where, "active"),))
    if placement.gpu is not None or (placement.vm is not None and not placement.shares):
        return
    capacity = topology.vms[where].capacity if placement.vm else topology.boxes[where].capacity
    if component.reservation is not None and capacity is None:
        message = f"host {where!r} has no capacity that this could be a part of"
        yield Problem((*place, "reservation"), message, ((section, where, "capacity"),))
    elif component.reservation is None and topology.boxes[placement.host].divided:
        message = f"needs a reservation: host {placement.host!r} has static_watts to divide"
        yield Problem(place, message)


def _reservations(topology: Topology) -> Iterator[Problem]:
    """Reservations that come to more than the capacity; those that move are not at all of their hosts at once."""
    reserved: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for name, component in topology.components.items():
        for placement in topology.placements(name):
            where = ("vms", placement.vm) if placement.vm else ("hosts", placement.host)
            if component.held is not None and not component.moves and placement.gpu is None:
                reserved[where][name] = component.held
    for name, vm in topology.vms.items():
        if vm.reservation is not None:
            reserved["hosts", vm.host][name] = vm.reservation
    for (section, name), members in reserved.items():
        holder = (topology.vms if section == "vms" else topology.hosts).get(name)
        total = sum(members.values())
        if holder is not None and holder.capacity is not None and total > holder.capacity:
            message = f"is {holder.capacity:g}, but {', '.join(members)} reserve {total:g}"
            yield Problem((section, name, "capacity"), message)
    yield from _gpu_reservations(topology)


def _gpu_reservations(topology: Topology) -> Iterator[Problem]:
    """Reservations that come to more than the GPU; of components that stay there."""
    for host, entry in topology.hosts.items():
        for number in entry.gpus:
            box = gpu_box(host, number)
            given = topology.gpu_reservations(box)
            reserved = {name: part for name, part in given.items() if not topology.components[name].moves}
            if (total := sum(reserved.values())) > 1 + 1e-9:
                message = f"{', '.join(reserved)} reserve {total:g} of this GPU: together at most 1"
                yield Problem(("hosts", host, "gpus", number), message)


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
