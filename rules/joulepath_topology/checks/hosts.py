# SPDX-License-Identifier: Apache-2.0
"""Checks of hosts."""

from collections.abc import Iterator

from joulepath_topology.hosts import Host
from joulepath_topology.meters import METERS
from joulepath_topology.model import Topology
from joulepath_topology.placements import gpu_box, idle_gpus
from joulepath_topology.problem import Declared, Place, Problem, absent
from joulepath_topology.queries import gpu_meters, sources
from joulepath_topology.source import PowerSource


def check(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """References, zones that overlap, meters that stand twice."""
    yield from _hosts(topology, declared)
    yield from _gpus(topology)
    yield from _vms(topology, declared)
    yield from _feeders(topology)
    yield from _meters(topology)


def _hosts(topology: Topology, declared: Declared) -> Iterator[Problem]:
    for name, host in topology.hosts.items():
        place = ("hosts", name)
        if host.site not in declared["sites"]:
            yield absent((*place, "site"), "site", host.site)
        for number, source in enumerate(host.power):
            if source.static_watts is not None:
                yield Problem((*place, "power", number, "static_watts"), "write it at the host, beside power")
        yield from _idle(name, host)
        for number, fed in enumerate(host.feeds):
            if fed not in declared["hosts"]:
                yield absent((*place, "feeds", number), "host", fed)
        overlapping = set(host.kepler.zones) & {"psys", "core", "uncore"}
        if overlapping and len(host.kepler.zones) > 1:
            zone = min(overlapping)
            message = f"{zone} overlaps with the other zones: use package and dram, or one zone alone"
            yield Problem((*place, "kepler", "zones"), message)


def _gpus(topology: Topology) -> Iterator[Problem]:
    """Idle watts of a host's GPUs, which are a part of the host's, and their names as metered boxes."""
    for name, host in topology.hosts.items():
        place = ("hosts", name)
        idle = idle_gpus(host)
        for tier, (where, watts) in enumerate(_idle_watts(name, host), 1):
            if watts is not None and idle > watts and host.reads_gpus(tier):
                message = f"its GPUs have {idle:g} W when idle, more than the host, {watts:g} W"
                yield Problem((*place, "gpus"), message, ((*where, "static_watts"),))
        for number in host.gpus:
            if (box := gpu_box(name, number)) in topology.hosts:
                yield Problem((*place, "gpus", number), f"the rules call it {box!r}, as the host of that name")


def _vms(topology: Topology, declared: Declared) -> Iterator[Problem]:
    """A virtual machine is a part of a host, and not a host by its name."""
    for name, vm in topology.vms.items():
        place = ("vms", name)
        if name in declared["hosts"]:
            yield Problem(place, f"{name!r} is a host, too: give the virtual machine another name")
        if vm.host not in declared["hosts"]:
            yield absent((*place, "host"), "host", vm.host)
            continue
        units = {share.unit for share in vm.share if share.measured}
        if len(units) > 1:
            kinds = sorted({share.kind for share in vm.share if share.measured})
            yield Problem((*place, "share"), f"adds {' and '.join(kinds)}: one machine, one unit of work")
        for number, share in enumerate(vm.share):
            if share.gpu is not None:
                message = "a virtual machine has no share of a GPU here: name the GPU at a component of the host"
                yield Problem((*place, "share", number, "gpu"), message)
        host = topology.hosts.get(vm.host)
        if host is None:
            continue
        if "query" in units and host.active is None:
            message = f"is a part of what? Give host {vm.host!r} the whole, `active: {{query: ...}}`"
            yield Problem((*place, "share"), message, (("hosts", vm.host, "active"),))
        if vm.reservation is None and host.divided:
            yield Problem(place, f"needs a reservation: host {vm.host!r} has static_watts to divide")
        elif vm.reservation is not None and host.capacity is None:
            message = f"host {vm.host!r} has no capacity that this could be a part of"
            yield Problem((*place, "reservation"), message, (("hosts", vm.host, "capacity"),))


def _idle(name: str, host: Host) -> Iterator[Problem]:
    """Idle watts above the most that the host, or a GPU of it, can draw."""
    for place, watts in _idle_watts(name, host):
        if watts is not None and host.max_watts is not None and watts > host.max_watts:
            message = f"{watts:g} W when idle are more than max_watts, {host.max_watts:g} W"
            yield Problem((*place, "static_watts"), message, (("hosts", name, "max_watts"),))
    for number, gpu in host.gpus.items():
        if gpu.static_watts is not None and gpu.max_watts is not None and gpu.static_watts > gpu.max_watts:
            place = ("hosts", name, "gpus", number)
            message = f"{gpu.static_watts:g} W when idle are more than max_watts, {gpu.max_watts:g} W"
            yield Problem((*place, "static_watts"), message, ((*place, "max_watts"),))


def _idle_watts(name: str, host: Host) -> Iterator[tuple[Place, float | None]]:
    """The idle watts that the file gives for each tier, with the place of each."""
    yield ("hosts", name), host.static_watts
    for number, source in enumerate(host.fallback):
        yield ("hosts", name, "fallback", number), source.static_watts


def _feeders(topology: Topology) -> Iterator[Problem]:
    feeders: dict[str, str] = {}
    for name, host in topology.hosts.items():
        for number, fed in enumerate(host.feeds):
            place = ("hosts", name, "feeds", number)
            if fed in feeders:
                yield Problem(place, f"{fed!r} is already fed by {feeders[fed]!r}: its watts would be taken off twice")
                continue
            above: str | None = name
            while above is not None and above != fed:
                above = feeders.get(above)
            if above is not None:
                yield Problem(place, f"{fed!r} feeds {name!r}, or feeds what does: no host feeds itself")
                continue
            feeders[fed] = name


def _meters(topology: Topology) -> Iterator[Problem]:
    """A reading that stands twice would be counted twice; a part that is not named may be any."""
    used: dict[tuple[str, ...], str] = {}
    in_part: dict[tuple[str, ...], str] = {}
    for name, host in topology.hosts.items():
        inside = {place for place, _ in gpu_meters(topology, name) if host.gpus[str(place[3])].in_plug}
        for place, source in (*sources(topology, name), *gpu_meters(topology, name)):
            for position, labels in enumerate(source.readings):
                meter = (source.kind, *labels.values())
                other = used.get(meter) or used.get(meter[:2]) or in_part.get(meter)
                # A GPU in the plug is subtracted from it, whatever the plug adds up.
                if other and not (other == name and place in inside):
                    where, text = _named(place, source, position)
                    yield Problem(where, f"{text} is already used by host {other!r}: it would count twice")
                used.setdefault(meter, name)
                if meter != meter[:2]:
                    in_part.setdefault(meter[:2], name)


def _named(place: Place, source: PowerSource, position: int) -> tuple[Place, str]:
    """The place of one of a source's readings, and the reading in words."""
    instance, *named = source.readings[position].values()
    part = METERS[source.kind].part
    if part is not None and part.many:
        where = place if "gpus" in place else (*place, part.key, position)
        return where, f"{part.label} {named[0]} of {instance}"
    return (*place, source.kind), f"{source.kind} {instance}"
