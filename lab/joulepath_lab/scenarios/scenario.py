# SPDX-License-Identifier: Apache-2.0
"""A scenario: the path's tunnels, the nodes that stamp and count, the machines and their law, the topology."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

NAMES = ("native", "gtpu", "tagged")
UNATTRIBUTED = "unattributed"
FOLDER = Path(__file__).parent

Carrier = Literal["opaque", "gtpu", "user"]


@dataclass(frozen=True)
class Machine:
    """A metered box: static watts, and components with (joules per packet, joules per octet, joules per token).

    `reserved` is the part of the static watts that belongs to each component; `housekeeping_watts` is dynamic work of
    no component, `signalling_watts` that of a component that works without users' packets.
    """

    static_watts: float
    components: Mapping[str, tuple[float, float, float]]
    reserved: Mapping[str, float]
    housekeeping_watts: float = 0.0
    signalling_watts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """One end of a relay. A tunnel's addresses are of the path's links, with the port of the carrier.

    `user` is a TUN device: the node's own kernel sends and receives there what is inside.
    """

    carrier: Carrier
    own: str = ""
    peer: str = ""


@dataclass(frozen=True)
class Tagging:
    """Each stream has a program of its own that leaves IOAM to `joulepath tag`; those of `tcp` use TCP."""

    tcp: frozenset[str]


@dataclass(frozen=True)
class Scenario:
    """One laboratory; `scenarios/NAME.py` and `scenarios/NAME.yaml`, the topology, describe it."""

    name: str
    robot_address: str
    """Where the model server's answers go."""
    stamping: tuple[str, ...]
    """Nodes with kernels that see users' packets on their way, in uplink order."""
    counters: Mapping[str, Mapping[str, Any]]
    """Node of the path -> interfaces and directions at which its exporter counts."""
    counted: Mapping[str, str]
    """Component -> node of the path that runs the component's exporter."""
    machines: Mapping[str, Machine]
    outlets: Mapping[int, tuple[str, float]]
    """Outlet of the PDU: the machine behind it and its part of the machine's watts (two supplies: two parts)."""
    pods: Mapping[str, str]
    """Machine with Kepler -> namespace of its pods, one for each component."""
    model: str
    supports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Component without user packets -> the components that it supports."""
    relays: Mapping[str, tuple[End, End]] = field(default_factory=dict)
    """Node of the path -> the two ends between which its user plane in user space passes packets."""
    tagging: Tagging | None = None
    """None where the senders write the IOAM header themselves."""

    @property
    def topology(self) -> Path:
        """The topology file."""
        return FOLDER / ("native.yaml" if self.tagging else f"{self.name}.yaml")

    @cached_property
    def window_seconds(self) -> float:
        """How far the rules look back."""
        text = str(yaml.safe_load(self.topology.read_text(encoding="utf-8"))["window"])
        return float(text.removesuffix("s"))

    @property
    def components(self) -> tuple[str, ...]:
        """All components, in the machines' order."""
        return tuple(component for machine in self.machines.values() for component in machine.components)

    def host_of(self, component: str) -> str:
        """The machine that a component is on."""
        return next(name for name, machine in self.machines.items() if component in machine.components)


def load(name: str) -> Scenario:
    """The scenario of this name."""
    scenario: Scenario = importlib.import_module(f"joulepath_lab.scenarios.{name}").SCENARIO
    return scenario
