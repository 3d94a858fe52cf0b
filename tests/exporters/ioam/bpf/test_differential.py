# SPDX-License-Identifier: Apache-2.0
"""The program in the kernel and the decoder in Python count the same, whatever the packet."""

import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulepath.bpf import testrun
from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Other, Point
from joulepath.ioam.table.admission import Label
from tests.exporters.ioam.encoder import SNAPSHOT, Node, export_data, hop_by_hop, option, trace_data
from tests.exporters.ioam.kernelbench import CAMERA, FORMS, SETTINGS, Frame, KernelBench
from tests.exporters.ioam.wire.test_decode import PADDING, traces

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

NAMESPACES = st.integers(0, 6)
ADDRESSES6 = st.sampled_from(
    [bytes(15) + b"\1", bytes.fromhex("fd000001") + bytes(12), bytes.fromhex("fd000002") + bytes(12)]
)
ADDRESSES4 = st.sampled_from([bytes([10, 1, 2, 3]), bytes([10, 2, 2, 3]), bytes([192, 168, 0, 1])])
PORTS = st.sampled_from([22, 2152, 5000, 10474])
TAGS = [b"\x81\0\0\7", b"\x88\xa8\0\7", b"\x91\0\0\7", b"\x92\0\0\7", b"\x93\0\0\7"]
OTHER_TYPES = [b"\x08\6", b"\x88\x47", b"\x88\x48", b"\x88\x63", b"\x88\x64", b"\x88\xe5", b"\x88\xe7", b"\0\x40"]
"""ARP, MPLS, PPPoE, MACsec, provider backbones, and a length instead of a type."""


@st.composite
def headers(draw: st.DrawFn, next_header: int) -> bytes:
    """A hop-by-hop header with some traces of any kind and other options."""
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        namespace = draw(NAMESPACES)
        kind = draw(st.sampled_from(["trace", "trace", "incremental", "export", "other", "padding", "jumbo"]))
        if kind == "trace":
            parts.append(draw(traces(namespace))[0])
        elif kind == "incremental":
            encoded = bytearray(draw(traces(namespace))[0])
            encoded[3] = 1
            parts.append(bytes(encoded))
        elif kind == "export":
            extensions = {bit: draw(st.integers(0, 2**32 - 1)) for bit in draw(st.sets(st.integers(0, 7), max_size=3))}
            parts.append(option(export_data(namespace, extensions), 4, draw(st.sampled_from([0x11, 0x31]))))
        elif kind == "other":
            parts.append(
                option(draw(st.binary(max_size=12)), draw(st.integers(0, 5)), draw(st.sampled_from([0x11, 5])))
            )
        elif kind == "jumbo":
            parts.append(b"\xc2\4" + draw(st.integers(0, 200_000)).to_bytes(4, "big"))
        else:
            parts.append(draw(PADDING))
    return hop_by_hop(*parts, next_header=next_header)


@st.composite
def packets(draw: st.DrawFn, depth: int = 0) -> bytes:
    """An IP packet, tunnels included."""
    protocol, payload = draw(payloads(depth))
    if draw(st.integers(0, 3)) == 0:
        return draw(ipv4(protocol, payload))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        protocol, payload = draw(extensions(protocol, payload))
    if draw(st.integers(0, 2)):
        payload = draw(headers(protocol)) + payload
        protocol = 0
    length = draw(st.sampled_from([len(payload), len(payload), len(payload), len(payload), 0]))
    head = struct.pack("!IHBB", 6 << 28, length, protocol, 64) + draw(ADDRESSES6) + draw(ADDRESSES6)
    return head + payload


