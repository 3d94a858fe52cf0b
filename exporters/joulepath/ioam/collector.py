# SPDX-License-Identifier: Apache-2.0
"""Turns a reading into metric families.

Samples are built without the families' own helpers: with tens of thousands of series, they take most of the time.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.core import Metric as AnyFamily
from prometheus_client.samples import Sample

from joulepath.exposition import Labels
from joulepath.ioam import metrics
from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.table.admission import OTHER, Label
from joulepath.ioam.table.counts import Counts, NodeCounts, Series, TraceCount, TrafficCount
from joulepath.ioam.table.latency import BOUNDS, Latency
from joulepath.metrics import Family, Metric, filled


def families(reading: TrafficReading, epoch: float | None = None) -> Iterable[AnyFamily]:
    """The families of one scrape.

    With `epoch`, the Unix time at which the table's clock was 0, counters say when they were created.
    """
    counts = reading.counts
    nodes = counts.nodes
    yield from _pair(metrics.NODE_PACKETS, metrics.NODE_BYTES, ((_node(node), node.user) for node in nodes))
    yield from _pair(
        metrics.NODE_OTHER_PACKETS, metrics.NODE_OTHER_BYTES, ((_node(node), node.other) for node in nodes)
    )
    yield _table(metrics.NODE_MEASURED, (([str(node_id)], seconds) for node_id, seconds in counts.measured.items()))
    yield from _pair(metrics.TRACE_PACKETS, metrics.TRACE_BYTES, _traces(counts), epoch)
    yield from _pair(metrics.FLOW_PACKETS, metrics.FLOW_BYTES, _flows(nodes), epoch)
    yield from _pair(metrics.PATH_PACKETS, metrics.PATH_BYTES, _paths(counts), epoch)
    yield from filled([*_order(nodes), *_sequences(nodes)])
    if counts.latencies:
        yield _latencies(counts.latencies)
    yield _single(metrics.HOP_CLOCK_ERRORS, counts.clock_errors)
    yield from filled([_table(metrics.MARKED_RATIO, (([name], k / n) for name, (k, n) in counts.marked.items()))])
    yield _table(metrics.DECODE_ERRORS, (([reason], number) for reason, number in counts.errors.items()))
    yield _table(metrics.SKIPPED_FRAMES, (([reason], number) for reason, number in counts.skipped.items()))
    yield _single(metrics.OVERFLOW_PACKETS, counts.overflow_packets)
    yield _single(metrics.OPTION_BYTES, counts.option_octets)
    yield _single(metrics.FRAGMENT_PACKETS, counts.fragments)
    yield _single(metrics.JUMBOGRAM_PACKETS, counts.jumbograms)
    yield _single(metrics.TRACES, counts.traces)
    yield _single(metrics.TRACES_FOLDED, counts.folded)
    yield _single(metrics.CAPTURE_DROPS, reading.drops)
    yield from filled(
        [
            _table(metrics.UNSEEN_PACKETS, (([name], number) for name, number in reading.unseen.items())),
            _table(metrics.CAPTURE_INFO, ((capture, 1) for capture in reading.captures)),
            _table(metrics.CAPTURE_LIMIT_INFO, ((limit, 1) for limit in reading.limits)),
        ]
    )


def _node(node: NodeCounts) -> Labels:
    return Labels(node_id=str(node.node_id), direction=node.direction)


def _flows(nodes: Iterable[NodeCounts]) -> Iterator[tuple[Labels, TrafficCount]]:
    for node in nodes:
        labels = _node(node)
        for name, count in node.flows.items():
            yield Labels(flow=name, **labels), count


# The labels of a series are the same at each scrape. They are as bounded as the series are.
@functools.lru_cache(maxsize=1 << 16)
def _labels(label: Label, node_id: str, direction: str) -> Labels:
    namespace, trace_id = label
    return Labels(ioam_namespace=namespace, trace_id=trace_id, node_id=node_id, direction=direction)


@functools.lru_cache(maxsize=1 << 16)
def _with_path(label: Label, node_id: str, direction: str, path: str) -> Labels:
    return Labels(**_labels(label, node_id, direction), path=path)


def _traces(counts: Counts) -> Iterator[tuple[Labels, TrafficCount]]:
    for node in counts.nodes:
        name = str(node.node_id)
        for label, count in node.traces.items():
            yield _labels(label, name, node.direction), _whole(counts, label, count)


def _paths(counts: Counts) -> Iterable[tuple[Labels, TrafficCount]]:
    """Recorded paths by labels. Two of this host's nodes that both count paths add up."""
    sums: dict[tuple[Label, str, str], Series] = {}
    for node in counts.nodes:
        for label, path in node.paths.items():
            for name, count in path.counts.items():
                key = (label, name, node.direction)
                if (earlier := sums.get(key)) is None:
                    sums[key] = count
                else:
                    both = earlier.packets + count.packets, earlier.octets + count.octets
                    sums[key] = Series(*both, min(earlier.since, count.since))
    return ((_labels(*key), _whole(counts, key[0], count)) for key, count in sums.items())


