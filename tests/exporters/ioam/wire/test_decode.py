# SPDX-License-Identifier: Apache-2.0
"""The decoder against vectors, an independent encoder, and damaged headers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.wire import decode, encode
from tests.exporters.ioam.encoder import FIELDS, SNAPSHOT, Node, export_data, hop_by_hop, option, trace_data

pytestmark = pytest.mark.unit

TRACE_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
SPAN_ID = bytes.fromhex("00f067aa0ba902b7")
PAD1 = b"\0"
PAD2 = b"\1\0"

VECTORS = {
    "three nodes, as Linux writes them": (
        "3a03010031160000007b0800800000003e0000033f0000024000000101020000",
        decode.Trace(123, None, (3, 2, 1), overflow=False),
        24,
    ),
    "room for two more": (
        "11030100311a0000007b08028000000000000000000000003f00000240000001",
        decode.Trace(123, None, (2, 1), overflow=False),
        28,
    ),
    "a TraceID and a SpanID in the snapshot": (
        "06050100312a0000007b08008000020040000001060000014bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7",
        decode.Trace(123, TRACE_ID, (1,), overflow=False, span_id=SPAN_ID),
        44,
    ),
    "direct export with a flow and a sequence number": (
        "0602010011120004007b00c0800000000000002a00000007",
        decode.Trace(123, b"\0\0\0\x2a", (), overflow=False, kind=decode.DIRECT_EXPORT, sequence=7),
        20,
    ),
    "stamped by two Linux 6.18 nodes on the way": (
        (
            "11070100313a0000007b08028000020000000000000000003e00000300ffffff3f00000200ffffff4000000104000001"
            "000102030405060708090a0b0c0d0e0f"
        ),
        decode.Trace(123, bytes(range(16)), (3, 2, 1), overflow=False),
        60,
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_each_vector_is_decoded(name: str) -> None:
    header, trace, octets = VECTORS[name]
    assert decode.options(bytes.fromhex(header)) == decode.Options((trace,), octets)


CLT = (
    "06060100312e0000007b0801800000004bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7000000003f000002"
    "40000001" + "01020000"
)


def test_a_namespace_sets_the_layout_of_cross_layer_telemetry() -> None:
    header = bytes.fromhex(CLT)
    trace = decode.Trace(123, TRACE_ID, (2, 1), overflow=False, span_id=SPAN_ID)
    assert decode.options(header, frozenset({123})) == decode.Options((trace,), 48)
    assert decode.options(header, frozenset({124})) == decode.options(header)
    assert decode.options(header).traces[0].trace_id is None


def test_cross_layer_telemetry_of_a_packet_without_a_request_has_no_id() -> None:
    header = hop_by_hop(PAD2, option(trace_data(5, [0], [Node({0: (64, 1)})], ids=bytes(24))))
    assert decode.options(header, frozenset({5})).traces == (decode.Trace(5, None, (1,), overflow=False),)


def test_cross_layer_telemetry_without_room_for_its_ids_is_malformed() -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(hop_by_hop(PAD2, option(trace_data(5, [0], [Node()] * 4))), frozenset({5}))
    assert fault.value.reason == decode.OPTION_LENGTH


def test_the_lab_header_has_the_requested_fields() -> None:
    header = encode.hop_by_hop(123, TRACE_ID, 1, 64, 3, [(63, 2), (62, 3)])
    assert decode.options(header).traces == (decode.Trace(123, TRACE_ID, (3, 2, 1), overflow=False),)


def test_the_lab_header_refuses_fields_that_no_kernel_accepts() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        encode.hop_by_hop(1, b"", 1, 64, 0)
    with pytest.raises(ValueError, match="transit nodes"):
        encode.hop_by_hop(1, TRACE_ID, 1, 64, encode.MAX_TRANSIT_NODES + 1)
    assert len(encode.hop_by_hop(1, TRACE_ID, 1, 64, encode.MAX_TRANSIT_NODES)) == 256


MALFORMED = {
    decode.TRACE_TYPE: hop_by_hop(PAD2, option(trace_data(1, [], []))),
    decode.NODE_LENGTH: hop_by_hop(PAD2, option(trace_data(1, [0], [Node()], length=2))),
    decode.REMAINING_LENGTH: hop_by_hop(PAD2, option(trace_data(1, [0], [], free=2)[:-4])),
    decode.NODE_DATA: hop_by_hop(PAD2, option(trace_data(1, [0, 1], [Node()])[:-4])),
    decode.OPTION_LENGTH: hop_by_hop(PAD2, option(trace_data(1, [0], [])[:-1])),
    decode.OPTION_OVERRUN: hop_by_hop(PAD2, option(trace_data(1, [0], [Node()])))[:-8],
    decode.REPEATED_NAMESPACE: hop_by_hop(
        PAD2, option(trace_data(1, [0], [Node()])), option(trace_data(1, [0], [Node()]))
    ),
    "export_length": hop_by_hop(PAD2, option(export_data(1, {0: 1, 1: 2})[:-4], 4, 0x11)),
    "export_odd_length": hop_by_hop(PAD2, option(export_data(1, {}) + b"\0", 4, 0x11)),
}


@pytest.mark.parametrize("reason", MALFORMED)
def test_each_malformed_header_has_its_reason(reason: str) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(MALFORMED[reason])
    assert fault.value.reason == reason.replace("export_", "option_").replace("odd_", "")


@pytest.mark.parametrize(
    "data",
    [
        trace_data(1, [0, SNAPSHOT], [Node(snapshot=TRACE_ID)])[:-4],  # the snapshot says more than there is
        trace_data(1, [0, SNAPSHOT], [])[:8] + bytes(4),  # a node without its snapshot
    ],
)
def test_a_snapshot_that_is_cut_off_is_malformed(data: bytes) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(hop_by_hop(PAD2, option(data)))
    assert fault.value.reason == decode.NODE_DATA


@pytest.mark.parametrize("size", [0, 1])
def test_an_ioam_option_without_its_type_is_malformed(size: int) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(hop_by_hop(PAD2, bytes([0x31, size, *([0] * size)])))
    assert fault.value.reason == decode.OPTION_LENGTH


@pytest.mark.parametrize("kind", [2, 3, 5, 255])
def test_other_ioam_options_are_neither_an_error_nor_a_trace(kind: int) -> None:
    header = hop_by_hop(PAD2, option(b"\xff" * 8, kind, 0x11))
    assert decode.options(header) == decode.Options((), 12)


def test_namespaces_may_share_a_packet() -> None:
    header = hop_by_hop(PAD2, option(trace_data(1, [0], [])), option(trace_data(2, [0], [])))
    assert [trace.namespace for trace in decode.options(header).traces] == [1, 2]


def test_a_trace_and_a_direct_export_of_one_namespace_share_a_packet() -> None:
    header = hop_by_hop(PAD2, option(trace_data(1, [0], [])), option(export_data(1, {}), 4, 0x31))
    assert [trace.kind for trace in decode.options(header).traces] == [0, 4]


@given(
    st.integers(0, 0xFFFF),
    st.dictionaries(st.integers(0, 7), st.integers(0, 0xFFFFFFFF)),
    st.sampled_from([0x11, 0x31]),
)
def test_a_direct_export_option_is_decoded(namespace: int, extensions: dict[int, int], option_type: int) -> None:
    header = hop_by_hop(PAD2, option(export_data(namespace, extensions), 4, option_type))
    flow_id = extensions[0].to_bytes(4, "big") if 0 in extensions else None
    expected = decode.Trace(
        namespace, flow_id, (), overflow=False, kind=decode.DIRECT_EXPORT, sequence=extensions.get(1, -1)
    )
    assert decode.options(header) == decode.Options((expected,), 12 + 4 * len(extensions))


def test_a_jumbo_payload_option_is_read() -> None:
    assert decode.options(hop_by_hop(bytes.fromhex("c20400012345"))) == decode.Options((), 0, 0x12345)


def test_the_trace_id_comes_from_the_encapsulating_node() -> None:
    first, later = Node(snapshot=TRACE_ID), Node(snapshot=bytes(16))
    header = hop_by_hop(PAD2, option(trace_data(1, [SNAPSHOT], [first, later])))
    assert decode.options(header).traces[0].trace_id == TRACE_ID


def test_reserved_bit_23_is_ignored() -> None:
    header = hop_by_hop(PAD2, option(trace_data(1, [0, 23], [Node({0: (64, 5)})])))
    assert decode.options(header).traces[0].nodes == (5,)


@st.composite
def _nodes(draw: st.DrawFn, bits: Sequence[int], room: int) -> list[Node]:
    nodes = []
    while draw(st.booleans()):
        snapshot = None
        room -= sum(sum(FIELDS[bit]) for bit in bits if bit in FIELDS) // 8
        if SNAPSHOT in bits:
            room -= 4
            words = draw(st.integers(0, max(0, min(room // 4, 10))))
            snapshot = draw(st.binary(min_size=4 * words, max_size=4 * words)) if words else None
            room -= 4 * words
        if room < 0:
            break
        values = {
            bit: tuple(draw(st.integers(0, (1 << width) - 1)) for width in FIELDS[bit])
            for bit in bits
            if bit in FIELDS and draw(st.booleans())
        }
        nodes.append(Node(values, snapshot))
    return nodes


@st.composite
def traces(draw: st.DrawFn, namespace: int | None = None) -> tuple[bytes, decode.Trace]:
    """An option, and what the RFC says that it says."""
    bits = sorted(draw(st.sets(st.integers(0, SNAPSHOT), min_size=1)))
    free = draw(st.integers(0, 8))
    nodes = draw(_nodes(bits, 244 - 4 * free))
    number = draw(st.integers(0, 0xFFFF)) if namespace is None else namespace
    flags = draw(st.integers(0, 15))
    kind = draw(st.sampled_from([decode.PRE_ALLOCATED_TRACE, decode.INCREMENTAL_TRACE]))
    trace_id = _ids(bits, nodes)
    times = tuple(time for _, time in trace_id) if {2, 3} <= set(bits) else ()
    span = nodes[0].snapshot[16:24] if nodes and nodes[0].snapshot and len(nodes[0].snapshot) >= 24 else None
    ids = tuple(node_id for node_id, _ in trace_id)
    expected = decode.Trace(number, _id(bits, nodes), ids, bool(flags & 8), kind, times, span)
    data = trace_data(number, bits, nodes, free, flags, incremental=kind == decode.INCREMENTAL_TRACE)
    return option(data, kind, draw(st.sampled_from([0x31, 0x11]))), expected


def _ids(bits: Sequence[int], nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """Ids and times of the nodes that said their id, the most recent first."""
    ids = []
    for node in reversed(nodes):
        short = node.values.get(0, (0, 0xFFFFFF))[1] if 0 in bits else 0xFFFFFF
        wide = node.values.get(8, (0, (1 << 56) - 1))[1] if 8 in bits else (1 << 56) - 1
        parts = [node.values.get(bit, (0xFFFFFFFF,))[0] for bit in (2, 3)]
        time = parts[0] << 32 | parts[1]
        if short != 0xFFFFFF:
            ids.append((short, time))
        elif wide != (1 << 56) - 1:
            ids.append((wide, time))
    return ids


def _id(bits: Sequence[int], nodes: Sequence[Node]) -> bytes | None:
    if not nodes:
        return None
    if nodes[0].snapshot:
        return nodes[0].snapshot[:16]
    if 10 in bits and 10 in nodes[0].values and nodes[0].values[10][0] != (1 << 64) - 1:
        return nodes[0].values[10][0].to_bytes(8, "big")
    return None


PADDING = st.one_of(
    st.just(PAD1),
    st.integers(0, 6).map(lambda size: bytes([1, size]) + bytes(size)),
    st.tuples(st.sampled_from([0x05, 0x1E, 0x3E, 0xC2]), st.binary(max_size=12)).map(
        lambda item: bytes([item[0], len(item[1])]) + item[1]
    ),
)


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, tuple[decode.Trace, ...]]:
    """A hop-by-hop header with up to two traces anywhere in it, and these traces."""
    drawn = [draw(traces(namespace)) for namespace in range(draw(st.integers(0, 2)))]
    parts = [b"".join(draw(st.lists(PADDING, max_size=3)))]
    for encoded, _ in drawn:
        parts += [encoded, *draw(st.lists(PADDING, max_size=3))]
    return hop_by_hop(*parts), tuple(trace for _, trace in drawn)


@given(headers())
def test_an_encoded_trace_is_decoded_unchanged(case: tuple[bytes, tuple[decode.Trace, ...]]) -> None:
    header, expected = case
    assert tuple(trace._replace(stamps=()) for trace in decode.options(header).traces) == expected


def outcome(header: bytes) -> decode.Options | str:
    """The answer of the decoder: the options, or the reason for their absence."""
    try:
        return decode.options(header)
    except decode.Malformed as fault:
        return fault.reason


@given(headers(), st.data())
def test_a_damaged_header_has_a_reason_or_is_another_header(
    case: tuple[bytes, tuple[decode.Trace, ...]], data: st.DataObject
) -> None:
    header = bytearray(case[0])
    for _ in range(data.draw(st.integers(1, 6))):
        header[data.draw(st.integers(2, len(header) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(header[: data.draw(st.integers(2, len(header)))])
    result = outcome(cut)
    assert result in decode.REASONS if isinstance(result, str) else result.octets <= len(cut) - 2
