# SPDX-License-Identifier: Apache-2.0
"""The one table that every backend counts into, and what a scrape gets to see of it."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from joulepath.ioam.settings import Flow, Settings
from joulepath.ioam.table.admission import OTHER, Admission, Label
from joulepath.ioam.table.counts import Counts, NodeCounts, Series, TraceCount, TrafficCount
from joulepath.ioam.table.flows import FlowFinder
from joulepath.ioam.table.measured import Measured
from joulepath.ioam.table.paths import Paths
from joulepath.ioam.table.sequence import Sequences
from joulepath.ioam.wire.decode import REASONS, Options, Trace
from joulepath.ioam.wire.reasons import SKIPPED

MAX_LEFT_FLOWS = 512
"""Flows that were taken out of the configuration and keep their series; the earliest go first."""


class Table:
    """Counts packets. A backend holds `lock` while it counts, so that a scrape sees whole packets."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.RLock()
        self.began = clock()
        """When counting began, in seconds of the clock that also says when a series appeared."""
        self.fragments = 0
        """Packets that are fragments, of users or not."""
        self.jumbograms = 0
        """Packets that are jumbograms (RFC 2675), of users or not."""
        self.skipped = dict.fromkeys(SKIPPED, 0)
        """Frames without an IP packet to count, by reason."""
        self.measured = Measured(settings.points)
        """How long each node was captured; a backend says when it begins and ends. Under `lock`, as all else."""
        self._clock = clock
        self._hold = settings.hold_seconds
        self._before = settings.before.series
        self._admission = Admission(settings.namespaces, settings.bounds, clock, settings.before.admitted)
        self._paths = Paths(settings, self._series)
        self._sequences = Sequences()
        self._marked = {
            str(number): namespace.marked
            for number, namespace in settings.namespaces.items()
            if namespace.marked[0] != namespace.marked[1]
        }
        self.flows = FlowFinder(settings.flows)
        """Finds the flow of a packet."""
        self._current = frozenset(flow.name for flow in settings.flows)
        left = [name for name in settings.before.flows if name not in self._current]
        self._flow_names = [*left[-MAX_LEFT_FLOWS:], *(flow.name for flow in settings.flows)]
        self._nodes: dict[tuple[int, str], NodeCounts] = {}
        self._errors = dict.fromkeys(REASONS, 0)
        self._overflow_packets = 0
        self._option_octets = 0
        self._ended = False
        for point in settings.points:
            for direction in point.directions:
                node = self.node(point.node_id, direction)
                if point.path:
                    self._paths.add_configured(node)

    def node(self, node_id: int, direction: str) -> NodeCounts:
        """The counts of one node and direction, in which configured traces are 0 from the start."""
        key = (node_id, direction)
        if key not in self._nodes:
            traces = {label: TraceCount(since=self.began) for label in self._admission.first_labels}
            self._nodes[key] = NodeCounts(node_id, direction, TrafficCount(), TrafficCount(), traces, {})
            self._nodes[key].flows = {name: Series(since=self.began) for name in self._flow_names}
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
        skipped: Mapping[str, int],
    ) -> None:
        """Adds what a backend has counted itself, besides its packets and traces."""
        for reason, number in skipped.items():
            self.skipped[reason] += number
        for reason, number in faults.items():
            self._errors[reason] += number
        self._overflow_packets += overflow_packets
        self._option_octets += option_octets
        self.fragments += fragments
        self.jumbograms += jumbograms

    def count_trace(self, node: NodeCounts, options: Options, packets: int, octets: int, *, path: bool) -> bool:
        """Counts user packets with IOAM options: each packet for one trace, never for two.

        Whether that trace has labels of its own.
        """
        self._option_octets += options.octets * packets
        if not options.traces:
            return False
        trace = self._choose(options)
        label = self._admission.label(trace.namespace, trace.trace_id, packets)
        count = node.traces.get(label)
        if count is None:
            since, shown = self._times(node, label)
            count = node.traces[label] = TraceCount(since=since, shown=shown)
        count.packets += packets
        count.octets += octets
        count.request = trace
        if trace.overflow:
            self._overflow_packets += packets
        if trace.sequence >= 0 and label.trace_id != OTHER:
            flow = (f"{node.node_id} {node.direction}", trace.namespace, trace.trace_id or b"")
            self._sequences.count(count, flow, trace.sequence)
        if path and trace.nodes:
            self._paths.count(node, label, trace, packets, octets)
        return label.trace_id != OTHER

    def is_listed(self, options: Options) -> bool:
        """Whether the packet counts for a configured trace; `options` have a trace."""
        trace = self._choose(options)
        return self._admission.is_listed(trace.namespace, trace.trace_id)

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on. Those that are left out keep their series, which stand still."""
        finder, now = FlowFinder(flows), self._clock()
        with self.lock:
            self.flows = finder
            before, self._current = self._current, frozenset(flow.name for flow in flows)
            for node in self._nodes.values():
                for name in sorted(before - self._current):
                    node.flows[name] = node.flows.pop(name)  # the last to leave
                for flow in flows:
                    if flow.name not in node.flows:
                        node.flows[flow.name] = Series(since=now, shown=now + self._hold)
                left = [name for name in node.flows if name not in self._current]
                for name in left[:-MAX_LEFT_FLOWS]:
                    del node.flows[name]

    def count_flow(self, node: NodeCounts, name: str, packets: int, octets: int) -> None:
        """Counts user packets for a flow, which may have been taken out since they came."""
        count = node.flows.get(name)
        if count is not None:
            count.add(packets, octets)

    def end(self) -> None:
        """Says that nothing more is counted here. Nothing is held at 0 any more: what goes on from here has all."""
        with self.lock:
            self._ended = True

    def snapshot(self, counted: float | None = None, behind: Mapping[int, float] | None = None) -> Counts:
        """The table as it is between two packets.

        It has the packets until the moment `counted` of the table's clock, by default until now; `behind` is as for
        Measured.seconds.
        """
        with self.lock:
            clock = self._clock()
            now = math.inf if self._ended else clock
            return Counts(
                nodes=tuple(node.snapshot(now) for node in self._nodes.values()),
                measured=self.measured.seconds(clock if counted is None else counted, behind),
                latencies={pair: latency.copy() for pair, latency in self._paths.latencies.items()},
                clock_errors=self._paths.clock_errors,
                errors=dict(self._errors),
                overflow_packets=self._overflow_packets,
                option_octets=self._option_octets,
                fragments=self.fragments,
                jumbograms=self.jumbograms,
                skipped=dict(self.skipped),
                traces=len(self._admission.labels),
                folded=self._admission.folded,
                marked=self._marked,
                admitted=dict(self._admission.admitted),
            )

    def _choose(self, options: Options) -> Trace:
        """The trace that the packet counts for: the first of a configured namespace, else the first."""
        if len(options.traces) > 1:
            known = (other for other in options.traces if self._admission.is_configured(other.namespace))
            return next(known, options.traces[0])
        return options.traces[0]

    def _series(self, node: NodeCounts, label: Label, name: str) -> Series:
        """The series of a path's node, which appears now."""
        since, shown = self._times(node, label, name)
        return Series(since=since, shown=shown)

    def _times(self, node: NodeCounts, label: Label, name: str = "") -> tuple[float, float]:
        """When a series appeared that appears now, and until when it is shown at 0."""
        now = self._clock()
        goes_on = (node.node_id, node.direction, label, name) in self._before
        return now, now if goes_on else now + self._hold
