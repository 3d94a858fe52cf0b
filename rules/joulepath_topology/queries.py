# SPDX-License-Identifier: Apache-2.0
"""Every query of a topology, with its place."""

from collections.abc import Iterator

from joulepath_topology.model import Topology
from joulepath_topology.problem import Place
from joulepath_topology.source import PowerSource


def queries(topology: Topology) -> Iterator[tuple[Place, str]]:
    """The queries in the order of the file; a counter stands as its rate."""
    for name, host in topology.hosts.items():
        for place, source in sources(topology, name):
            if source.query is not None:
                yield (*place, source.kind), source.query
        if host.active is not None:
            yield ("hosts", name, "active", "query"), host.active.query
        for number, gpu in host.gpus.items():
            place = ("hosts", name, "gpus", number)
            if gpu.joules is not None or gpu.watts is not None:
                yield (*place, gpu.kind), gpu.source(number).query or ""
            if gpu.active is not None:
                yield (*place, "active", "query"), gpu.active.query
    for name, vm in topology.vms.items():
        if vm.active is not None:
            yield ("vms", name, "active", "query"), vm.active.query
        for each, part in enumerate(vm.share):
            if share.query is not None:
                yield ("vms", name, "share", number, "query"), share.query
    for name, component in topology.components.items():
        for number, share in enumerate(component.share):
            if share.query is not None:
                yield ("components", name, "share", number, "query"), share.query
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
