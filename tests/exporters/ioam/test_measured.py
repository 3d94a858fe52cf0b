# SPDX-License-Identifier: Apache-2.0
"""How long a node's packets were counted, by a clock that passes when told to."""

import dataclasses
import io
import itertools
import selectors
import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.backend.packet import PacketSource
from joulepath.ioam.backend.pcap import PcapSource
from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.bpf import kernel
from joulepath.ioam.bpf.layout import PointCounts
from joulepath.ioam.collector import families
from joulepath.ioam.command import IoamExporter
from joulepath.ioam.settings import Namespace, Point, Settings
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.measured import Measured
from tests.exporters.ioam.bench import ipv6, traced
from tests.exporters.ioam.captures import classic, enhanced, interface, section
from tests.exporters.ioam.tables import ID, Clock, scrape

pytestmark = pytest.mark.unit

N3, N3_SENT = Point("n3", "received", 4, "uplink", path=True), Point("n3", "sent", 4, "downlink", path=True)
N6, LO = Point("n6", "received", 4, "downlink", path=True), Point("lo", "received", 5, "uplink", path=True)


def test_an_idle_node_is_measured_from_its_capture_on_and_not_without_one() -> None:
    measured = Measured([N3, LO])
    assert measured.seconds(1000.0) == {4: 0.0, 5: 0.0}
    measured.begin(N3, 1000.0)
    assert measured.seconds(1010.0) == {4: 10.0, 5: 0.0}
    measured.end(N3, 1012.0)
    assert measured.seconds(1500.0) == {4: 12.0, 5: 0.0}
    measured.begin(N3, 1600.0)
    assert measured.seconds(1601.0) == {4: 13.0, 5: 0.0}


def test_a_node_is_measured_while_all_its_points_are_captured() -> None:
    measured = Measured([N3, N3_SENT, N6])
    for at, point in ((1.0, N3), (2.0, N3_SENT), (3.0, N6)):
        measured.begin(point, at)
    assert measured.seconds(5.0) == {4: 2.0}
    measured.end(N6, 6.0)
    measured.end(N3, 7.0)
    measured.begin(N6, 8.0)
    assert measured.seconds(9.0) == {4: 3.0}
    measured.begin(N3, 10.0)
    assert measured.seconds(11.0) == {4: 4.0}


def test_an_event_reported_twice_changes_nothing() -> None:
    measured = Measured([N3])
    for at, captured in ((1.0, True), (2.0, True), (3.0, False), (4.0, False)):
        measured.set(N3, at, captured=captured)
    assert measured.seconds(9.0) == {4: 2.0}


