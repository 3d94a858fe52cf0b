# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath ioam`; docs/guides/ioam.md describes its keys."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from joulepath.config import Model, Prefix, load
from joulepath.ioam.flow_config import Flows, flows, range_of
from joulepath.ioam.settings import (
    MAX_NODE_ID,
    TRACE_ID_OCTETS,
    UNKNOWN_DIRECTION,
    Backend,
    Bounds,
    Namespace,
    Other,
    Point,
    Rule,
    Settings,
    TimeFormat,
    Way,
)
from joulepath.ioam.table.flows import too_many

Direction = Annotated[str, Field(min_length=1, max_length=32)]
NodeId = Annotated[int, Field(ge=0, le=MAX_NODE_ID, strict=True)]


class RuleModel(Model):
    """The packets of one direction on a mirror port: those that fit any of these."""

    sources: tuple[Prefix, ...] = ()
    """Prefixes of source addresses."""
    destinations: tuple[Prefix, ...] = ()
    """Prefixes of destination addresses."""
    teids: tuple[Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | str, ...] = ()
    """GTP-U tunnel ids: numbers, or ranges such as `0x1000-0x1fff`."""

    @model_validator(mode="after")
    def _some(self) -> "RuleModel":
        if not (self.sources or self.destinations or self.teids):
            raise ValueError("give `sources`, `destinations` or `teids`")
        self.ranges()
        return self

    def ranges(self) -> tuple[range, ...]:
        """The TEIDs. Raises ValueError for a text that is not a range of TEIDs."""
        return tuple(range(item, item + 1) if isinstance(item, int) else _range(item) for item in self.teids)


def _range(text: str) -> range:
    try:
        return range_of(text, 0, 0xFFFFFFFF)
    except ValueError:
        message = f"teids: {text[:40]!r} is neither a TEID like 4096 or 0x1000 nor a range like 0x1000-0x1fff"
        raise ValueError(message) from None


