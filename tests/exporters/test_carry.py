# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.carry import Carry
from joulepath.metrics import Family, counter, gauge

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


def shown(carry: Carry, counts: Mapping[str, float]) -> dict[str, float]:
    packets, traces = carry.onto(families(counts))
    assert [sample.value for sample in traces.samples] == [len(counts)]
    return {sample.labels["trace"]: sample.value for sample in packets.samples}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 100)), min_size=1))
def test_no_series_ever_falls_and_nothing_is_counted_twice(sources: list[dict[str, int]]) -> None:
    carry = Carry()
    total: dict[str, int] = {}
    for counts in sources:
        before = {trace: total.get(trace, 0) for trace in counts}
        assert shown(carry, dict.fromkeys(counts, 0)) == before
        for trace, count in counts.items():
            total[trace] = total.get(trace, 0) + count
        assert shown(carry, counts) == {trace: total[trace] for trace in counts}
        carry = carry.ended(families(counts))
