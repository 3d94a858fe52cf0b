# SPDX-License-Identifier: Apache-2.0
"""A scenario: the path's tunnels, the nodes that stamp and count, the machines and their law, the topology."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from joulepath_lab.network import nodes
from joulepath_lab.network.users import Users
from joulepath_lab.scenarios.server import Server
from joulepath_lab.scenarios.sessions import Session
from joulepath_lab.scenarios.streams import UPLINKS, Stream, names_of

NAMES = ("native", "gtpu", "tagged", "factory", "core", "choice")
UNATTRIBUTED = "unattributed"
FOLDER = Path(__file__).parent
EXAMPLES = FOLDER.parents[2] / "examples"

Carrier = Literal["opaque", "gtpu", "user"]

Amounts = Mapping[str, float]
"""Something for each one that a sender counts, by the fields of the ledger (`truth/ledger.py`)."""
PACKETS: Amounts = {"packets": 1}
OCTETS: Amounts = {"bytes": 1}


@dataclass(frozen=True)
class Machine:
    """A metered box: static watts, and components with their joules for each packet, octet, request or token.

    `reserved` is the part of the static watts that belongs to each component; `housekeeping_watts` is dynamic work of
    no component, `signalling_watts` that of a component that works without users' packets.
    """

    static_watts: float
    components: Mapping[str, Amounts]
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
class Core:
    """A core of which the counters are read, too."""

    open5gs: str
    """The component with a user plane that counts like Open5GS."""
    groups: Mapping[str, Mapping[str, Any]]
    """Groups of sessions for `joulepath pfcp`, each with its match: a flow at the exporters on the path, too."""


@dataclass(frozen=True)
class Question:
    """A question for `joulepath whatif`: an application with another data rate, and another model."""

    name: str
    application: str
    data_rate: float
    """Factor of its packets and octets."""
    instead: tuple[str, str] | None = None
    """The model that it asks, and the one that it would ask."""


@dataclass(frozen=True)
class Scenario:
    """One laboratory; `scenarios/NAME.py` describes it, and its topology file."""

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
    outlets: Mapping[int, Mapping[str, float]]
    """Outlet of the PDU: the machines behind it, and its part of each one's watts (two supplies: two parts)."""
    model: str
    """The language model; its server counts requests and tokens."""
    amounts: Mapping[str, tuple[Amounts, Amounts]]
    """Component -> what its static and its dynamic watts follow; those that are not here follow packets and octets."""
    streams: tuple[Stream, ...] = UPLINKS
    """The traffic of robots and users, each with the server's answers to it."""
    passing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Component -> the streams that pass it; those that are not here are passed by all."""
    detector: str | None = None
    """The model that looks at pictures; the mesh before it counts requests."""
    rapl: str | None = None
    """Machine with RAPL."""
    pods: Mapping[str, str] = field(default_factory=dict)
    """Machine with Kepler -> namespace of its pods, one for each component."""
    server: Server | None = None
    """A machine of which the software is known, too: pods, a virtual machine, a GPU."""
    supports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Component without user packets -> the components that it supports."""
    relays: Mapping[str, tuple[End, End]] = field(default_factory=dict)
    """Node of the path -> the two ends between which its user plane in user space passes packets."""
    sessions: tuple[Session, ...] = ()
    """The PDU sessions of a core; none where one tunnel carries all."""
    flows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Flows that the exporters on the path count, each with its match."""
    core: Core | None = None
    """A core with an SMF; None where nothing establishes sessions."""
    tagging: Tagging | None = None
    """None where the senders write the IOAM header themselves."""

    questions: tuple[Question, ...] = ()
    """Changes of which the savings are asked for at the end."""

    illustrative: bool = False
    """Whether its coefficients are chosen for known findings: each table and answer says so then."""

    derive: Callable[[dict[str, Any]], Mapping[str, dict[str, Any]]] | None = None
    """The topologies that run, by name, from the one in the file; None where that runs as it is."""

    @property
    def topology(self) -> Path:
        """The topology file."""
        if self.server:
            return EXAMPLES / f"smart-{self.name}.yaml"
        return FOLDER / ("native.yaml" if self.tagging else f"{self.name}.yaml")

    @cached_property
    def topologies(self) -> Mapping[str, dict[str, Any]]:
        """The topologies that run, by name."""
        written = yaml.safe_load(self.topology.read_text(encoding="utf-8"))
        return self.derive(written) if self.derive else {written.get("name", "joulepath"): written}

    @property
    def users(self) -> Users | None:
        """The users beside the first one, which has `robot_address`."""
        ipv4 = [session.address for session in self.sessions if session.kind == "ipv4"]
        lan = next((session.address for session in self.sessions if session.kind == "ethernet"), None)
        return Users(ipv4, lan) if ipv4 or lan else None

    @property
    def applications(self) -> tuple[str, ...]:
        """The applications of the streams."""
        return tuple(dict.fromkeys(stream.application for stream in self.streams if stream.application))

    @property
    def senders(self) -> list[str]:
        """The names under which the ledger has what was sent."""
        return names_of(self.streams)

    @property
    def window_seconds(self) -> float:
        """How far the rules look back."""
        return float(str(next(iter(self.topologies.values()))["window"]).removesuffix("s"))

    @property
    def components(self) -> tuple[str, ...]:
        """All components, in the machines' order."""
        return tuple(dict.fromkeys(component for machine in self.machines.values() for component in machine.components))

    def ends_of(self, stream: Stream) -> tuple[str, str]:
        """The addresses of a stream's user and of the model server for it."""
        for session in self.sessions:
            if session.number == stream.session:
                return session.address, session.server
        return self.robot_address, nodes.address("model")

    def passing_streams(self, component: str) -> tuple[Stream, ...]:
        """The streams that pass a component."""
        passing = self.passing.get(component)
        return tuple(stream for stream in self.streams if passing is None or stream.name in passing)

    def hosts_of(self, component: str) -> tuple[str, ...]:
        """The machines that a component is on."""
        return tuple(name for name, machine in self.machines.items() if component in machine.components)


def load(name: str) -> Scenario:
    """The scenario of this name."""
    scenario: Scenario = importlib.import_module(f"joulepath_lab.scenarios.{name}").SCENARIO
    return scenario
