# SPDX-License-Identifier: Apache-2.0
"""Every query of a topology, with its place."""

from collections.abc import Iterable, Iterator

from joulepath_topology.hosts import Active, Overhead, Site
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place
from joulepath_topology.shares import Share
from joulepath_topology.source import PowerSource
from joulepath_topology.supplies import Factor


def queries(topology: Topology) -> Iterator[tuple[Place, str]]:
    """The queries in the order of the file; a counter stands as its rate."""
    for of in (_sites, _hosts, _vms, _components, _applications):
        yield from of(topology)


def _sites(topology: Topology) -> Iterator[tuple[Place, str]]:
    for name, site in topology.sites.items():
        for number, supply in enumerate(site.supply):
            if supply.query is not None:
                yield ("sites", name, "supply", number, supply.kind), supply.query
        if isinstance(site.overhead, Overhead):
            yield ("sites", name, "overhead", "query"), site.overhead.query
        if site.price is not None and site.price.query is not None:
            yield ("sites", name, "price", "query"), site.price.query


def _hosts(topology: Topology) -> Iterator[tuple[Place, str]]:
    for name, host in topology.hosts.items():
        for place, source in sources(topology, name):
            if source.query is not None:
                yield (*place, source.kind), source.query
        yield from _active(("hosts", name), host.active)
        for number, gpu in host.gpus.items():
            meter = gpu.source(number)
            if gpu.dcgm is None and meter.query is not None:
                yield ("hosts", name, "gpus", number, meter.kind), meter.query
            yield from _active(("hosts", name, "gpus", number), gpu.active)


def _vms(topology: Topology) -> Iterator[tuple[Place, str]]:
    for name, vm in topology.vms.items():
        yield from _shares(("vms", name), vm.share)
        yield from _active(("vms", name), vm.active)


def _components(topology: Topology) -> Iterator[tuple[Place, str]]:
    for name, component in topology.components.items():
        yield from _shares(("components", name), component.share)
        for key, counted in (("traffic", component.traffic), ("requests", component.requests)):
            if counted is not None and counted.query is not None:
                for amount, query in counted.query:
                    if query is not None:
                        yield ("components", name, key, "query", amount), query


def _applications(topology: Topology) -> Iterator[tuple[Place, str]]:
    for name, application in topology.applications.items():
        for by, query in application.sessions or ():
            if query is not None:
                yield ("applications", name, "sessions", by), query


def _shares(place: Place, shares: Iterable[Share]) -> Iterator[tuple[Place, str]]:
    for number, share in enumerate(shares):
        if share.query is not None:
            yield (*place, "share", number, "query"), share.query


def _active(place: Place, active: Active | None) -> Iterator[tuple[Place, str]]:
    if active is not None:
        yield (*place, "active", "query"), active.query


def sources(topology: Topology, host: str) -> Iterator[tuple[Place, PowerSource]]:
    """The readings of a host's power, with their places."""
    for key in ("power", "fallback"):
        for number, source in enumerate(getattr(topology.hosts[host], key)):
            yield ("hosts", host, key, number), source


def gpu_meters(topology: Topology, host: str) -> Iterator[tuple[Place, PowerSource]]:
    """The meters of a host's GPUs, with their places."""
    for number, gpu in topology.hosts[host].gpus.items():
        yield ("hosts", host, "gpus", number, gpu.kind), gpu.source(number)


def factors(name: str, site: Site) -> Iterator[tuple[Place, Factor]]:
    """The entries of a site that can have a factor, each with its place."""
    if site.supply:
        yield from ((("sites", name, "supply", number), supply) for number, supply in enumerate(site.supply))
    else:
        yield ("sites", name), site
