# SPDX-License-Identifier: Apache-2.0
"""Recorded paths: their order, changes and latencies, and that none of it grows without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.settings import TimeFormat
from joulepath.ioam.table.latency import BOUNDS, FRACTIONS, between
from tests.exporters.ioam.tables import ANY, ID, STRANGER, scrape, see, table, trace

pytestmark = pytest.mark.unit


def test_a_path_has_the_order_of_its_nodes_and_changes_are_counted() -> None:
    counters = table(path_nodes=frozenset({1, 2, 3}))

    def order() -> list[str]:
        return [key[4] for key in scrape(counters) if key[0] == "ioam_path_info"]

    assert order() == []
    see(counters, trace(nodes=(3, 2, 1)), packets=5)
    see(counters, trace(STRANGER, nodes=(3, 2, 1)))
    assert order() == ["1>2>3"]
    for nodes in ((3, 2, 1), (3, 1), (3, 1), (3, 9, 1), (3, 8, 1)):
        see(counters, trace(nodes=nodes), packets=2)
    samples = scrape(counters)
    assert order() == ["1>other>3"]
    assert samples["ioam_path_changes_total", "uplink", "123", "4", ID.hex()] == 3
    by_node = {
        key[3]: value for key, value in samples.items() if key[0] == "ioam_path_packets_total" and key[4] == ID.hex()
    }
    assert by_node == {"1": 15, "2": 7, "3": 15, "other": 0}


def test_the_order_in_which_traces_are_seen_makes_no_difference() -> None:
    seen = [trace(nodes=(3, 2)), trace(STRANGER, nodes=(3, 2))]
    first, second = table(hold_seconds=0), table(hold_seconds=0)
    for counters, order in ((first, seen), (second, seen[::-1])):
        for one in order:
            see(counters, one)
    samples = scrape(first)
    assert samples == scrape(second)
    by_node = {key[3:5]: value for key, value in samples.items() if key[0] == "ioam_path_packets_total"}
    assert by_node == {("2", ID.hex()): 1, ("3", ID.hex()): 1, ("other", "other"): 1}


def test_hop_latency_is_counted_between_neighbours() -> None:
    counters = table(path_nodes=frozenset({1, 2, 3}))
    second = 1 << 32
    see(
        counters, trace(nodes=(3, 2, 1), times=(5 * second + 10, 4 * second + 999_000, 4 * second + 998_000)), packets=2
    )
    see(counters, trace(nodes=(2, 1), times=(5 * second, 4 * second + 999_995)))
    see(counters, trace(nodes=(2, 1), times=(4 * second, 5 * second)))  # a clock behind
    see(counters, trace(nodes=(2, 1), times=(4 * second + 1_000_000, 4 * second)))  # no microseconds
    see(counters, trace(nodes=(2, 1), times=((1 << 64) - second, 4 * second)))  # a node that does not say
    see(counters, trace(nodes=(2, 1), times=(5 * second, 4 * second + 0xFFFFFFFF)))
    see(counters, trace(STRANGER, nodes=(2, 1), times=(5 * second, 5 * second)))
    samples = scrape(counters)
    pair = ("uplink", "1", "2")
    name = "ioam_hop_latency_seconds"
    assert samples[f"{name}_count", *pair] == 3
    assert samples[f"{name}_sum", *pair] == pytest.approx(0.002005)
    assert samples[f"{name}_bucket", "uplink", "1", "1e-05", "2"] == 1
    assert samples[f"{name}_bucket", "uplink", "1", "0.001", "2"] == 3
    assert samples[f"{name}_sum", "uplink", "2", "3"] == pytest.approx(0.00202)
    assert samples["ioam_hop_clock_errors_total",] == 2


@given(
    st.sampled_from([("posix", 10**6), ("ptp", 10**9), ("ntp", 1 << 32)]),
    st.integers(0, (1 << 32) - 1) | st.just((1 << 32) - 1),
    st.integers(0, 1 << 62),
    st.integers(0, (1 << 32) - 2),
)
def test_the_time_between_two_stamps_is_exact(
    kind: tuple[TimeFormat, int], start: int, step: int, fraction: int
) -> None:
    name, whole = kind
    fraction %= whole
    step %= 1000 * whole
    seconds, later = divmod(fraction + step, whole)
    end = (start + seconds) % (1 << 32)
    duration = between(start << 32 | fraction, end << 32 | later, FRACTIONS[name])
    if (1 << 32) - 1 in {start, end, later}:
        assert duration is None  # all ones say that a node had no time
        return
    if whole < 1 << 32:
        wrong = between(start << 32 | whole, start << 32, FRACTIONS[name])
        assert wrong is not None
        assert wrong < 0
    assert duration == pytest.approx(step / whole, abs=1e-9)


def test_paths_as_labels_are_bounded() -> None:
    counters = table(max_paths=5)
    for number in range(20):
        see(counters, trace(nodes=(number, 100)))
    assert counters.node(4, "uplink").paths["123", ID.hex()].order == "other"  # type: ignore[index]
    see(counters, trace(nodes=(2, 100)))
    assert counters.node(4, "uplink").paths["123", ID.hex()].order == "100>2"  # type: ignore[index]


def test_latency_pairs_are_bounded() -> None:
    counters = table(max_hop_pairs=3)
    for number in range(10):
        see(counters, trace(nodes=(number + 100, number), times=(1 << 32, 1 << 32)))
    counts = {key[1:]: value for key, value in scrape(counters).items() if key[0] == "ioam_hop_latency_seconds_count"}
    assert len(counts) == 4
    assert counts["uplink", "other", "other"] == 7


def test_unlisted_node_ids_never_become_labels() -> None:
    counters = table(bounds=ANY)
    for number in range(1000):
        see(counters, trace(None, nodes=(number + 5,)))
    see(counters, trace(ID, nodes=(2, 1)))
    assert set(counters.node(4, "uplink").paths["123", ID.hex()].counts) == {"1", "2"}  # type: ignore[index]
    assert {name for path in counters.node(4, "uplink").paths.values() for name in path.counts} == {"1", "2", "other"}


def test_path_series_are_bounded() -> None:
    counters = table(bounds=ANY, max_path_series=10)
    for number in range(40):
        see(counters, trace(bytes([number]) * 16, nodes=tuple(range(20))))
    assert sum(len(path.counts) for path in counters.node(4, "uplink").paths.values()) <= 10 + 40


def test_buckets_are_in_order() -> None:
    assert list(BOUNDS) == sorted(BOUNDS)