class InterfaceModel(Model):
    """The direction of each way through an interface; what is not named is not counted."""

    received: Direction | None = None
    """Direction of the packets received here; the name is yours."""
    sent: Direction | None = None
    """Direction of the packets sent here."""
    mirror: dict[Direction, RuleModel] = Field(default_factory=dict)
    """Mirror port: for each direction the packets that go in it. It stands alone."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"received": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _some(self) -> "InterfaceModel":
        if not self.ways():
            raise ValueError("name a direction, or give `received` or `sent` one")
        if self.mirror and (self.received or self.sent):
            raise ValueError("a mirror port has its directions by `mirror` alone: leave out `received` and `sent`")
        return self

    def ways(self) -> dict[Way, str]:
        """The directions that are counted; a mirror port receives both."""
        if self.mirror:
            return {"received": UNKNOWN_DIRECTION}
        ways: dict[Way, str | None] = {"received": self.received, "sent": self.sent}
        return {way: direction for way, direction in ways.items() if direction is not None}

    def rules(self) -> tuple[Rule, ...]:
        """The rules that tell directions apart on a mirror port."""
        return tuple(
            Rule(direction, model.sources, model.destinations, model.ranges())
            for direction, model in self.mirror.items()
        )


class NodeModel(Model):
    """One IOAM node of this host."""

    node_id: NodeId
    """Label `node_id` of everything that this host counts, usually its `net.ipv6.ioam6_id`. List each once."""
    interfaces: dict[str, InterfaceModel]
    """Interfaces by name. A direction alone, `eth0: uplink`, is short for `{received: uplink}`."""
    path: bool | None = None
    """Whether packets seen here count in `ioam_path_*`; without it true for a single node, else false."""


class PrefixModel(Model):
    """`{prefix: BITS}`."""

    prefix: Annotated[int, Field(ge=8, le=120, multiple_of=8, strict=True)]
    """Leading bits of the trace id that identify the application; a multiple of 8."""


class NamespaceModel(Model):
    """One IOAM namespace."""

    key: Literal["full", "namespace"] | PrefixModel = "full"
    """Part of the trace id that identifies the application: all of it, its first bits, or the Namespace-ID alone."""
    ids: tuple[str, ...] = ()
    """Ids that become labels: hexadecimal, in quotes; 32 digits for `full` (16 for namespace-specific data wide, 8 for
    a Flow ID), BITS / 4 for a prefix."""
    layout: Literal["rfc9197", "clt"] = "rfc9197"
    """`clt`: 16 octets of TraceID and 8 of SpanID follow the trace header; packets do not say so themselves."""
    timestamps: TimeFormat = "posix"
    """Unit of a time stamp's fraction: microseconds (`posix`, as Linux), nanoseconds (`ptp`) or 2^-32 s (`ntp`)."""
    freq: str = "1/1"
    """K/N of `ip route ... encap ioam6 freq K/N`: counts are multiplied by N/K."""

    @field_validator("freq")
    @classmethod
    def _part(cls, value: str) -> str:
        match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", value)
        if match is None or int(match[1]) > int(match[2]):
            raise ValueError(f"{value[:40]!r} is not K/N, as in `ip route ... encap ioam6 freq K/N`")
        return value

    @field_validator("ids", mode="before")
    @classmethod
    def _require_quotes(cls, value: object) -> object:
        # YAML reads an id of digits alone as a number, and 12e4... as a float.
        if isinstance(value, list) and any(isinstance(item, int | float) for item in value):
            raise ValueError("an id looks like a number: put it in quotes")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> "NamespaceModel":
        if self.key == "namespace" and self.ids:
            raise ValueError("with `key: namespace` the namespace alone is the application: leave out `ids`")
        for name in self.ids:
            if not re.fullmatch(r"([0-9a-fA-F]{2})+", name) or not self._fits(len(name) // 2):
                raise ValueError(f"ids: {name[:40]!r} is not {self._expected_form()}")
        return self

    def _fits(self, octets: int) -> bool:
        if isinstance(self.key, PrefixModel):
            return octets == self.key.prefix // 8
        return octets <= TRACE_ID_OCTETS

    def _expected_form(self) -> str:
        if isinstance(self.key, PrefixModel):
            return f"{self.key.prefix // 4} hexadecimal digits (prefix: {self.key.prefix})"
        return "32 hexadecimal digits, or as many as the carrier has (namespace-specific data wide: 16, Flow ID: 8)"

    def namespace(self) -> Namespace:
        """As the counting reads it."""
        marked, _, of = self.freq.partition("/")
        octets, ids = TRACE_ID_OCTETS, frozenset(bytes.fromhex(name) for name in self.ids)
        if self.key == "namespace":
            octets, ids = 0, frozenset({b""})
        elif isinstance(self.key, PrefixModel):
            octets = self.key.prefix // 8
        return Namespace(octets, ids, self.layout == "clt", self.timestamps, (int(marked), int(of)))


class BoundsModel(Model):
    """The bounds of `admit: any`."""

    max_traces: int = Field(default=Bounds.max_traces, ge=1)
    """The most traces, beside those in `ids`, that become labels."""
    new_per_hour: int = Field(default=Bounds.new_per_hour, ge=1)
    """The most of them that become labels within an hour."""


class OtherModel(Model):
    """The packets that are signalling or management."""

    prefixes: tuple[Prefix, ...] = ()
    """Source or destination prefixes."""
    ports: frozenset[Annotated[int, Field(ge=1, le=65535)]] = frozenset()
    """Source or destination ports of UDP, TCP and SCTP."""
    protocols: frozenset[Annotated[int, Field(ge=0, le=255)]] = frozenset()
    """Numbers of IP protocols or IPv6 next headers."""


class ConfigModel(Model):
    """The whole file."""

    nodes: tuple[NodeModel, ...]
    """The IOAM nodes of this host."""
    namespaces: dict[Annotated[int, Field(ge=0, le=0xFFFF)], NamespaceModel] = Field(default_factory=dict)
    """IOAM namespaces by Namespace-ID."""
    admit: Literal["configured", "any"] = "configured"
    """Traces that become labels: `configured` admits the listed `ids`; `any` admits others too, within `bounds`."""
    bounds: BoundsModel | None = None
    """Bounds of `admit: any`."""
    other: OtherModel = OtherModel()
    """Signalling and management, which do not count as users' traffic. Neighbour discovery, MLD, IGMP and signalling
    of GTP-U never do."""
    flows: Flows = Field(default_factory=dict)
    """Flows by name, a match or a list of matches each, for traffic without a trace. The first that fits a packet
    counts it."""
    flows_file: Path | None = None
    """File with more flows (`flows: {NAME: ...}`), which follow these; read again when it changes. A relative path
    starts at the configuration's folder."""
    path_nodes: frozenset[NodeId] | None = None
    """Node ids that recorded paths may name; without it the first 256 that admitted traces record."""
    hold_seconds: Annotated[float, Field(ge=0, le=3600)] = Settings.hold_seconds
    """Seconds for which the series of an unlisted trace stay at 0. At least two scrape intervals, or `rate()` misses
    the trace's first packets."""
    backend: Backend = Settings.backend
    """How packets are counted (docs/guides/ioam.md, Backends); `--backend` wins."""

    @model_validator(mode="after")
    def _coherent(self) -> "ConfigModel":
        mistakes = [*self._find_repetitions(), *self._find_contradictions()]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _find_repetitions(self) -> Iterable[str]:
        if not all(node.interfaces for node in self.nodes) or not self.nodes:
            yield "nodes: name at least one, each with at least one interface"
        ids = [node.node_id for node in self.nodes]
        for node_id in sorted({node_id for node_id in ids if ids.count(node_id) > 1}):
            yield f"nodes: node_id {node_id} stands twice; list its interfaces under one"
        ways = [(name, way) for node in self.nodes for name, model in node.interfaces.items() for way in model.ways()]
        for name, way in sorted({item for item in ways if ways.count(item) > 1}):
            yield f"nodes: packets {way} on {name} belong to two nodes; a packet counts for one"

    def _find_contradictions(self) -> Iterable[str]:
        yield from too_many(flows(self.flows))
        if self.admit == "any":
            return
        if self.bounds is not None:
            yield "bounds: has a meaning with `admit: any` only"
        for number, namespace in self.namespaces.items():
            if namespace.key != "namespace" and not namespace.ids:
                yield f"namespaces.{number}: list the `ids` that become labels, or say `admit: any`"

    def settings(self) -> Settings:
        """As the exporter reads it."""
        # Two nodes of one host may see the same packet: its path must not be counted at both.
        only_one = len(self.nodes) == 1
        return Settings(
            points=tuple(
                Point(name, way, node.node_id, direction, only_one if node.path is None else node.path, model.rules())
                for node in self.nodes
                for name, model in node.interfaces.items()
                for way, direction in model.ways().items()
            ),
            namespaces={number: model.namespace() for number, model in self.namespaces.items()},
            bounds=Bounds(**(self.bounds or BoundsModel()).model_dump()) if self.admit == "any" else None,
            other=Other(self.other.prefixes, self.other.ports, self.other.protocols),
            path_nodes=self.path_nodes,
            hold_seconds=self.hold_seconds,
            backend=self.backend,
            flows=flows(self.flows),
            flows_file=self.flows_file,
        )


def read(path: Path, text: str | None = None) -> Settings:
    """The settings in a file, or in its text as read. Raises UsageError with one line per mistake."""
    settings = load(path, ConfigModel, text).settings()
    file = settings.flows_file
    return settings if file is None else replace(settings, flows_file=path.parent / file)
