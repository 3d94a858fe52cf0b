# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from joulepath.metrics import Family, counter, gauge
from joulepath.reading.carry import Carry

pytestmark = pytest.mark.unit

PACKETS = counter("thing_packets_total", "Counted.", "trace")
TRACES = gauge("thing_traces", "There now.")


def families(counts: Mapping[str, float]) -> Iterable[Family]:
    packets = PACKETS.family()
    for trace, count in counts.items():
        packets.add_metric([trace], count)
    traces = TRACES.family()
    traces.add_metric([], len(counts))
    return [packets, traces]


def carry_counts(carry: Carry, counts: Mapping[str, float]) -> dict[str, float]:
    packets, traces = carry.onto(families(counts))
    assert [sample.value for sample in traces.samples] == [len(counts)]
    return {sample.labels["trace"]: sample.value for sample in packets.samples}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 100)), min_size=1))
def test_no_series_ever_falls_and_nothing_is_counted_twice(sources: list[dict[str, int]]) -> None:
    carry = Carry()
    total: dict[str, int] = {}
    for counts in sources:
        before = {trace: total.get(trace, 0) for trace in counts}
        assert carry_counts(carry, dict.fromkeys(counts, 0)) == before
        for trace, count in counts.items():
            total[trace] = total.get(trace, 0) + count
        assert carry_counts(carry, counts) == {trace: total[trace] for trace in counts}
        carry = carry.ended(families(counts))


class Stamped:
    """A source with series that state when they were created."""

    def __init__(self, created: float, latencies: int, seconds: float) -> None:
        self._created = created
        self._latencies = latencies
        self._seconds = seconds

    def families(self) -> Iterable[Metric]:
        packets = CounterMetricFamily("thing_packets", "Counted.", labels=["trace"])
        packets.add_metric(["a"], 5, created=self._created)
        latency = HistogramMetricFamily("thing_latency_seconds", "How long.", labels=["pair"])
        buckets = [("0.1", float(self._latencies)), ("+Inf", self._latencies + 1.0)]
        latency.add_metric(["1>2"], buckets, self._seconds)
        return [packets, latency]


def test_a_series_that_goes_on_was_created_once_and_histograms_go_on_too() -> None:
    carry = Carry().ended(Stamped(100.0, 3, 0.5).families()).ended(Stamped(200.0, 4, 0.25).families())
    samples = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in carry.onto(Stamped(300.0, 0, 0.0).families())
        for sample in family.samples
    }
    assert samples == {
        ("thing_packets_total", None): 15,
        ("thing_packets_created", None): 100,
        ("thing_latency_seconds_bucket", "0.1"): 7,
        ("thing_latency_seconds_bucket", "+Inf"): 10,
        ("thing_latency_seconds_count", None): 10,
        ("thing_latency_seconds_sum", None): 0.75,
    }