@st.composite
def ipv4(draw: st.DrawFn, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet, perhaps with options, an impossible header, a length of 0 or a wrong checksum."""
    words = draw(st.sampled_from([5, 5, 5, 5, 6, 15, 4, 0]))
    options = bytes(4 * max(0, words - 5))
    whole = 20 + len(options) + len(payload)
    length = draw(st.sampled_from([whole] * 6 + [0, 7, whole - 1, whole + 9]))
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000, 0x00B9]))
    addresses = draw(ADDRESSES4) + draw(ADDRESSES4)
    head = struct.pack("!BBHHHBB", 0x40 | words, 0, max(0, length), 1, fragment, 64, protocol)
    total = sum(struct.unpack(f"!{5 + len(addresses) // 2 + len(options) // 2}H", head + addresses + options))
    fits = 0xFFFF - (total % 0xFFFF)
    checksum = draw(st.sampled_from([fits, fits, 0, 0x1234]))
    return head + struct.pack("!H", checksum) + addresses + options + payload


@st.composite
def bridged(draw: st.DrawFn, packet: bytes) -> bytes:
    """An Ethernet frame around a packet, with MAC addresses that may look like the beginning of an IP header."""
    addresses = draw(
        st.sampled_from(
            [bytes(12), b"\x45\0" + bytes(10), b"\x60" + bytes(11), draw(st.binary(min_size=12, max_size=12))]
        )
    )
    return addresses + draw(types(packet)) + packet + bytes(draw(st.sampled_from([0, 0, 0, 4, 18])))


@st.composite
def types(draw: st.DrawFn, packet: bytes) -> bytes:
    """VLAN tags, too many of them now and then, and an EtherType that may not be the packet's."""
    some, many = draw(st.lists(st.sampled_from(TAGS), max_size=2)), [TAGS[0]] * draw(st.sampled_from([7, 8, 9]))
    own = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
    kind = draw(st.sampled_from([own] * 12 + [b"\x86\xdd", b"\x08\0", *OTHER_TYPES]))
    return b"".join(draw(st.sampled_from([some] * 9 + [many]))) + kind


@st.composite
def extensions(draw: st.DrawFn, protocol: int, payload: bytes) -> tuple[int, bytes]:
    """The payload behind one more extension header."""
    kind = draw(st.sampled_from([43, 44, 51, 60, 0]))
    if kind == 44:
        return 44, struct.pack("!BBHI", protocol, 0, draw(st.sampled_from([0, 1, 8, 0xB9])), 7) + payload
    if kind == 51:
        return 51, bytes([protocol, 4]) + bytes(22) + payload
    return kind, bytes([protocol, 1]) + bytes(14) + payload


@st.composite
def payloads(draw: st.DrawFn, depth: int) -> tuple[int, bytes]:
    """The payload of an IP packet, and its protocol number."""
    kind = draw(st.sampled_from(["udp", "udp", "tcp", "icmp", "other", "gtpu", "ipv6"]))
    if kind == "gtpu" and depth < 3:
        packet = draw(packets(depth + 1))
        inner = gtpu(draw, draw(bridged(packet)) if draw(st.integers(0, 3)) == 0 else packet)
        source, destination = draw(st.sampled_from([(2152, 2152), (2152, 2152), (2152, 41000), (41000, 2152)]))
        return 17, struct.pack("!HHHH", source, destination, 8 + len(inner), 0) + inner
    if kind == "ipv6" and depth < 3:
        return 41, draw(packets(depth + 1))
    ports = struct.pack("!HH", draw(PORTS), draw(PORTS))
    if kind == "tcp":
        return 6, ports + bytes(8) + b"\x50" + bytes(7) + bytes(draw(st.integers(0, 40)))
    if kind == "icmp":
        return 58, bytes([draw(st.sampled_from([128, 135, 143, 138]))]) + bytes(15)
    if kind == "udp":
        return 17, ports + bytes(4 + draw(st.integers(0, 40)))
    return draw(st.sampled_from([2, 59, 132, 50, 115])), ports + bytes(8)


def gtpu(draw: st.DrawFn, inner: bytes) -> bytes:
    """A GTP-U message around a packet."""
    message = draw(st.sampled_from([255, 255, 255, 255, 1, 2, 31, 254]))
    version = draw(st.sampled_from([3, 3, 3, 3, 1]))
    count = draw(st.integers(0, 3))
    flags = version << 4 | draw(st.sampled_from([0, 2])) | (4 if count else 0)
    head = struct.pack("!BBHI", flags, message, len(inner), 0xA1)
    if flags & 7:
        head += bytes(3) + (b"\x85" if count else b"\0")
        for left in range(count - 1, -1, -1):
            words = draw(st.integers(1, 3))
            head += bytes([words]) + bytes(4 * words - 2) + (b"\x85" if left else b"\0")
    return head + inner


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """An Ethernet frame, perhaps damaged or cut off."""
    packet = draw(packets())
    frame = bytearray(bytes(12) + draw(types(packet)) + packet + bytes(draw(st.sampled_from([0, 0, 6]))))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        frame[draw(st.integers(14, len(frame) - 1))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 9)) == 0:
        frame = frame[
            : draw(st.integers(min(54, len(frame)), len(frame)))
        ]  # the kernel runs no frame without IP header
    return Frame(bytes(frame.ljust(54, b"\0")))


