# SPDX-License-Identifier: Apache-2.0
"""Counts of packets and octets, by node and direction, by trace, by recorded path."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from joulepath.ioam.settings import Before, SeriesKey
from joulepath.ioam.table.admission import Label
from joulepath.ioam.table.latency import Latency
from joulepath.ioam.wire.trace import Trace


@dataclass(slots=True)
class TrafficCount:
    """Packets on the wire, and the octets of those IP packets."""

    packets: int = 0
    octets: int = 0

    def add(self, packets: int, octets: int) -> None:
        """Counts further packets, with the octets of all of them."""
        self.packets += packets
        self.octets += octets


@dataclass(slots=True)
class Series(TrafficCount):
    """The count of a series that may appear while the exporter runs."""

    since: float = field(default=0.0, compare=False)
    """When it appeared, in seconds of the table's clock."""
    shown: float = field(default=0.0, compare=False)
    """Until then a scrape sees 0."""

    def snapshot(self, now: float) -> "Series":
        """As a scrape sees it."""
        held = now < self.shown
        return Series(0 if held else self.packets, 0 if held else self.octets, self.since, self.shown)


@dataclass(slots=True)
class TraceCount(Series):
    """One trace, or all others, at one node and direction."""

    request: Trace | None = field(default=None, compare=False)
    """The latest of its packets' traces, which has the full id."""
    missing: int = -1
    """Sequence numbers that were left out; -1 where no packet had one."""
    late: int = 0
    """Packets with an old sequence number: they came after they were counted as missing, or twice."""

    def snapshot(self, now: float) -> "TraceCount":
        """As a scrape sees it."""
        held = now < self.shown
        packets, octets = (0, 0) if held else (self.packets, self.octets)
        return TraceCount(packets, octets, self.since, self.shown, self.request, self.missing, self.late)


@dataclass(slots=True)
class Path:
    """The recorded paths of one trace at one node and direction."""

    counts: dict[str, Series] = field(default_factory=dict)
    """By the node ids in them."""
    changes: int = 0
    """How often a packet's recorded path was another than the one before."""
    order: str = ""
    """The latest of them, `1>2>3` with the first node first; `other` for one too many."""
    nodes: tuple[int, ...] = field(default=(), compare=False)
    """The latest as it was recorded."""
    names: tuple[str, ...] = field(default=(), compare=False)
    """Its nodes' labels, the first node first."""
    current: tuple[Series, ...] = field(default=(), compare=False)
    """The counts of its nodes, each once."""
    hops: tuple[Latency, ...] = field(default=(), compare=False)
    """The latencies of its hops, the most recent first."""

    def snapshot(self, now: float) -> "Path":
        """As a scrape sees it."""
        return Path({name: count.snapshot(now) for name, count in self.counts.items()}, self.changes, self.order)


@dataclass
class NodeCounts:
    """The packets that one node saw in one direction."""

    node_id: int
    direction: str
    user: TrafficCount
    other: TrafficCount
    traces: dict[Label, TraceCount]
    paths: dict[Label, Path]
    flows: dict[str, Series] = field(default_factory=dict)
    """By name; those taken out of the configuration keep their counts."""

    def snapshot(self, now: float) -> "NodeCounts":
        """Counts that stay as a scrape sees them now."""
        return NodeCounts(
            self.node_id,
            self.direction,
            replace(self.user),
            replace(self.other),
            {label: count.snapshot(now) for label, count in self.traces.items()},
            {label: path.snapshot(now) for label, path in self.paths.items()},
            {name: count.snapshot(now) for name, count in self.flows.items()},
        )


@dataclass(frozen=True)
class Counts:
    """The table at one moment: no trace has more packets than its node."""

    nodes: tuple[NodeCounts, ...]
    measured: Mapping[int, float]
    """By node id, the seconds in which these packets were counted (measured.Measured)."""
    latencies: dict[tuple[str, str, str], Latency]
    """By the node ids of a pair in a recorded path, the earlier first, and direction."""
    clock_errors: int
    errors: dict[str, int]
    overflow_packets: int
    option_octets: int
    fragments: int
    jumbograms: int
    skipped: dict[str, int]
    traces: int
    folded: int
    marked: Mapping[str, tuple[int, int]]
    """By namespace, how many of how many packets have the option, where not all."""
    admitted: Mapping[tuple[int, bytes], float]
    """As Before.admitted."""

    def before(self) -> Before:
        """The state that goes on after a reload."""
        flows = next((tuple(node.flows) for node in self.nodes), ())  # all nodes have the same
        return Before(self.admitted, frozenset(_series(self.nodes)), flows=flows)


def _series(nodes: Iterable[NodeCounts]) -> Iterator[SeriesKey]:
    for node in nodes:
        for label in node.traces:
            yield node.node_id, node.direction, label, ""
        for label, path in node.paths.items():
            for name in path.counts:
                yield node.node_id, node.direction, label, name
