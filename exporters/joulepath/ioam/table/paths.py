# SPDX-License-Identifier: Apache-2.0
"""Recorded paths as data: by which nodes packets came, in which order, how long each hop took. All of it bounded."""

from collections.abc import Callable
from functools import partial

from joulepath.ioam.settings import Settings
from joulepath.ioam.table.admission import OTHER, Label
from joulepath.ioam.table.counts import NodeCounts, Path, Series
from joulepath.ioam.table.latency import FRACTIONS, Latency, between
from joulepath.ioam.wire.trace import Trace

_NO_FRACTION = (1 << 32) - 1
_NO_SECONDS = _NO_FRACTION << 32


class Paths:
    """Counts recorded paths. Node ids are untrusted input: only admitted traces add new ones, within bounds."""

    def __init__(self, settings: Settings, series: Callable[[NodeCounts, Label, str], Series]) -> None:
        self.latencies: dict[tuple[str, str, str], Latency] = {}
        self.clock_errors = 0
        self._series = series
        self._names = {node_id: str(node_id) for node_id in settings.path_nodes or ()}
        self._configured_ids = frozenset(self._names)
        self._configured = tuple(self._names.values())
        self._orders: set[str] = set()
        self._max_nodes = settings.max_path_nodes if settings.path_nodes is None else 0
        self._max_series = settings.max_path_series
        self._max_orders, self._max_pairs = settings.max_paths, settings.max_hop_pairs
        self._dynamic = 0
        for *_, name in settings.before.series:
            if name.isdecimal():
                self._name(int(name), own=True)
        self._fractions = {number: FRACTIONS[namespace.time] for number, namespace in settings.namespaces.items()}

    def add_configured(self, node: NodeCounts) -> None:
        """Configured traces have counts for configured nodes from the start."""
        for label, count in node.traces.items() if self._configured else ():
            if label.trace_id != OTHER:
                node.paths.setdefault(label, Path({name: Series(since=count.since) for name in self._configured}))

    def count(self, node: NodeCounts, label: Label, trace: Trace, packets: int, octets: int) -> None:
        """Counts packets by the nodes that their trace names."""
        path = node.paths.get(label)
        if path is None:
            path = node.paths[label] = Path()
        if path.nodes != trace.nodes or not path.current:
            self._change(node, path, label, trace.nodes)
        for count in path.current:
            count.packets += packets
            count.octets += octets
        if trace.times and label.trace_id != OTHER:
            self._hops(node.direction, path, trace, packets)

    def _change(self, node: NodeCounts, path: Path, label: Label, nodes: tuple[int, ...]) -> None:
        own = label.trace_id != OTHER
        names = tuple(self._name(node_id, own=own) for node_id in reversed(nodes))
        if own:
            if path.nodes and nodes != path.nodes:
                path.changes += 1
            path.order = self._order(names)
        path.nodes, path.names, path.hops = nodes, names, ()
        # A node that stands twice in the list, as after a loop, still had one packet.
        series = partial(self._series, node, label)
        path.current = tuple(self._count(path, name, series) for name in dict.fromkeys(names))

    def _name(self, node_id: int, *, own: bool) -> str:
        """The label of a node of a path. Of a trace without a label of its own only configured nodes have one.

        Names from other traces do not count there: backends see the traces of one reading in different orders.
        """
        if not own and node_id not in self._configured_ids:
            return OTHER
        if (name := self._names.get(node_id)) is not None:
            return name
        if len(self._names) >= self._max_nodes:
            return OTHER
        return self._names.setdefault(node_id, str(node_id))

    def _order(self, names: tuple[str, ...]) -> str:
        order = ">".join(names)
        if len(self._orders) < self._max_orders:
            self._orders.add(order)
        return order if order in self._orders else OTHER

    def _count(self, path: Path, name: str, series: Callable[[str], Series]) -> Series:
        count = path.counts.get(name)
        if count is None:
            if name != OTHER and self._dynamic >= self._max_series:
                return self._count(path, OTHER, series)
            self._dynamic += 1
            count = path.counts[name] = series(name)
        return count

    def _hops(self, direction: str, path: Path, trace: Trace, packets: int) -> None:
        times = trace.times
        if not path.hops:
            pairs = zip(path.names, path.names[1:], strict=False)
            path.hops = tuple(self._latency(*pair, direction) for pair in pairs)[::-1]
        whole = self._fractions.get(trace.namespace, FRACTIONS["posix"])
        later = times[0]
        for earlier, latency in zip(times[1:], path.hops, strict=True):
            # Nearly always within one second of the clock, where the difference is that of the fractions.
            if earlier <= later < _NO_SECONDS and later >> 32 == earlier >> 32 and later & _NO_FRACTION < whole - 1:
                latency.observe((later - earlier) / whole, packets)
            elif (seconds := between(earlier, later, whole)) is not None:
                if seconds < 0:
                    self.clock_errors += packets
                else:
                    latency.observe(seconds, packets)
            later = earlier

    def _latency(self, earlier: str, later: str, direction: str) -> Latency:
        pair = (earlier, later, direction)
        if pair not in self.latencies and len(self.latencies) >= self._max_pairs:
            pair = (OTHER, OTHER, direction)
        return self.latencies.setdefault(pair, Latency())