def _whole(counts: Counts, label: Label, count: Series) -> Series:
    """The packets that there were, where only some of them have the option. A reading may be shown twice: a copy."""
    if not (counts.marked and (ratio := counts.marked.get(label.namespace))):
        return count
    return replace(count, packets=_scale(count.packets, *ratio), octets=_scale(count.octets, *ratio))


def _scale(value: int, marked: int, of: int) -> int:
    """Rounded down, so that it never goes backwards."""
    return value * of // marked


def _order(nodes: Iterable[NodeCounts]) -> Iterable[Family]:
    """The latest path of each trace, and how often it changed."""
    info, changes = metrics.PATH_INFO.family(), metrics.PATH_CHANGES.family()
    for node in nodes:
        name = str(node.node_id)
        for label, path in node.paths.items():
            if path.order:
                labels = _labels(label, name, node.direction)
                info.samples.append(
                    Sample(metrics.PATH_INFO.name, _with_path(label, name, node.direction, path.order), 1)
                )
                changes.samples.append(Sample(metrics.PATH_CHANGES.name, labels, path.changes))
    return info, changes


def _sequences(nodes: Iterable[NodeCounts]) -> Iterable[Family]:
    missing, late = metrics.MISSING_PACKETS.family(), metrics.LATE_PACKETS.family()
    for node in nodes:
        for label, count in node.traces.items():
            if count.missing >= 0:
                labels = _labels(label, str(node.node_id), node.direction)
                missing.samples.append(Sample(metrics.MISSING_PACKETS.name, labels, count.missing))
                late.samples.append(Sample(metrics.LATE_PACKETS.name, labels, count.late))
    return missing, late


def _latencies(latencies: dict[tuple[str, str, str], Latency]) -> HistogramMetricFamily:
    metric = metrics.HOP_LATENCY
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(str, BOUNDS), "+Inf"]
    for pair, latency in latencies.items():
        family.add_metric(pair, list(zip(bounds, accumulate(latency.buckets), strict=True)), latency.seconds)
    return family


def _pair(
    packets: Metric, octets: Metric, samples: Iterable[tuple[Labels, TrafficCount]], epoch: float | None = None
) -> Iterable[Family]:
    """A family of packets and one of bytes with the same labels; neither without a sample."""
    families = packets.family(), octets.family()
    first, second = (family.samples.append for family in families)
    names = packets.name, octets.name
    for labels, count in samples:
        exemplar = _exemplar(labels, count) if isinstance(count, TraceCount) and count.packets else None
        first(Sample(names[0], labels, count.packets, None, exemplar))
        second(Sample(names[1], labels, count.octets))
        if epoch is not None and isinstance(count, Series):
            for family, append in zip(families, (first, second), strict=True):
                append(Sample(f"{family.name}_created", labels, epoch + count.since))
    return filled(families)


def _exemplar(labels: Labels, count: TraceCount) -> Exemplar | None:
    """The latest request of a trace, if the trace's label is only a part of its id."""
    trace = count.request
    if trace is None or trace.trace_id is None or labels["trace_id"] == OTHER:
        return None
    ids = {"trace_id": trace.trace_id.hex()}
    if trace.span_id is not None:
        ids["span_id"] = trace.span_id.hex()
    elif ids["trace_id"] == labels["trace_id"]:
        return None
    return Exemplar(ids, 1)


def _table(metric: Metric, rows: Iterable[tuple[Sequence[str], float]]) -> Family:
    family = metric.family()
    for labels, value in rows:
        family.samples.append(Sample(metric.name, dict(zip(metric.labels, labels, strict=True)), value))
    return family


def _single(metric: Metric, value: int) -> Family:
    return _table(metric, [((), value)])
