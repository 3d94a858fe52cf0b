# SPDX-License-Identifier: Apache-2.0
"""Every query of a topology, with its place."""

from collections.abc import Iterator, Sequence

from joulepath_topology.components import Component
from joulepath_topology.hosts import Active, Host
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place
from joulepath_topology.shares import Share
from joulepath_topology.source import PowerSource

Queries = Iterator[tuple[Place, str]]


def queries(topology: Topology) -> Queries:
    """The queries in the order of the file; a counter stands as its rate."""
    for name, host in topology.hosts.items():
        for place, source in sources(topology, name):
            if source.query is not None:
                yield (*place, source.kind), source.query
        yield from _active(("hosts", name), host.active)
        yield from _gpus(name, host)
    for name, vm in topology.vms.items():
        yield from _active(("vms", name), vm.active)
        yield from _shares(("vms", name), vm.share)
    for name, component in topology.components.items():
        yield from _shares(("components", name), component.share)
        yield from _counted(name, component)


def _active(place: Place, active: Active | None) -> Queries:
    if active is not None:
        yield (*place, "active", "query"), active.query


def _gpus(host: str, entry: Host) -> Queries:
    for number, gpu in entry.gpus.items():
        place = ("hosts", host, "gpus", number)
        if gpu.joules is not None or gpu.watts is not None:
            yield (*place, gpu.kind), gpu.source(number).query or ""
        yield from _active(place, gpu.active)


def _shares(place: Place, shares: Sequence[Share]) -> Queries:
    for number, share in enumerate(shares):
        if share.query is not None:
            yield (*place, "share", number, "query"), share.query


def _counted(name: str, component: Component) -> Queries:
    for key, counted in (("traffic", component.traffic), ("requests", component.requests)):
        if counted is not None and counted.query is not None:
            for amount, query in counted.query:
                if query is not None:
                    yield ("components", name, key, "query", amount), query


def sources(topology: Topology, host: str) -> Iterator[tuple[Place, PowerSource]]:
    """The readings of a host's power, with their places."""
    for key in ("power", "fallback"):
        for number, source in enumerate(getattr(topology.hosts[host], key)):
            yield ("hosts", host, key, number), source