@pytest.fixture(scope="module", params=list(FORMS.values()), ids=list(FORMS))
def bench(request: pytest.FixtureRequest) -> Iterator[KernelBench]:
    kernel_bench = KernelBench(request.param)
    yield kernel_bench
    kernel_bench.close()


def differential(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """New examples each time, in CI too: hypothesis would repeat the same ones there."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@st.composite
def flows(draw: st.DrawFn) -> list[Frame]:
    """Frames, some of which come again, perhaps with another octet somewhere."""
    sent = draw(st.lists(frames(), min_size=1, max_size=8))
    again = draw(st.lists(st.sampled_from(sent), max_size=8))
    for frame in again:
        octets = bytearray(frame.octets)
        if draw(st.booleans()):
            octets[draw(st.integers(14, len(octets) - 1))] = draw(st.integers(0, 255))
        sent.append(Frame(bytes(octets)))
    return sent


@differential(100)
@given(sent=flows())
def generated_and_damaged_packets(bench: KernelBench, sent: list[Frame]) -> None:
    assert bench.count(sent) == bench.expected(sent)


@st.composite
def large(draw: st.DrawFn) -> Frame:
    """The kernel's own packet of several UDP datagrams, of a user or of a tunnel with a packet in each."""
    inner = draw(st.lists(packets(1), min_size=1, max_size=5))
    size, rest, port = draw(st.integers(100, 600)), draw(st.integers(0, 99)), draw(st.sampled_from([2152, 5000]))
    head = struct.pack("!BBHI", 0x30, 255, size - 8, 7)
    payload = b"".join(head + packet[: size - 8].ljust(size - 8, b"\0") for packet in inner)[: size * len(inner) - rest]
    carried = struct.pack("!HHHH", 5000, port, 8 + len(payload), 0) + payload
    header = draw(st.sampled_from([b"", draw(headers(17))]))
    first = struct.pack("!IHBB", 6 << 28, len(header) + len(carried), 0 if header else 17, 64)
    return Frame(bytes(12) + b"\x86\xdd" + first + bytes(31) + b"\1" + header + carried, segment=size)


@st.composite
def encapsulated(draw: st.DrawFn) -> Frame:
    """The kernel's own packet of a connection inside a tunnel, of which each packet on the wire repeats all headers."""
    size, octets = draw(st.integers(100, 600)), draw(st.integers(1, 2000))
    if draw(st.booleans()):
        protocol, payload = 6, bytes(12) + bytes([draw(st.sampled_from([0x50, 0x80]))]) + bytes(7 + octets)
    else:
        protocol, payload = 17, struct.pack("!HHHH", 5000, draw(PORTS), 8 + octets, 0) + bytes(octets)
    packet = draw(around(protocol, payload))
    for _ in range(draw(st.integers(0, 3))):
        packet = draw(around(*draw(tunnel(packet))))
    return Frame(bytes(12) + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0") + packet, segment=size)


@st.composite
def around(draw: st.DrawFn, protocol: int, payload: bytes) -> bytes:
    """The IP packet around a payload; now and then its length is 0 or not the payload's."""
    if draw(st.booleans()):
        length = draw(st.sampled_from([20 + len(payload)] * 8 + [0, 300]))
        return struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, protocol, 0) + bytes(8) + payload
    header = draw(st.sampled_from([b"", b"", draw(headers(protocol))]))
    length = draw(st.sampled_from([len(header) + len(payload)] * 8 + [0, 300]))
    return struct.pack("!IHBB", 6 << 28, length, 0 if header else protocol, 64) + bytes(32) + header + payload


@st.composite
def tunnel(draw: st.DrawFn, packet: bytes) -> tuple[int, bytes]:
    """A tunnel's header and the packet, with its protocol number."""
    version, frame = packet[0] >> 4, bytes(12) + draw(types(packet)) + packet
    kind = b"\x86\xdd" if version == 6 else b"\x08\0"
    form = draw(st.sampled_from(["ip", "gre", "gretap", "vxlan", "geneve", "geneve-ip", "fou", "gtpu"]))
    if form == "ip":
        return 41 if version == 6 else 4, packet
    if form.startswith("gre"):
        flags = draw(st.sampled_from([0, 0x80, 0x20, 0x10, 0xB0]))
        head = bytes([flags, 0]) + (b"\x65\x58" if form == "gretap" else kind) + bytes(4 * flags.bit_count())
        return 47, head + (frame if form == "gretap" else packet)
    words = draw(st.integers(0, 3))
    inside = {
        "vxlan": b"\x08\0\0\0\0\0\7\0" + frame,
        "geneve": bytes([words, 0]) + b"\x65\x58" + bytes(4 + 4 * words) + frame,
        "geneve-ip": bytes([words, 0]) + kind + bytes(4 + 4 * words) + packet,
        "fou": packet,
        "gtpu": gtpu(draw, packet),
    }[form]
    port = 2152 if form == "gtpu" else 4789
    return 17, struct.pack("!HHHH", 40000, port, 8 + len(inside), 0) + inside


@differential(33)
@given(frame=encapsulated().filter(lambda frame: len(frame.octets) < 3500))
def tunnelled_large_packets(bench: KernelBench, frame: Frame) -> None:
    # Python's own walk is compared: to find TCP it needs no word of the kernel's.
    assert bench.count([frame]) == bench.expected([frame])


@differential(33)
@given(frame=large().filter(lambda frame: len(frame.octets) < 3500))  # what the kernel runs
def large_packets(bench: KernelBench, frame: Frame) -> None:
    assert bench.count([frame]) == bench.expected([frame])


@pytest.mark.parametrize("seconds", [20, pytest.param(1200, marks=pytest.mark.long)])  # of each of the bench's forms
def test_generated_and_damaged_packets_count_as_in_python(bench: KernelBench, seconds: int) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        generated_and_damaged_packets(bench)
        large_packets(bench)
        tunnelled_large_packets(bench)


@pytest.mark.long
def test_ten_million_packets_of_a_thousand_traces_count_as_in_python(bench: KernelBench) -> None:
    sent = {number.to_bytes(16, "big"): 5_000 + 10 * number for number in range(1000)}
    table = EbpfSource(SETTINGS, lambda: 0.0)
    bench.kernel.read()
    octets = {}
    for turn, (trace_id, packets_) in enumerate(sent.items()):
        header = hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], [Node({0: (64, 1)}, trace_id)])))
        whole = struct.pack("!IHBB", 6 << 28, len(header) + 108, 0, 64) + bytes(31) + b"\1" + header + bytes(108)
        octets[trace_id.hex()] = len(whole) * packets_
        # In two parts, so that readings fall between packets of every trace.
        for part in (packets_ // 3, packets_ - packets_ // 3):
            testrun.run(bench.program, bytes(12) + b"\x86\xdd" + whole, repeat=part)
            if turn % 100 == 0:
                table._merge(bench.kernel, bench.kernel.read())
    table._merge(bench.kernel, bench.kernel.read())
    (node,) = table._table.snapshot().nodes
    assert sum(sent.values()) > 9_990_000
    assert node.user.packets + node.other.packets == sum(sent.values())
    counts = {label.trace_id: count for label, count in node.traces.items() if count.packets}
    assert {name: count.packets for name, count in counts.items()} == {key.hex(): n for key, n in sent.items()}
    assert {name: count.octets for name, count in counts.items()} == octets


def test_traces_beyond_the_room_of_the_cache_are_counted(bench: KernelBench) -> None:
    sent = []
    for number in range(1500):
        nodes = [Node({0: (64, number % 7)}, number.to_bytes(16, "big")), *[Node({0: (63, 9)})] * (number % 13)]
        header = hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], nodes)))
        whole = struct.pack("!IHBB", 6 << 28, len(header) + 108, 0, 64) + bytes(31) + b"\1" + header + bytes(108)
        sent += [Frame(bytes(12) + b"\x86\xdd" + whole)] * (1 + number % 3)
    assert bench.count(sent) == bench.expected(sent)


