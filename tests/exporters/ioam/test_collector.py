# SPDX-License-Identifier: Apache-2.0
"""The contents of a scrape."""

import dataclasses

import pytest
from prometheus_client.core import Metric

from joulepath.ioam import metrics
from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.collector import families
from joulepath.ioam.settings import Flow, Match, Namespace, Point, Settings
from joulepath.ioam.table.counters import Table
from joulepath.ioam.wire.decode import REASONS, Options, Trace
from joulepath.metrics import TARGET_LABELS, registry

pytestmark = pytest.mark.unit

ID = bytes(range(16))
SETTINGS = Settings(
    points=(
        Point("n3", "received", 4, "uplink", path=True),
        Point("n3-b", "received", 4, "uplink", path=True),
        Point("n6", "received", 4, "downlink", path=True),
    ),
    namespaces={123: Namespace(ids=frozenset({ID}))},
    path_nodes=frozenset({1, 2}),
    hold_seconds=0.0,
)


def scrape(table: Table, drops: int = 0, captures: tuple[tuple[str, str], ...] = ()) -> dict[str, Metric]:
    reading = TrafficReading(
        table.snapshot(), drops, captures, (("pcap", "segments"),), {name: 0 for name, _ in captures}
    )
    return {family.name: family for family in registry(lambda: families(reading)).collect()}


def test_configured_traces_are_zero_from_the_start() -> None:
    samples = scrape(Table(SETTINGS), captures=(("n3", "packet"),))
    traces = samples["ioam_trace_packets"].samples
    assert {sample.labels["direction"] for sample in traces} == {"uplink", "downlink"}
    assert [sample.value for sample in traces] == [0] * 6
    assert {sample.labels["trace_id"] for sample in traces} == {ID.hex(), "other"}
    assert traces[0].labels == {
        "ioam_namespace": "123",
        "trace_id": ID.hex(),
        "node_id": "4",
        "direction": "uplink",
    }
    assert {sample.labels["node_id"] for sample in samples["ioam_path_bytes"].samples} == {"1", "2"}
    assert {sample.labels["reason"] for sample in samples["ioam_decode_errors"].samples} == set(REASONS)
    assert samples["ioam_traces"].samples[0].value == 1


def test_exactly_the_documented_metrics_are_published() -> None:
    namespaces = {123: Namespace(ids=frozenset({ID}), marked=(1, 2))}
    table = Table(dataclasses.replace(SETTINGS, namespaces=namespaces, flows=(Flow("camera", (Match(),)),)))
    node = table.node(4, "uplink")
    table.count_trace(
        node, Options((Trace(123, ID, (2, 1), overflow=False, times=(2 << 32, 1 << 32)),), 44), 1, 100, path=True
    )
    table.count_trace(node, Options((Trace(123, ID, (), overflow=False, kind=4, sequence=1),), 20), 1, 100, path=True)
    samples = scrape(table, captures=(("n3", "packet"),))
    shown = {sample.name.removesuffix("_bucket") for family in samples.values() for sample in family.samples}
    assert shown - {"ioam_hop_latency_seconds_count", "ioam_hop_latency_seconds_sum"} == {
        metric.name for metric in metrics.METRICS
    }
    assert not {label for metric in metrics.METRICS for label in metric.labels} & TARGET_LABELS


def test_an_interface_that_is_not_captured_has_no_info() -> None:
    assert "ioam_capture_info" not in scrape(Table(SETTINGS))


def test_two_interfaces_of_one_direction_are_one_series() -> None:
    table = Table(SETTINGS)
    options = Options((Trace(123, ID, (1, 2, 9), overflow=False),), 44)
    for node in (table.node(4, "uplink"), table.node(4, "uplink")):
        node.user.add(1, 100)
        table.count_trace(node, options, 1, 100, path=True)
    samples = scrape(table, drops=3)
    values = {
        name: {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for sample in samples[name].samples
            if sample.value
        }
        for name in ("ioam_node_bytes", "ioam_trace_packets", "ioam_path_packets", "ioam_capture_drops")
    }
    assert values["ioam_node_bytes"] == {("uplink", "4"): 200}
    assert values["ioam_trace_packets"] == {("uplink", "123", "4", ID.hex()): 2}
    assert values["ioam_path_packets"] == {("uplink", "123", name, ID.hex()): 2 for name in ("1", "2", "other")}
    assert values["ioam_capture_drops"] == {(): 3}


def test_a_reading_published_twice_is_the_same() -> None:
    points = (*SETTINGS.points, Point("eth1", "received", 5, "uplink", path=True))
    namespaces = {123: Namespace(ids=frozenset({ID}), marked=(1, 10))}
    table = Table(dataclasses.replace(SETTINGS, points=points, namespaces=namespaces))
    for node in (table.node(4, "uplink"), table.node(5, "uplink")):
        table.count_trace(node, Options((Trace(123, ID, (2, 1), overflow=False),), 44), 1, 100, path=True)
    reading = TrafficReading(table.snapshot(), 0, ())
    first, second = ([family.samples for family in families(reading)] for _ in range(2))
    assert first == second
    paths = next(family for family in families(reading) if family.name == "ioam_path_packets")
    assert {sample.value for sample in paths.samples if sample.labels["direction"] == "uplink"} == {20}
