# SPDX-License-Identifier: Apache-2.0
"""The place in a topology that labels of a rule or a recorded series are about."""

from collections.abc import Mapping

from joulepath_topology import Topology
from joulepath_topology.placements import gpu_box
from joulepath_topology.problem import Place

SERVER: Place = ("server",)
RULES: Place = ("rules",)

_ENTRIES = (
    ("component", "components"),
    ("counter", "components"),
    ("application", "applications"),
    ("vm", "vms"),
    ("budget", "budgets"),
)
"""Labels that name an entry, and its section; the first that a series has is its place, before its host."""


def target(job: str, instance: str = "") -> Place:
    """A target of the server, or all of a job."""
    return ("targets", job, instance) if instance else ("targets", job)


def box(topology: Topology, host: str) -> Place:
    """A host, or a GPU of one, by the label `host`."""
    for name, entry in topology.hosts.items():
        for number in entry.gpus:
            if gpu_box(name, number) == host:
                return ("hosts", name, "gpus", number)
    return ("hosts", host)


def source(topology: Topology, host: str, tier: str, number: str) -> Place:
    """A reading of power, by the labels of `source:power_watts`: `1`, or `switch/1` for that of a fed host."""
    fed, _, own = number.rpartition("/")
    where = box(topology, fed or host)
    if "gpus" in where:
        return where
    if fed or tier == "1":
        return (*where, "power", int(own) - 1)
    return (*where, "fallback", int(tier) - 2)


def of_labels(topology: Topology, labels: Mapping[str, str]) -> Place | None:
    """The entry that labels are about; None where they name none."""
    if {"host", "tier", "source"} <= labels.keys():
        return source(topology, labels["host"], labels["tier"], labels["source"])
    for label, section in _ENTRIES:
        if label in labels:
            return (section, labels[label])
    return box(topology, labels["host"]) if "host" in labels else None