def traced_frame(trace_id: bytes, ports: bytes = bytes(4)) -> bytes:
    """A frame of a user with a trace of one node."""
    header = hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], [Node({0: (64, 1)}, trace_id)])))
    packet = struct.pack("!IHBB", 6 << 28, len(header) + 108, 0, 64) + bytes(31) + b"\1" + header
    return bytes(12) + b"\x86\xdd" + packet + ports + bytes(104)


def test_a_repeated_header_counts_at_its_own_point_and_for_users_only() -> None:
    points = (Point("n3", "received", 4, "uplink", path=True), Point("n6", "received", 4, "downlink", path=True))
    kernel = Kernel(replace(SETTINGS, points=points, other=Other()))
    frame, tunnelled = traced_frame(CAMERA), traced_frame(CAMERA, struct.pack("!HH", 2152, 2152))
    for point, turns in ((0, 3), (1, 5), (0, 7)):
        testrun.run(kernel.program(point, 14), frame, repeat=turns)
        testrun.run(kernel.program(point, 14), tunnelled, repeat=turns)  # the outermost trace counts, whatever it holds
    news = kernel.read()
    kernel.close()
    counts: dict[int, int] = {}
    for key, packets_, _ in news.traces:
        counts[key.point] = counts.get(key.point, 0) + packets_
    assert counts == {0: 20, 1: 10}
    assert [point.user for point in news.points] == [(20, 20 * (len(frame) - 14)), (10, 10 * (len(frame) - 14))]
    assert [point.option_octets for point in news.points] == [20 * 36, 10 * 36]


