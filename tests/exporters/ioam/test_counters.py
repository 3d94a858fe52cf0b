# SPDX-License-Identifier: Apache-2.0
"""The table over time: what is held at 0, what a path is, what sequence numbers say, and strangers who want memory."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed
from prometheus_client.samples import Sample

from joulepath.ioam.collector import families
from joulepath.ioam.counters import Table
from joulepath.ioam.decode import DIRECT_EXPORT, Options, Trace
from joulepath.ioam.latency import BOUNDS, FRACTIONS, between
from joulepath.ioam.settings import Bounds, Namespace, Point, Settings, TimeFormat
from joulepath.ioam.source import Reading
from joulepath.metrics import registry
from tests.exporters.ioam.bench import TRACE_ID, Bench, ipv6, traced
from tests.exporters.ioam.encoder import Node, export_data, hop_by_hop, option, trace_data

pytestmark = pytest.mark.unit

POINT = Point("eth0", "received", 4, "uplink", path=True)
ID = TRACE_ID
ANY = Bounds(100, 50)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def table(
    namespace: Namespace | None = None, bounds: Bounds | None = None, clock: Clock | None = None, **more: object
) -> Table:
    """Trace 00..0f of namespace 123 is configured."""
    namespaces = {123: namespace or Namespace(ids=frozenset({ID}))}
    settings = Settings(points=(POINT,), namespaces=namespaces, bounds=bounds, **more)  # type: ignore[arg-type]
    return Table(settings, clock or Clock())


def see(made: Table, *traces: Trace, packets: int = 1, octets: int = 100) -> None:
    at = made.at(4, "uplink")
    at.user.add(packets, octets)
    made.traced(at, Options(traces, 44), packets, octets, path=True)


def samples(made: Table, epoch: float | None = None) -> list[Sample]:
    """What a scraper that speaks OpenMetrics reads."""
    reading = Reading(made.snapshot(), 0, ())
    text = openmetrics(registry(lambda: families(reading, epoch))).decode()  # type: ignore[no-untyped-call]
    return [sample for family in parsed(text) for sample in family.samples]  # type: ignore[no-untyped-call]


def scrape(made: Table, epoch: float | None = None) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for sample in samples(made, epoch)
    }


def trace(trace_id: bytes | None = ID, nodes: tuple[int, ...] = (), namespace: int = 123, **more: object) -> Trace:
    return Trace(namespace, trace_id, nodes, overflow=False, **more)  # type: ignore[arg-type]


CONFIGURED = ("ioam_trace_packets_total", "uplink", "123", "4", ID.hex())
STRANGER = bytes(16)
DYNAMIC = ("ioam_trace_packets_total", "uplink", "123", "4", STRANGER.hex())


def test_a_trace_that_appears_is_held_at_0_by_the_clock() -> None:
    clock = Clock()
    made = table(bounds=ANY, clock=clock, hold_seconds=30.0)
    see(made, trace(STRANGER, (2, 1)))
    see(made, trace(ID, (2, 1)))
    found = scrape(made)
    assert (found[CONFIGURED], found[DYNAMIC]) == (1, 0)
    clock.now += 29.9
    see(made, trace(STRANGER, (2, 1)), packets=2)
    assert scrape(made)[DYNAMIC] == 0
    path = ("ioam_path_bytes_total", "uplink", "123", "1", STRANGER.hex())
    assert scrape(made)[path] == 0
    clock.now += 0.2
    found = scrape(made)
    assert (found[DYNAMIC], found[path]) == (3, 200)
    assert found["ioam_node_packets_total", "uplink", "4"] == 4


def test_created_timestamps_are_when_counting_and_when_traces_began() -> None:
    clock = Clock()
    made = table(bounds=ANY, clock=clock)
    clock.now += 7
    see(made, trace(STRANGER))
    clock.now += 60
    assert not any(name.endswith("_created") for name, *_ in scrape(made))
    found = scrape(made, epoch=50_000.0)
    assert found["ioam_trace_packets_created", "uplink", "123", "4", ID.hex()] == 51_000
    assert found["ioam_trace_bytes_created", "uplink", "123", "4", STRANGER.hex()] == 51_007


def exemplars(made: Table) -> dict[str, dict[str, str]]:
    """By trace id, the labels of the exemplar."""
    return {sample.labels["trace_id"]: sample.exemplar.labels for sample in samples(made) if sample.exemplar}


def test_the_request_id_is_an_exemplar_where_the_label_is_less() -> None:
    made = table(Namespace(octets=4, ids=frozenset({ID[:4]})))
    assert exemplars(made) == {}
    see(made, trace(ID))
    see(made, trace(STRANGER))
    assert exemplars(made) == {ID[:4].hex(): {"trace_id": ID.hex()}}
    see(made, trace(ID, span_id=b"12345678"))
    assert exemplars(made)[ID[:4].hex()] == {"trace_id": ID.hex(), "span_id": b"12345678".hex()}
    whole = table()
    see(whole, trace(ID))
    assert exemplars(whole) == {}


def test_marked_packets_stand_for_all() -> None:
    made = table(Namespace(ids=frozenset({ID}), marked=(2, 5)))
    seen = []
    for _ in range(4):
        see(made, trace(ID, (1,)))
        seen.append(scrape(made)[CONFIGURED])
    assert seen == [2, 5, 7, 10]
    found = scrape(made)
    assert found["ioam_path_bytes_total", "uplink", "123", "1", ID.hex()] == 0  # held
    assert found["ioam_trace_bytes_total", "uplink", "123", "4", ID.hex()] == 1000
    assert found["ioam_marked_ratio", "123"] == 0.4
    assert found["ioam_node_packets_total", "uplink", "4"] == 4


def test_the_order_of_a_path_and_its_changes() -> None:
    made = table(path_nodes=frozenset({1, 2, 3}))

    def order() -> dict[str, float]:
        return {key[3]: value for key, value in scrape(made).items() if key[0] == "ioam_path_hop_index"}

    assert order() == {}
    see(made, trace(nodes=(3, 2, 1)), packets=5)
    assert order() == {"1": 1, "2": 2, "3": 3}
    for nodes in ((3, 2, 1), (3, 1), (3, 1), (3, 9, 1), (3, 8, 1)):
        see(made, trace(nodes=nodes), packets=2)
    found = scrape(made)
    assert order() == {"1": 1, "other": 2, "3": 3}
    assert found["ioam_path_changes_total", "uplink", "123", "4", ID.hex()] == 2
    by_node = {key[3]: value for key, value in found.items() if key[0] == "ioam_path_packets_total"}
    assert by_node == {"1": 15, "2": 7, "3": 15, "other": 4}


def test_hop_latency() -> None:
    made = table(path_nodes=frozenset({1, 2, 3}))
    second = 1 << 32
    see(made, trace(nodes=(3, 2, 1), times=(5 * second + 10, 4 * second + 999_000, 4 * second + 998_000)), packets=2)
    see(made, trace(nodes=(2, 1), times=(5 * second, 4 * second + 999_995)))
    see(made, trace(nodes=(2, 1), times=(4 * second, 5 * second)))  # a clock behind
    see(made, trace(nodes=(2, 1), times=(4 * second + 1_000_000, 4 * second)))  # no microseconds
    see(made, trace(nodes=(2, 1), times=(-1, 4 * second)))
    see(made, trace(STRANGER, nodes=(2, 1), times=(5 * second, 5 * second)))
    found = scrape(made)
    pair = ("uplink", "1", "2")
    name = "ioam_hop_latency_seconds"
    assert found[f"{name}_count", *pair] == 3
    assert found[f"{name}_sum", *pair] == pytest.approx(0.002005)
    assert found[f"{name}_bucket", "uplink", "1", "1e-05", "2"] == 1
    assert found[f"{name}_bucket", "uplink", "1", "0.001", "2"] == 3
    assert found[f"{name}_sum", "uplink", "2", "3"] == pytest.approx(0.00202)
    assert found["ioam_hop_clock_errors_total",] == 2


@given(
    st.sampled_from([("posix", 10**6), ("ptp", 10**9), ("ntp", 1 << 32)]),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 1 << 62),
    st.integers(0, (1 << 32) - 2),
)
def test_time_between_two_stamps(kind: tuple[TimeFormat, int], start: int, step: int, fraction: int) -> None:
    name, whole = kind
    fraction %= whole
    step %= 1000 * whole
    seconds, later = divmod(fraction + step, whole)
    found = between(start << 32 | fraction, (start + seconds) % (1 << 32) << 32 | later, FRACTIONS[name])
    assert between(start << 32 | whole, start << 32, FRACTIONS[name]) < 0 or whole == 1 << 32
    assert found == pytest.approx(step / whole, abs=1e-9)


def test_latency_pairs_are_bounded() -> None:
    made = table(max_hop_pairs=3)
    for number in range(10):
        see(made, trace(nodes=(number + 100, number), times=(1 << 32, 1 << 32)))
    counts = {key[1:]: value for key, value in scrape(made).items() if key[0] == "ioam_hop_latency_seconds_count"}
    assert len(counts) == 4
    assert counts["uplink", "other", "other"] == 7


def sequence(made: Table, *numbers: int, flow: bytes = b"\0\0\0\1") -> tuple[float, float]:
    """Missing and late packets after these numbers."""
    for number in numbers:
        see(made, trace(flow, kind=DIRECT_EXPORT, sequence=number))
    found = scrape(made)
    key = ("uplink", "123", "4", flow.hex())
    return found["ioam_sequence_missing_packets_total", *key], found["ioam_sequence_late_packets_total", *key]


FLOWS = Namespace(ids=frozenset({b"\0\0\0\1", b"\0\0\0\2"}))


def test_sequence_numbers_show_loss() -> None:
    made = table(FLOWS)
    assert sequence(made, 5, 6, 7) == (0, 0)
    assert sequence(made, 10) == (2, 0)
    assert sequence(made, 8) == (2, 1)
    assert sequence(made, 11) == (2, 1)
    assert sequence(made, 10**6, 10**6 + 1) == (2, 1)  # the sender began anew
    assert sequence(made, 3, 4, flow=b"\0\0\0\2") == (0, 0)
    wrapping = table(FLOWS)
    assert sequence(wrapping, 0xFFFFFFFE, 0xFFFFFFFF, 0, 2) == (1, 0)


@given(st.integers(1, 300), st.sets(st.integers(1, 298)), st.integers(0, (1 << 32) - 1), st.randoms())
def test_missing_without_late_is_what_was_lost(count: int, lost: set[int], first: int, order: random.Random) -> None:
    numbers = [number for number in range(count) if number not in lost or number == 0]
    shuffled = [0, *sorted(numbers[1:], key=lambda number: number + order.random() * 8)]
    made = table(FLOWS)
    missing, late = sequence(made, *((first + number) % (1 << 32) for number in shuffled))
    assert missing - late == max(shuffled) + 1 - len(numbers)


def test_sequences_of_many_flows_are_bounded() -> None:
    made = table(Namespace(octets=1, ids=frozenset({b"\0"})))
    for number in range(10_000):
        see(made, trace(struct.pack("!I", number), kind=DIRECT_EXPORT, sequence=1))
    assert len(made._sequences._next) == 4096


def test_strangers_bring_no_node_ids_into_the_labels() -> None:
    made = table(bounds=ANY)
    for number in range(1000):
        see(made, trace(None, nodes=(number + 5,)))
    see(made, trace(ID, nodes=(2, 1)))
    assert set(made.at(4, "uplink").paths["123", ID.hex()].counts) == {"1", "2"}  # type: ignore[index]
    assert {name for path in made.at(4, "uplink").paths.values() for name in path.counts} == {"1", "2", "other"}


def test_path_series_are_bounded() -> None:
    made = table(bounds=ANY, max_path_series=10)
    for number in range(40):
        see(made, trace(bytes([number]) * 16, nodes=tuple(range(20))))
    assert sum(len(path.counts) for path in made.at(4, "uplink").paths.values()) <= 10 + 40


def hostile(count: int) -> None:
    """`count` packets with random ids, and configured ones among them."""
    clock = Clock()
    settings = Settings(points=(POINT,), namespaces={123: Namespace(ids=frozenset({ID}))}, bounds=Bounds(1000, 200))
    made = Bench(settings)
    made.table = Table(settings, clock)
    made.counter._table = made.table
    made.at = made.table.at(4, "uplink")
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
        made.see(bytes(packet))
        clock.now += 0.01
        if number % 10 == 0:
            made.see(mine)
        if number % (count // 5) == count // 5 - 1:
            found = scrape(made.table)
            counters = {key: value for key, value in found.items() if key[0].endswith("_total")}
            assert all(value >= before.get(key, 0) for key, value in counters.items())
            assert before.keys() <= counters.keys()
            assert counters[CONFIGURED] == number // 10 + 1
            traces = sum(value for key, value in counters.items() if key[0] == CONFIGURED[0])
            assert traces <= counters["ioam_node_packets_total", "uplink", "4"] == number + number // 10 + 2
            before = counters
            sizes.append(len(found))
    hours = 1 + int((clock.now - 1000) // 3600)
    assert len(made.table._admission.labels) <= 1 + min(1000, 200 * hours)
    assert sizes[-1] < 4 * 1001 + 20_000 + 2000


def test_two_hundred_thousand_strange_ids() -> None:
    hostile(200_000)


@pytest.mark.long
def test_ten_million_strange_ids() -> None:
    hostile(10_000_000)


def test_nothing_from_a_packet_is_a_label_as_it_stands() -> None:
    made = Bench(Settings(points=(POINT,), bounds=ANY))
    evil = b'"} 1\n# EOF\n\\{abc'
    made.see(ipv6(hop_by_hop(b"\1\0", option(trace_data(1, [22], [Node(snapshot=evil)])))))
    made.see(ipv6(hop_by_hop(b"\1\0", option(export_data(2, {0: 0x220A7D5C}), 4))))
    ids = {key[4] for key in scrape(made.table) if key[0] == "ioam_trace_packets_total"}
    assert ids == {"other", evil.hex(), "220a7d5c"}


def test_buckets_are_in_order() -> None:
    assert list(BOUNDS) == sorted(BOUNDS)
