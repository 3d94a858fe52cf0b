# SPDX-License-Identifier: Apache-2.0
"""The exporter's settings: where it captures, how sessions become groups, and its bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

Network = IPv4Network | IPv6Network

UNKNOWN, OTHER = "unknown", "other"
"""Groups of reports of sessions that were not seen to begin, and of sessions that no group names."""
RESERVED = frozenset({UNKNOWN, OTHER})


@dataclass(frozen=True)
class Match:
    """A session, or the part of it with certain QFIs. All that is given must fit; an empty tuple gives nothing."""

    dnn: tuple[str, ...] = ()
    """Patterns: `*` fits any text."""
    slice: tuple[str, ...] = ()
    ue: tuple[Network, ...] = ()
    qfi: frozenset[int] = frozenset()
    subscriber: tuple[str, ...] = ()
    """Patterns of identities, with their kind: `imsi-00101*`."""


@dataclass(frozen=True)
class Group:
    """The sessions that fit any of its matches, unless a group above it has them."""

    name: str
    matches: tuple[Match, ...]
    each: Literal["subscriber"] | None = None
    """Each subscriber is a group of its own: the name, a slash, and a hash of the identity."""


@dataclass(frozen=True)
class Bounds:
    """Bounds on what hostile or endless signalling may take."""

    sessions: int = 20_000
    series: int = 1000
    """Combinations of group, DNN, slice and UPF."""
    transactions: int = 20_000
    """Requests that wait for their response, or for being sent again."""


@dataclass(frozen=True)
class FlowsFile:
    """The file with flows for `joulepath ioam`."""

    path: Path
    match: Literal["ue", "teid"] = "ue"
    seconds: float = 5.0
    """The least time between two writings."""
    matches: int = 512
    """The most that are written; `joulepath ioam` has the same bounds for all of its flows."""
    prefixes: int = 65_536


@dataclass(frozen=True)
class Settings:
    """All of it."""

    interfaces: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    """Interfaces that get a copy of N4 from a switch."""
    groups: tuple[Group, ...] = ()
    upfs: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    """Names of UPFs by their addresses on N4; the others have their address for a name."""
    bounds: Bounds = Bounds()
    flows: FlowsFile | None = None
    secret: str = field(default="", repr=False)
    """The key of the hash of identities."""
    state: Path | None = None
    """The file that keeps the sessions over a restart."""