def test_headers_with_one_hash_stay_apart(bench: KernelBench) -> None:
    """The sums that header_cache.h makes of the words are equal: 7 times the third and 9 times the fourth."""
    sent = []
    for first, third in ((0x000001, 0x070003), (0x090001, 0x000003)):
        nodes = [Node({0: (64, first)}), Node({0: (63, 2)}), Node({0: (62, third)})]
        header = hop_by_hop(b"\1\0", option(trace_data(2, [0], nodes[::-1])))
        whole = struct.pack("!IHBB", 6 << 28, len(header) + 108, 0, 64) + bytes(31) + b"\1" + header + bytes(108)
        sent.append(Frame(bytes(12) + b"\x86\xdd" + whole))
    words = [struct.unpack_from("<4Q", frame.octets, 54) for frame in sent]
    assert len({sum(word * (2 * i + 3) for i, word in enumerate(of)) for of in words}) == 1
    assert bench.count(sent * 3) == bench.expected(sent * 3)


def test_two_processors_may_meet_a_trace_at_the_same_time() -> None:
    """Who comes second to a new entry adds to it: no packet is lost, and none is `other`."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("needs two processors")
    first, second = sorted(before)[:2]
    both = KernelBench(replace(SETTINGS, other=Other()))
    frames_ = [traced_frame(number.to_bytes(16, "big")) for number in range(1, 2001)]
    both.kernel.read()
    with mmap.mmap(-1, 2 * 8) as shared:
        progress = memoryview(shared).cast("Q")

        def send(own: int, other: int, processor: int) -> None:
            os.sched_setaffinity(0, {processor})
            for number, frame in enumerate(frames_, 1):
                progress[own] = number
                while progress[other] < number:  # so that they come together, as nearly as can be
                    pass
                testrun.run(both.program, frame)

        child = os.fork()
        if not child:
            try:
                send(1, 0, second)
            finally:
                os._exit(0)
        send(0, 1, first)
        os.sched_setaffinity(0, before)
        os.waitpid(child, 0)
        progress.release()
    counts: dict[bytes | None, int] = {}
    for key, packets_, _ in both.kernel.read().traces:
        counts[key.trace_id] = counts.get(key.trace_id, 0) + packets_
    both.close()
    assert len(counts) == len(frames_)
    assert set(counts.values()) == {2}


def test_a_returning_configured_trace_keeps_the_counts_of_a_full_table(bench: KernelBench) -> None:
    full = KernelBench(bench.settings, entries=1, max_unlisted=0)
    source = EbpfSource(bench.settings, lambda: 0.0)
    for turn in range(1, 5):
        for last in range(3):  # long paths, of which there is room for one
            nodes = [Node({0: (64, last)}, CAMERA), *[Node({0: (63, number)}) for number in range(1, 11)]]
            header = hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], nodes)))
            whole = struct.pack("!IHBB", 6 << 28, len(header) + 108, 0, 64) + bytes(31) + b"\1" + header + bytes(108)
            testrun.run(full.program, bytes(12) + b"\x86\xdd" + whole, repeat=1000)
        news = full.kernel.read()
        assert news.points[0].folded > 0
        source._merge(full.kernel, news)
        (node,) = source._table.snapshot().nodes
        assert node.traces[Label("0", CAMERA.hex())].packets == 3000 * turn
    full.close()
