# SPDX-License-Identifier: Apache-2.0
"""The one table that every backend counts into, and what a scrape gets to see of it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulepath.ioam.admission import OTHER, Admission, Label
from joulepath.ioam.decode import REASONS, Options, Trace
from joulepath.ioam.settings import Settings


@dataclass(slots=True)
class Count:
    """Packets on the wire, and the octets of those IP packets."""

    packets: int = 0
    octets: int = 0

    def add(self, packets: int, octets: int) -> None:
        """Counts further packets, with the octets of all of them."""
        self.packets += packets
        self.octets += octets

    def copy(self) -> "Count":
        """A count that stays as it is now."""
        return Count(self.packets, self.octets)


@dataclass
class NodeCounts:
    """What one node saw in one direction."""

    node_id: int
    direction: str
    user: Count
    other: Count
    traces: dict[Label, Count]
    paths: dict[Label, dict[str, Count]]
    """By trace, then by the node ids of recorded paths."""

    def copy(self) -> "NodeCounts":
        """Counts that stay as they are now."""
        return NodeCounts(
            self.node_id,
            self.direction,
            self.user.copy(),
            self.other.copy(),
            {label: count.copy() for label, count in self.traces.items()},
            {label: {name: count.copy() for name, count in path.items()} for label, path in self.paths.items()},
        )


@dataclass(frozen=True)
class Counts:
    """The table at one moment: no trace has more packets than its node."""

    nodes: tuple[NodeCounts, ...]
    errors: dict[str, int]
    overflow_packets: int
    option_octets: int
    fragments: int
    jumbograms: int
    traces: int
    folded: int


class Table:
    """Counts packets. A backend holds `lock` while it counts, so that a scrape sees whole packets."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.Lock()
        self._admission = Admission(settings.namespaces, settings.bounds, clock)
        self._path_nodes = {node_id: str(node_id) for node_id in settings.path_nodes or ()}
        self._max_path_nodes = settings.max_path_nodes if settings.path_nodes is None else 0
        self._nodes: dict[tuple[int, str], NodeCounts] = {}
        self._errors = dict.fromkeys(REASONS, 0)
        self._overflow_packets = 0
        self._option_octets = 0
        self.fragments = 0
        """Packets that are fragments, of users or not."""
        self.jumbograms = 0
        """Packets that are jumbograms (RFC 2675), of users or not."""
        for point in settings.points:
            at = self.at(point.node_id, point.direction)
            if point.path:
                for label in at.traces:
                    at.paths.setdefault(label, {name: Count() for name in self._path_nodes.values()})

    def at(self, node_id: int, direction: str) -> NodeCounts:
        """The counts of one node and direction, in which configured traces are 0 from the start."""
        key = (node_id, direction)
        if key not in self._nodes:
            traces = {label: Count() for label in self._admission.labels}
            self._nodes[key] = NodeCounts(node_id, direction, Count(), Count(), traces, {})
        return self._nodes[key]

    def error(self, reason: str) -> None:
        """Counts a packet that contradicts its RFC."""
        self._errors[reason] += 1

    def add(
        self,
        faults: Mapping[str, int],
        *,
        overflow_packets: int,
        option_octets: int,
        fragments: int,
        jumbograms: int,
    ) -> None:
        """Adds what a backend has counted itself, besides its packets and traces."""
        for reason, number in faults.items():
            self._errors[reason] += number
        self._overflow_packets += overflow_packets
        self._option_octets += option_octets
        self.fragments += fragments
        self.jumbograms += jumbograms

    def traced(self, at: NodeCounts, options: Options, packets: int, octets: int, *, path: bool) -> bool:
        """Counts user packets with IOAM options: each packet for one trace, never for two.

        Whether that trace has labels of its own.
        """
        self._option_octets += options.octets * packets
        if not options.traces:
            return False
        trace = options.traces[0]
        if len(options.traces) > 1:
            known = (other for other in options.traces if self._admission.configured(other.namespace))
            trace = next(known, trace)
        label = self._admission.label(trace.namespace, trace.trace_id, packets)
        count = at.traces.get(label)
        if count is None:
            count = at.traces[label] = Count()
        count.packets += packets
        count.octets += octets
        if trace.overflow:
            self._overflow_packets += packets
        if path:
            self._path(at, label, trace, packets, octets)
        return label.trace_id != OTHER

    def snapshot(self) -> Counts:
        """The table as it is between two packets."""
        with self.lock:
            return Counts(
                nodes=tuple(node.copy() for node in self._nodes.values()),
                errors=dict(self._errors),
                overflow_packets=self._overflow_packets,
                option_octets=self._option_octets,
                fragments=self.fragments,
                jumbograms=self.jumbograms,
                traces=len(self._admission.labels),
                folded=self._admission.folded,
            )

    def _path(self, at: NodeCounts, label: Label, trace: Trace, packets: int, octets: int) -> None:
        counts = at.paths.get(label)
        if counts is None:
            counts = at.paths[label] = {}
        # A node that stands twice in the list, as after a loop, still had one packet.
        for name in {self._path_nodes.get(node_id) or self._path_node(node_id) for node_id in trace.nodes}:
            count = counts.get(name)
            if count is None:
                count = counts[name] = Count()
            count.packets += packets
            count.octets += octets

    def _path_node(self, node_id: int) -> str:
        """The label of a node that is new in a recorded path: those, too, are strangers' words."""
        if len(self._path_nodes) >= self._max_path_nodes:
            return OTHER
        return self._path_nodes.setdefault(node_id, str(node_id))
