# SPDX-License-Identifier: Apache-2.0
"""Our encoder of large families against prometheus_client's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.samples import Sample

from joulepath.exposition import Labels, encode
from joulepath.metrics import registry

pytestmark = pytest.mark.unit

NAMES = st.sampled_from(["node_id", "trace_id", "a", "z"])
LABELS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=4).map(Labels)
EXEMPLARS = st.none() | st.builds(
    Exemplar,
    st.dictionaries(NAMES, st.text('abc"\\\n', max_size=5), max_size=2),
    st.integers(0, 9),
    st.none() | st.floats(0, 2e9),
)
VALUES = st.integers(-(10**7), 1 << 70) | st.floats()


@st.composite
def families(draw: st.DrawFn) -> Metric:
    text = draw(st.text('ab \\\n"', max_size=8))
    if draw(st.booleans()):
        counter = CounterMetricFamily("c", text)
        rows = draw(st.lists(st.tuples(LABELS, VALUES, EXEMPLARS), max_size=4))
        counter.samples += [Sample("c_total", labels, value, None, exemplar) for labels, value, exemplar in rows]
        return counter
    gauge = GaugeMetricFamily("g", text)
    gauge.samples += [
        Sample("g", labels, value) for labels, value in draw(st.lists(st.tuples(LABELS, VALUES), max_size=4))
    ]
    return gauge


@given(families())
def test_a_family_is_written_as_prometheus_client_writes_it(family: Metric) -> None:
    for _ in range(2):
        expected = generate_latest(registry(lambda: [family]))
        assert encode([family], generate_latest, openmetrics=False) == expected
        expected = openmetrics(registry(lambda: [family]))  # type: ignore[no-untyped-call]
        assert encode([family], openmetrics, openmetrics=True) == expected


def test_an_unprepared_family_is_left_to_prometheus_client() -> None:
    histogram = HistogramMetricFamily("h", "text", labels=["a"])
    histogram.add_metric(["x"], [("1", 1), ("+Inf", 2)], 3)
    plain = CounterMetricFamily("p", "text", labels=["a"])
    plain.add_metric(["x"], 1, created=2)
    created = CounterMetricFamily("d", "text")
    created.samples += [Sample("d_total", Labels(a="x"), 1), Sample("d_created", Labels(a="x"), 2)]
    fast = GaugeMetricFamily("f", "text")
    fast.samples.append(Sample("f", Labels(a="x"), 1))
    everything: list[Metric] = [fast, histogram, plain, created]
    for encoder, is_openmetrics in ((generate_latest, False), (openmetrics, True)):
        text = encode(everything, encoder, openmetrics=is_openmetrics)
        expected = encoder(registry(lambda: everything))
        assert sorted(text.splitlines()) == sorted(expected.splitlines())
        assert text.endswith(b"# EOF\n") == is_openmetrics
        assert text.count(b"# EOF\n") == int(is_openmetrics)
