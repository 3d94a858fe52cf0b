# SPDX-License-Identifier: Apache-2.0
"""What the exporter is told: where it counts, which traces become labels, which packets are no user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

TRACE_ID_OCTETS = 16
MAX_NODE_ID = (1 << 56) - 2  # 56 bits, RFC 9197, section 4.4.2.9; all ones means "not populated"

Way = Literal["received", "sent"]


@dataclass(frozen=True)
class Point:
    """One way through one interface: its packets count for `node_id` in `direction`."""

    interface: str
    way: Way
    node_id: int
    direction: str
    path: bool
    """Whether the recorded paths of these packets are counted, too."""


@dataclass(frozen=True)
class Namespace:
    """What tells applications apart in one IOAM namespace."""

    octets: int = TRACE_ID_OCTETS
    """Leading octets of the trace id that are the application's; 0 where the Namespace-ID alone is."""
    ids: frozenset[bytes] = frozenset()
    """Those leading octets, for the applications that become label values."""


@dataclass(frozen=True)
class Bounds:
    """How many traces nobody configured may become label values."""

    max_traces: int = 1000
    new_per_hour: int = 200


@dataclass(frozen=True)
class Other:
    """What is signalling or management: packets from or to one of `prefixes`, `ports` (UDP, TCP, SCTP), `protocols`."""

    prefixes: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: frozenset[int] = frozenset()
    protocols: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Settings:
    """All of it. `bounds` is None where only configured traces become label values."""

    points: tuple[Point, ...]
    namespaces: Mapping[int, Namespace] = field(default_factory=dict)
    bounds: Bounds | None = None
    other: Other = Other()
    path_nodes: frozenset[int] | None = None
    """Node ids that recorded paths may name; None admits the first `max_path_nodes` that are seen."""
    max_path_nodes: int = 256
