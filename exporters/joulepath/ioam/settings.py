# SPDX-License-Identifier: Apache-2.0
"""The exporter's settings: where it counts, which traces become labels, which packets are signalling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

TRACE_ID_OCTETS = 16
MAX_NODE_ID = (1 << 56) - 2  # 56 bits, RFC 9197, section 4.4.2.9; all ones means "not populated"

Way = Literal["received", "sent"]
Backend = Literal["auto", "ebpf", "packet"]
TimeFormat = Literal["posix", "ptp", "ntp"]
UNKNOWN_DIRECTION = "unknown"
"""Of packets on a mirror port that no rule fits."""


@dataclass(frozen=True)
class Rule:
    """A packet from one of `sources`, to one of `destinations` or in one of the tunnels `teids` goes in `direction`."""

    direction: str
    sources: tuple[IPv4Network | IPv6Network, ...] = ()
    destinations: tuple[IPv4Network | IPv6Network, ...] = ()
    teids: tuple[range, ...] = ()


@dataclass(frozen=True)
class Point:
    """One way through one interface: its packets count for `node_id` in `direction`."""

    interface: str
    way: Way
    node_id: int
    direction: str
    path: bool
    """Whether the recorded paths of these packets are counted, too."""
    rules: tuple[Rule, ...] = ()
    """On a mirror port: the direction of each packet; then `direction` is UNKNOWN_DIRECTION."""

    @property
    def directions(self) -> tuple[str, ...]:
        """Every direction that packets may have here."""
        return (self.direction, *(rule.direction for rule in self.rules))


@dataclass(frozen=True)
class Namespace:
    """The settings that tell applications apart in one IOAM namespace."""

    octets: int = TRACE_ID_OCTETS
    """Leading octets of the trace id that are the application's; 0 where the Namespace-ID alone is."""
    ids: frozenset[bytes] = frozenset()
    """Those leading octets, for the applications that become label values."""
    clt: bool = False
    """Pre-allocated traces have the layout of Cross-Layer Telemetry."""
    time: TimeFormat = "posix"
    """The unit of a timestamp's fraction: microseconds (Linux), nanoseconds or 2^-32 seconds; RFC 9197, section 5."""
    marked: tuple[int, int] = (1, 1)
    """How many of how many packets have the option, as `freq k/n` of ip-route(8)."""


@dataclass(frozen=True)
class Bounds:
    """How many traces that are not configured may become label values."""

    max_traces: int = 1000
    new_per_hour: int = 200


@dataclass(frozen=True)
class Other:
    """Signalling and management: packets from or to one of `prefixes`, `ports` (UDP, TCP, SCTP), `protocols`."""

    prefixes: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: frozenset[int] = frozenset()
    protocols: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Match:
    """The packets that fit all that is given, in either direction. Empty: any."""

    ue: tuple[IPv4Network | IPv6Network, ...] = ()
    """Prefixes of the user's address: the source of a packet that it sends, the destination of one that it gets."""
    remote: tuple[IPv4Network | IPv6Network, ...] = ()
    """Prefixes of the other end's address."""
    protocol: tuple[range, ...] = ()
    ports: tuple[range, ...] = ()
    """Of the other end: UDP, TCP, SCTP."""
    ue_ports: tuple[range, ...] = ()
    dscp: tuple[range, ...] = ()
    vlan: tuple[range, ...] = ()
    """The VLAN tag that is nearest to the packet, but for VLAN 0."""
    teid: tuple[range, ...] = ()
    """The tunnel of the innermost GTP-U message that carries the packet."""
    qfi: tuple[range, ...] = ()
    """The QoS flow in that message's PDU session container."""
    cgroup: str = ""
    """The cgroup v2 folder of the local sender, or one above it; only the kernel knows it."""


@dataclass(frozen=True)
class Flow:
    """The packets that fit any of the matches."""

    name: str
    matches: tuple[Match, ...]


SeriesKey = tuple[int, str, tuple[str, str], str]
"""Node id, direction, labels of a trace, and a node of its path; "" for the trace itself."""


@dataclass(frozen=True)
class Before:
    """State that outlives a reload: labels that are taken, and series that must not restart at 0."""

    admitted: Mapping[tuple[int, bytes], float] = field(default_factory=dict)
    """Traces that became labels though not configured, by namespace and key, the earliest first; when, in seconds of
    the table's clock."""
    series: frozenset[SeriesKey] = frozenset()
    interfaces: frozenset[str] = frozenset()
    """Those that were there once: one that is away now is waited for."""
    flows: tuple[str, ...] = ()
    """Names of flows that have series, those taken out of the configuration included."""


@dataclass(frozen=True)
class Settings:
    """All of it. Without `bounds`, only configured traces become label values."""

    points: tuple[Point, ...]
    namespaces: Mapping[int, Namespace] = field(default_factory=dict)
    bounds: Bounds | None = None
    other: Other = Other()
    path_nodes: frozenset[int] | None = None
    """Node ids that recorded paths may name; None admits the first `max_path_nodes` that are seen."""
    max_path_nodes: int = 256
    max_path_series: int = 20_000
    """Counts by trace, node and direction that recorded paths may bring; those configured are not among them."""
    max_paths: int = 1000
    """Sequences of nodes that become label values."""
    max_hop_pairs: int = 256
    """Pairs of nodes with a latency that is shown."""
    hold_seconds: float = 30.0
    """How long the series of a trace that was not configured stays at 0, so that a scrape sees it there."""
    backend: Backend = "auto"
    """The backend for interfaces, where the command line names none; `auto`: ebpf if it is allowed, else packet."""
    flows: tuple[Flow, ...] = ()
    """The first that fits a packet without a configured trace counts it."""
    flows_file: Path | None = None
    """More flows, which follow the others; they are in `flows`, too, once they are read."""
    before: Before = Before()

    @property
    def counts_flows(self) -> bool:
        """Whether there are flows, or may be."""
        return bool(self.flows or self.flows_file)

    @property
    def counts_sent(self) -> bool:
        """Whether packets that this host sends are counted."""
        return any(point.way == "sent" for point in self.points)

    @property
    def clt(self) -> frozenset[int]:
        """Namespaces with the layout of Cross-Layer Telemetry."""
        return frozenset(number for number, namespace in self.namespaces.items() if namespace.clt)
