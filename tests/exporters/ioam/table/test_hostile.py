# SPDX-License-Identifier: Apache-2.0
"""Strangers who want memory, labels or a counter that goes back."""

import random

import pytest

from joulepath.ioam.settings import Bounds, Namespace, Settings
from joulepath.ioam.table.counters import Table
from tests.exporters.ioam.bench import Bench, ipv6, traced
from tests.exporters.ioam.encoder import Node, export_data, hop_by_hop, option, trace_data
from tests.exporters.ioam.tables import (
    ANY,
    CONFIGURED,
    ID,
    POINT,
    Clock,
    scrape,
)

pytestmark = pytest.mark.unit


def hostile(count: int) -> None:
    """`count` packets with random ids, and configured ones among them."""
    clock = Clock()
    settings = Settings(points=(POINT,), namespaces={123: Namespace(ids=frozenset({ID}))}, bounds=Bounds(1000, 200))
    counter = Bench(settings)
    counter.table = Table(settings, clock)
    counter.counter._table = counter.table
    counter.node = counter.table.node(4, "uplink")
    source = random.Random(4)
    mine = ipv6(traced(ID))
    template = ipv6(traced(b"\xab" * 16))
    place = template.index(b"\xab" * 16)
    before: dict[tuple[str, ...], float] = {}
    sizes = []
    for number in range(count):
        packet = bytearray(template)
        packet[place : place + 16] = source.randbytes(16)
        packet[place - 5 : place - 4] = source.randbytes(1)  # and its own node id
        counter.see(bytes(packet))
        clock.now += 0.01
        if number % 10 == 0:
            counter.see(mine)
        if number % (count // 5) == count // 5 - 1:
            samples = scrape(counter.table)
            counters = {key: value for key, value in samples.items() if key[0].endswith("_total")}
            assert all(value >= before.get(key, 0) for key, value in counters.items())
            assert before.keys() <= counters.keys()
            assert counters[CONFIGURED] == number // 10 + 1
            traces = sum(value for key, value in counters.items() if key[0] == CONFIGURED[0])
            assert traces <= counters["ioam_node_packets_total", "uplink", "4"] == number + number // 10 + 2
            before = counters
            sizes.append(len(samples))
    hours = 1 + int((clock.now - 1000) // 3600)
    assert len(counter.table._admission.labels) <= 1 + min(1000, 200 * hours)
    assert sizes[-1] < 4 * 1001 + 20_000 + 2000


@pytest.mark.lab
def test_two_hundred_thousand_unlisted_ids_stay_within_bounds() -> None:
    hostile(200_000)


def test_nothing_from_a_packet_is_a_label_as_it_stands() -> None:
    counter = Bench(Settings(points=(POINT,), bounds=ANY))
    evil = b'"} 1\n# EOF\n\\{abc'
    counter.see(ipv6(hop_by_hop(b"\1\0", option(trace_data(1, [22], [Node(snapshot=evil)])))))
    counter.see(ipv6(hop_by_hop(b"\1\0", option(export_data(2, {0: 0x220A7D5C}), 4))))
    ids = {key[4] for key in scrape(counter.table) if key[0] == "ioam_trace_packets_total"}
    assert ids == {"other", evil.hex(), "220a7d5c"}
