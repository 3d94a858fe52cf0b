# SPDX-License-Identifier: Apache-2.0
"""The meters and IOAM nodes that a topology names, with their places."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from joulepath_rules.rule import selector
from joulepath_topology import Topology
from joulepath_topology.meters import METERS, Meter
from joulepath_topology.problem import Place
from joulepath_topology.queries import gpu_meters, sources
from joulepath_topology.source import PowerSource

SECONDS = "ioam_node_measured_seconds_total"


@dataclass(frozen=True)
class Reading:
    """One reading of a meter that the topology names."""

    place: Place
    kind: str
    labels: Mapping[str, str]
    """`instance`, and the part."""

    @property
    def meter(self) -> Meter:
        """Its kind."""
        return METERS[self.kind]

    @property
    def device(self) -> str:
        """Its device in words: `pdu rack-1`."""
        return " ".join((self.kind, *(value for name, value in self.labels.items() if name == "instance")))

    @property
    def words(self) -> str:
        """Itself in words: `pdu rack-1 outlet 2`."""
        parts = (f"{name} {value}" for name, value in self.labels.items() if name != "instance")
        return " ".join((self.device, *parts))

    @property
    def joules(self) -> str:
        """Its counter of energy."""
        return self.meter.joules + selector(**self.labels)


def readings(topology: Topology) -> Iterator[Reading]:
    """All readings of a topology, each at its first place."""
    told = set[tuple[str, ...]]()
    for host in topology.hosts:
        for place, source in (*sources(topology, host), *gpu_meters(topology, host)):
            for reading in of_source(place, source):
                key = (reading.kind, *reading.labels.values())
                if key not in told:
                    told.add(key)
                    yield reading


def of_source(place: Place, source: PowerSource) -> Iterator[Reading]:
    """The readings of one source."""
    for labels in source.readings:
        yield Reading(place, source.kind, labels)


@dataclass(frozen=True)
class Node:
    """An IOAM node at which a component's traffic is counted, by all exporters or by one that the topology names."""

    component: str
    node: int
    instance: str | None = None

    @property
    def place(self) -> Place:
        """Its key in the topology."""
        return ("components", self.component, "traffic", "ioam")

    def select(self, metric: str, **more: str) -> str:
        """A selector of one of its counters."""
        named = {} if self.instance is None else {"instance": self.instance}
        return metric + selector(node_id=str(self.node), **named, **more)


def nodes(topology: Topology) -> Iterator[Node]:
    """All nodes, one for each named exporter."""
    for name, component in topology.components.items():
        ioam = component.traffic.ioam if component.traffic else None
        if ioam is not None:
            for instance in ioam.instances or (None,):
                yield Node(name, ioam.node, instance)
