# SPDX-License-Identifier: Apache-2.0
"""The findings on devices and in Prometheus, before anything is concluded from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joulepath_topology.kepler import Kepler
from joulepath_topology.meters import METERS
from joulepath_topology.promql import quote


@dataclass(frozen=True)
class Reading:
    """One power that a meter of `METERS` reads."""

    kind: str
    """Key of METERS."""
    instance: str
    part: str = ""
    """Value of the label of the meter's part, such as an outlet; empty where it has none."""
    name: str = ""
    """Name of the part in the device."""
    watts: float | None = None

    def __str__(self) -> str:
        part = METERS[self.kind].part
        where = f" {part.label} {self.part}" if part is not None and self.part else ""
        called = f" {self.name!r}" if self.name else ""
        return f"{self.kind} {self.instance}{where}{called}"


@dataclass(frozen=True)
class Whole:
    """A PDU that measures no outlet: its inlets, or else its phases or branches, are all that is known."""

    instance: str
    level: str
    """One of WHOLE_LEVELS."""
    parts: tuple[str, ...]
    """Label values of that level."""
    watts: float | None = None

    @property
    def sources(self) -> list[dict[str, str]]:
        """Entries of `power`: one for each part, so that a silent one is a gap."""
        return [
            {"joules": f"{counter(self.level)}{{instance={quote(self.instance)},{self.level}={quote(part)}}}"}
            for part in self.parts
        ]


WHOLE_LEVELS = ("inlet", "phase", "branch")
"""The best first; each adds up to the whole PDU."""


def counter(level: str) -> str:
    """The energy counter of a level of PDUs."""
    return f"pdu_{level}_energy_joules_total"


@dataclass(frozen=True)
class Node:
    """A host in Kepler, with its zones."""

    name: str
    dialect: str
    zones: frozenset[str]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The zones that together are its active joules, without an overlap; the usual ones where they exist."""
        usual = tuple(zone for zone in Kepler().zones if zone in self.zones)
        return usual or tuple(sorted(self.zones))[:1]


@dataclass(frozen=True)
class Pod:
    """A pod that Kepler knows."""

    namespace: str
    name: str
    node: str


@dataclass(frozen=True)
class Gpu:
    """A GPU with a meter: `kind` is the key of the topology's `gpus`."""

    kind: str
    host: str
    """Instance of the exporter, or the host's name in dcgm-exporter."""
    number: str


@dataclass(frozen=True)
class Model:
    """A model of a model server."""

    server: str
    """Key of `requests`."""
    name: str
    """As the server calls it; empty where no label names it."""
    instance: str
    applications: frozenset[str] = frozenset()
    """Values of the label `application`."""


@dataclass(frozen=True)
class CoreThere:
    """A core that counts traffic."""

    core: str
    """Key of CORES."""
    instance: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By key of an application, such as `dnn`, the values that there are."""


@dataclass
class Found:
    """All of it."""

    readings: list[Reading] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    requesting: frozenset[tuple[str, str]] = frozenset()
    """Pods that request processor time, by namespace and name, where kube-state-metrics tells."""
    capacity: dict[str, float] = field(default_factory=dict)
    """Cores by Kubernetes node."""
    workloads: list[tuple[str, str]] = field(default_factory=list)
    """Instance of the workload exporter, and a workload there."""
    gpus: list[Gpu] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    ioam_nodes: list[tuple[int, str]] = field(default_factory=list)
    """Node id, and the instance of the ioam exporter that counts there."""
    traces: list[tuple[int, str]] = field(default_factory=list)
    """Namespace and trace id."""
    flows: list[str] = field(default_factory=list)
    """Flows that ioam exporters count."""
    cores: list[CoreThere] = field(default_factory=list)

    @property
    def any_power(self) -> bool:
        """Whether anything measures."""
        return bool(self.readings or self.wholes or self.nodes or self.gpus)

    def add(self, other: "Found") -> None:
        """Adds what another place showed. A reading that both have counts once."""
        known = {(one.kind, one.instance, one.part) for one in self.readings}
        self.readings += [one for one in other.readings if (one.kind, one.instance, one.part) not in known]
        wholes = {one.instance for one in self.wholes} | {one.instance for one in self.readings}
        self.wholes += [one for one in other.wholes if one.instance not in wholes]
        for name in ("nodes", "pods", "workloads", "gpus", "models", "ioam_nodes", "traces", "flows", "cores"):
            own: list[Any] = getattr(self, name)
            own += [one for one in getattr(other, name) if one not in own]
        self.requesting |= other.requesting
        self.capacity |= other.capacity
