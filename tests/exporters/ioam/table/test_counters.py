# SPDX-License-Identifier: Apache-2.0
"""The table over time: what is held at 0, what an exemplar says, what sequence numbers do."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.settings import Namespace
from joulepath.ioam.table.counters import Table
from joulepath.ioam.wire.decode import DIRECT_EXPORT
from tests.exporters.ioam.tables import (
    ANY,
    CONFIGURED,
    DYNAMIC,
    ID,
    STRANGER,
    Clock,
    exemplars,
    scrape,
    see,
    table,
    trace,
)

pytestmark = pytest.mark.unit


def test_a_trace_that_appears_is_held_at_0_by_the_clock() -> None:
    clock = Clock()
    counters = table(bounds=ANY, clock=clock, hold_seconds=30.0)
    see(counters, trace(STRANGER, (2, 1)))
    see(counters, trace(ID, (2, 1)))
    samples = scrape(counters)
    assert (samples[CONFIGURED], samples[DYNAMIC]) == (1, 0)
    clock.now += 29.9
    see(counters, trace(STRANGER, (2, 1)), packets=2)
    assert scrape(counters)[DYNAMIC] == 0
    path = ("ioam_path_bytes_total", "uplink", "123", "1", STRANGER.hex())
    assert scrape(counters)[path] == 0
    clock.now += 0.2
    samples = scrape(counters)
    assert (samples[DYNAMIC], samples[path]) == (3, 200)
    assert samples["ioam_node_packets_total", "uplink", "4"] == 4


def test_created_timestamps_tell_when_counters_and_traces_began() -> None:
    clock = Clock()
    counters = table(bounds=ANY, clock=clock)
    clock.now += 7
    see(counters, trace(STRANGER))
    clock.now += 60
    assert not any(name.endswith("_created") for name, *_ in scrape(counters))
    samples = scrape(counters, epoch=50_000.0)
    assert samples["ioam_trace_packets_created", "uplink", "123", "4", ID.hex()] == 51_000
    assert samples["ioam_trace_bytes_created", "uplink", "123", "4", STRANGER.hex()] == 51_007


def test_the_request_id_is_an_exemplar_where_the_label_is_less() -> None:
    counters = table(Namespace(octets=4, ids=frozenset({ID[:4]})))
    assert exemplars(counters) == {}
    see(counters, trace(ID))
    see(counters, trace(STRANGER))
    assert exemplars(counters) == {ID[:4].hex(): {"trace_id": ID.hex()}}
    see(counters, trace(ID, span_id=b"12345678"))
    assert exemplars(counters)[ID[:4].hex()] == {"trace_id": ID.hex(), "span_id": b"12345678".hex()}
    whole = table()
    see(whole, trace(ID))
    assert exemplars(whole) == {}


def test_marked_packets_stand_for_all() -> None:
    counters = table(Namespace(ids=frozenset({ID}), marked=(2, 5)))
    seen = []
    for _ in range(4):
        see(counters, trace(ID, (1,)))
        seen.append(scrape(counters)[CONFIGURED])
    assert seen == [2, 5, 7, 10]
    samples = scrape(counters)
    assert samples["ioam_path_bytes_total", "uplink", "123", "1", ID.hex()] == 0  # held
    assert samples["ioam_trace_bytes_total", "uplink", "123", "4", ID.hex()] == 1000
    assert samples["ioam_marked_ratio", "123"] == 0.4
    assert samples["ioam_node_packets_total", "uplink", "4"] == 4


def sequence(counters: Table, *numbers: int, flow: bytes = b"\0\0\0\1") -> tuple[float, float]:
    """Missing and late packets after these numbers."""
    for number in numbers:
        see(counters, trace(flow, kind=DIRECT_EXPORT, sequence=number))
    samples = scrape(counters)
    key = ("uplink", "123", "4", flow.hex())
    return samples["ioam_sequence_missing_packets_total", *key], samples["ioam_sequence_late_packets_total", *key]


FLOWS = Namespace(ids=frozenset({b"\0\0\0\1", b"\0\0\0\2"}))


def test_sequence_numbers_show_loss() -> None:
    counters = table(FLOWS)
    assert sequence(counters, 5, 6, 7) == (0, 0)
    assert sequence(counters, 10) == (2, 0)
    assert sequence(counters, 8) == (2, 1)
    assert sequence(counters, 11) == (2, 1)
    assert sequence(counters, 10**6, 10**6 + 1) == (2, 1)  # the sender began anew
    assert sequence(counters, 3, 4, flow=b"\0\0\0\2") == (0, 0)
    wrapping = table(FLOWS)
    assert sequence(wrapping, 0xFFFFFFFE, 0xFFFFFFFF, 0, 2) == (1, 0)


@given(st.integers(1, 300), st.sets(st.integers(1, 298)), st.integers(0, (1 << 32) - 1), st.randoms())
def test_missing_minus_late_is_the_loss(count: int, lost: set[int], first: int, order: random.Random) -> None:
    numbers = [number for number in range(count) if number not in lost or number == 0]
    shuffled = [0, *sorted(numbers[1:], key=lambda number: number + order.random() * 8)]
    counters = table(FLOWS)
    missing, late = sequence(counters, *((first + number) % (1 << 32) for number in shuffled))
    assert missing - late == max(shuffled) + 1 - len(numbers)


def test_sequences_of_many_flows_are_bounded() -> None:
    counters = table(Namespace(octets=1, ids=frozenset({b"\0"})))
    for number in range(10_000):
        see(counters, trace(struct.pack("!I", number), kind=DIRECT_EXPORT, sequence=1))
    assert len(counters._sequences._next) == 4096