@pytest.mark.parametrize(("frames", "lost", "seconds"), [(100, 0, 10.0), (100, 40, 6.0), (100, 100, 0.0), (0, 0, 10.0)])
def test_time_in_which_frames_were_lost_counts_by_the_share_of_the_others(
    frames: int, lost: int, seconds: float
) -> None:
    """So that counted packets by seconds is what came: 60 of 100 in 10 s are counted, and 60 / 6 s is 10 a second."""
    measured = Measured([N3, N6])
    measured.begin(N3, 0.0)
    measured.add(N3, 1000, 1000)  # before the node was captured as a whole
    measured.begin(N6, 0.0)
    measured.add(N3, frames - frames // 2, lost)
    measured.add(N6, frames // 2, 0)
    assert measured.seconds(10.0) == {4: pytest.approx(seconds)}
    assert measured.seconds(20.0) == {4: pytest.approx(seconds + 10.0)}


def test_losses_at_the_end_of_a_capture_do_not_affect_the_next() -> None:
    measured = Measured([N3])
    measured.begin(N3, 0.0)
    assert measured.seconds(10.0) == {4: 10.0}
    measured.add(N3, 100, 100)
    measured.end(N3, 9.0)  # it had ended before it was read
    measured.begin(N3, 20.0)
    assert measured.seconds(30.0) == {4: 20.0}


def test_packets_that_wait_to_be_counted_bring_their_seconds_later() -> None:
    measured = Measured([N3, LO])
    for point in (N3, LO):
        measured.begin(point, 0.0)
    assert measured.seconds(10.0) == {4: 10.0, 5: 10.0}
    assert measured.seconds(20.0, {4: 3.0}) == {4: 17.0, 5: 20.0}
    assert measured.seconds(21.0, {4: 6.0}) == {4: 17.0, 5: 21.0}  # a clock was set: it never goes back
    measured.add(N3, 100, 50)
    assert measured.seconds(31.0, {4: 2.0}) == {4: 24.0, 5: 31.0}  # half of ten seconds, and two are to come
    assert measured.seconds(31.0) == {4: 26.0, 5: 31.0}


@given(
    st.lists(st.tuples(st.sampled_from(["begin", "end", "read", "wait"]), st.sampled_from([N3, N6, LO])), min_size=1)
)
def test_measured_seconds_do_not_depend_on_how_often_they_are_read(
    steps: list[tuple[str, Point]],
) -> None:
    measured, captured, expected = Measured([N3, N6, LO]), set[Point](), {4: 0.0, 5: 0.0}
    seen: Mapping[int, float] = expected
    for at, (what, point) in enumerate(steps):  # a second passes between any two
        for node_id, points in ((4, {N3, N6}), (5, {LO})):
            expected[node_id] += points <= captured and at > 0
        if what == "begin":
            measured.begin(point, at)
            captured.add(point)
        elif what == "end":
            measured.end(point, at)
            captured.discard(point)
        elif what == "read":
            by_node = measured.seconds(at)
            assert by_node == expected
            assert all(by_node[node_id] >= seen[node_id] for node_id in seen)
            seen = by_node
    assert measured.seconds(len(steps) - 1) == expected


def test_measured_seconds_start_at_0_beside_the_counters() -> None:
    settings = Settings((N3, N6, LO), {123: Namespace(ids=frozenset({ID}))})
    samples = scrape(Table(settings, Clock()))
    assert {key[1:] for key in samples if key[0] == "ioam_node_measured_seconds_total"} == {("4",), ("5",)}
    places = [("uplink", "4"), ("downlink", "4"), ("uplink", "5")]
    for direction, node_id in places:
        assert samples["ioam_node_packets_total", direction, node_id] == 0
        assert samples["ioam_node_bytes_total", direction, node_id] == 0
        assert samples["ioam_trace_packets_total", direction, "123", node_id, ID.hex()] == 0
        assert samples["ioam_trace_bytes_total", direction, "123", node_id, ID.hex()] == 0


class Programs(kernel.Kernel):
    """Programs that have seen 100 packets in each second; reading their maps takes a while."""

    def __init__(self, clock: Clock, reading_seconds: float) -> None:
        self._clock, self._seconds = clock, reading_seconds
        self._before = clock.now

    def read(self) -> kernel.NewCounts:
        packets = round(100 * (self._clock.now - self._before))
        self._before = self._clock.now
        self._clock.now += self._seconds
        return kernel.NewCounts([PointCounts((packets, 0), (0, 0), 0, 0, 0, 0, 0, {}, {})], [], [{}])


def test_in_the_kernel_the_seconds_end_where_the_counts_were_taken() -> None:
    clock = Clock()
    source = EbpfSource(Settings((N3,)), clock)
    source._kernel = Programs(clock, 0.25)
    source._table.measured.begin(N3, clock.now)
    for step in (7.0, 0.5, 61.0):
        clock.now += step
        counts = source._read().counts
        assert counts.nodes[0].user.packets / counts.measured[4] == pytest.approx(100.0)


class Broken(selectors.SelectSelector):
    """Fails in a way that nothing expects."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        raise RuntimeError(f"broken while it waits {timeout} s")


def test_a_capture_thread_that_dies_measures_nothing_any_more() -> None:
    clock = Clock()
    source = PacketSource(Settings((N3, LO)), clock)
    source._selector = Broken()
    source._taps = dict.fromkeys((N3, LO))  # type: ignore[assignment]  # no sockets here
    for point in (N3, LO):
        source._table.measured.begin(point, clock.now)
    clock.now += 5.0
    with pytest.raises(RuntimeError, match="broken"):
        source._run()
    clock.now += 5.0
    assert source._table.snapshot().measured == {4: 5.0, 5: 5.0}


class Captured(PacketSource):
    """A source that captures all of its points as long as it runs, without an interface."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)

    def start(self) -> None:
        for point in self._points:
            self._table.measured.begin(point, self._clock())

    def stop(self) -> None:
        for point in self._points:
            self._table.measured.end(point, self._clock())

    def reading(self) -> TrafficReading:
        return TrafficReading(self._table.snapshot(), 0, ())


def seconds(exporter: IoamExporter) -> dict[str, float]:
    return {
        sample.labels["node_id"]: sample.value
        for family in exporter.collect()
        if family.name == "ioam_node_measured_seconds"
        for sample in family.samples
    }


def test_measured_seconds_go_on_over_a_reload() -> None:
    clock = Clock()
    first = Settings((N3,))
    turns = itertools.cycle([dataclasses.replace(first, points=(N3, LO)), first])
    exporter = IoamExporter(first, read=lambda: next(turns), source=lambda settings: Captured(settings, clock))
    exporter.start()
    clock.now += 10.0
    assert seconds(exporter) == {"4": 10.0}
    exporter.reload()
    assert seconds(exporter) == {"4": 10.0, "5": 0.0}
    clock.now += 1.0
    assert seconds(exporter) == {"4": 11.0, "5": 1.0}
    exporter.reload()
    clock.now += 1.0
    assert seconds(exporter) == {"4": 12.0}


FRAME = bytes(12) + b"\x86\xdd" + ipv6(traced())
ONE, TWO = Settings((N3, N3_SENT)), Settings((N3, N6))


def measure_capture(stream: bytes, settings: Settings = ONE, name: str | None = None) -> Mapping[int, float]:
    source = PcapSource(settings, "some.pcap", name, io.BytesIO(stream))
    source.start()
    source.finish(0)
    return source.reading().counts.measured


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("nanoseconds", "parts"), [(False, 500_000), (True, 500_000_000)])
def test_a_capture_covers_the_time_from_its_first_frame_to_its_last(order: str, nanoseconds: bool, parts: int) -> None:
    times = [(1_700_000_000, 0), (1_700_000_009, parts), (1_700_000_005, 0)]  # the last but one came late
    stream = classic(order, 1, [FRAME] * 3, times, nanoseconds=nanoseconds)
    assert measure_capture(stream) == {4: pytest.approx(9.5)}
    assert measure_capture(classic(order, 1, [])) == {4: 0.0}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks"), [(None, 10**6), (b"\x09", 10**9), (b"\x80", 1), (b"\x8a", 1 << 10), (b"\x00", 1)]
)
@pytest.mark.parametrize("offset", [-2_000_000_000, 0, 1_700_000_000])
def test_timestamps_have_the_resolution_and_offset_of_the_capture(
    order: str, resolution: bytes | None, ticks: int, offset: int
) -> None:
    more = [(14, struct.pack(order + "q", offset))] + ([] if resolution is None else [(9, resolution)])
    frames = [enhanced(order, 0, FRAME, at=ticks * second) for second in (3, 45)]
    stream = section(order) + interface(order, 1, "n3", 0, *more) + b"".join(frames)
    assert measure_capture(stream) == {4: pytest.approx(42.0)}


def test_a_capture_of_one_of_two_interfaces_does_not_measure_the_node() -> None:
    head = section("<") + interface("<", 1, "n3") + interface("<", 1, "n6", 0, (14, struct.pack("<q", 40)))
    alone = head + b"".join(enhanced("<", 0, FRAME, at=10**6 * second) for second in (3, 45))
    assert measure_capture(alone, TWO) == {4: 0.0}
    assert measure_capture(alone + enhanced("<", 1, FRAME, at=6 * 10**6), TWO) == {4: pytest.approx(43.0)}


def test_the_quotient_is_the_rate_in_a_scrape() -> None:
    source = PcapSource(ONE, "-", None, io.BytesIO(classic("<", 1, [FRAME] * 101, ((at, 0) for at in range(101)))))
    source.start()
    source.finish(0)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(source.reading())
        for sample in family.samples
    }
    packets, span = samples["ioam_node_packets_total", "4", "uplink"], samples["ioam_node_measured_seconds_total", "4"]
    assert packets / span == pytest.approx(1.0, rel=0.02)
