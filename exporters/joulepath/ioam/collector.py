# SPDX-License-Identifier: Apache-2.0
"""Turns a reading into metric families."""

from collections.abc import Iterable

from joulepath.ioam import metrics
from joulepath.ioam.counters import Count, NodeCounts
from joulepath.ioam.source import Reading
from joulepath.metrics import Family, Metric, filled


def families(reading: Reading) -> Iterable[Family]:
    """The families of one scrape."""
    counts = reading.counts
    nodes = counts.nodes
    yield from _pair(metrics.NODE_PACKETS, metrics.NODE_BYTES, ((_node(node), node.user) for node in nodes))
    yield from _pair(
        metrics.NODE_OTHER_PACKETS, metrics.NODE_OTHER_BYTES, ((_node(node), node.other) for node in nodes)
    )
    yield from _pair(
        metrics.TRACE_PACKETS,
        metrics.TRACE_BYTES,
        (([*label, *_node(node)], count) for node in nodes for label, count in node.traces.items()),
    )
    yield from _pair(metrics.PATH_PACKETS, metrics.PATH_BYTES, _paths(nodes))
    errors = metrics.DECODE_ERRORS.family()
    for reason, number in counts.errors.items():
        errors.add_metric([reason], number)
    yield errors
    yield _single(metrics.OVERFLOW_PACKETS, counts.overflow_packets)
    yield _single(metrics.OPTION_BYTES, counts.option_octets)
    yield _single(metrics.FRAGMENT_PACKETS, counts.fragments)
    yield _single(metrics.JUMBOGRAM_PACKETS, counts.jumbograms)
    yield _single(metrics.TRACES, counts.traces)
    yield _single(metrics.TRACES_FOLDED, counts.folded)
    yield _single(metrics.CAPTURE_DROPS, reading.drops)
    info = metrics.CAPTURE_INFO.family()
    for interface, backend in reading.captures:
        info.add_metric([interface, backend], 1)
    limits = metrics.CAPTURE_LIMIT_INFO.family()
    for backend, limit in reading.limits:
        limits.add_metric([backend, limit], 1)
    yield from filled([info, limits])


def _node(node: NodeCounts) -> list[str]:
    return [str(node.node_id), node.direction]


def _paths(nodes: Iterable[NodeCounts]) -> Iterable[tuple[list[str], Count]]:
    """Recorded paths by label values. Two of this host's nodes that both count paths add up."""
    sums: dict[tuple[str, str, str, str], Count] = {}
    for node in nodes:
        for label, name, count in ((label, *item) for label, path in node.paths.items() for item in path.items()):
            sums.setdefault((*label, name, node.direction), Count()).add(count.packets, count.octets)
    return ((list(labels), count) for labels, count in sums.items())


def _pair(packets: Metric, octets: Metric, samples: Iterable[tuple[list[str], Count]]) -> Iterable[Family]:
    """A family of packets and one of bytes with the same labels; neither where there is no sample."""
    families = packets.family(), octets.family()
    for labels, count in samples:
        families[0].add_metric(labels, count.packets)
        families[1].add_metric(labels, count.octets)
    return filled(families)


def _single(metric: Metric, value: int) -> Family:
    family = metric.family()
    family.add_metric([], value)
    return family
