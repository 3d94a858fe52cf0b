# SPDX-License-Identifier: Apache-2.0
"""The decoder against vectors, an independent encoder, and damaged headers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam import decode, encode
from tests.exporters.ioam.encoder import FIELDS, SNAPSHOT, Node, hop_by_hop, option, trace_data

pytestmark = pytest.mark.unit

TRACE_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
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
        decode.Trace(123, TRACE_ID, (1,), overflow=False),
        44,
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
def test_vector(name: str) -> None:
    header, trace, octets = VECTORS[name]
    assert decode.options(bytes.fromhex(header)) == decode.Options((trace,), octets)


def test_the_lab_header_says_what_was_asked_for() -> None:
    header = encode.hop_by_hop(123, TRACE_ID, 1, 64, 3, [(63, 2), (62, 3)])
    assert decode.options(header).traces == (decode.Trace(123, TRACE_ID, (3, 2, 1), overflow=False),)


def test_the_lab_header_refuses_what_no_kernel_takes() -> None:
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
}


@pytest.mark.parametrize("reason", MALFORMED)
def test_each_reason(reason: str) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(MALFORMED[reason])
    assert fault.value.reason == reason


@pytest.mark.parametrize(
    "data",
    [
        trace_data(1, [0, SNAPSHOT], [Node(snapshot=TRACE_ID)])[:-4],  # the snapshot says more than there is
        trace_data(1, [0, SNAPSHOT], [])[:8] + bytes(4),  # a node without its snapshot
    ],
)
def test_a_snapshot_that_is_cut_off(data: bytes) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(hop_by_hop(PAD2, option(data)))
    assert fault.value.reason == decode.NODE_DATA


@pytest.mark.parametrize("size", [0, 1])
def test_an_ioam_option_without_its_own_type(size: int) -> None:
    with pytest.raises(decode.Malformed) as fault:
        decode.options(hop_by_hop(PAD2, bytes([0x31, size, *([0] * size)])))
    assert fault.value.reason == decode.OPTION_LENGTH


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 255])
def test_other_ioam_options_are_no_error_and_no_trace(kind: int) -> None:
    header = hop_by_hop(PAD2, option(b"\xff" * 8, kind, 0x11))
    assert decode.options(header) == decode.Options((), 12)


def test_namespaces_may_share_a_packet() -> None:
    header = hop_by_hop(PAD2, option(trace_data(1, [0], [])), option(trace_data(2, [0], [])))
    assert [trace.namespace for trace in decode.options(header).traces] == [1, 2]


def test_the_id_is_the_encapsulating_nodes() -> None:
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
    expected = decode.Trace(number, _id(bits, nodes), _ids(bits, nodes), bool(flags & 8))
    return option(trace_data(number, bits, nodes, free, flags)), expected


def _ids(bits: Sequence[int], nodes: Sequence[Node]) -> tuple[int, ...]:
    ids = []
    for node in reversed(nodes):
        short = node.values.get(0, (0, 0xFFFFFF))[1] if 0 in bits else 0xFFFFFF
        wide = node.values.get(8, (0, (1 << 56) - 1))[1] if 8 in bits else (1 << 56) - 1
        if short != 0xFFFFFF:
            ids.append(short)
        elif wide != (1 << 56) - 1:
            ids.append(wide)
    return tuple(ids)


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
    found = [draw(traces(namespace)) for namespace in range(draw(st.integers(0, 2)))]
    parts = [b"".join(draw(st.lists(PADDING, max_size=3)))]
    for encoded, _ in found:
        parts += [encoded, *draw(st.lists(PADDING, max_size=3))]
    return hop_by_hop(*parts), tuple(trace for _, trace in found)


@given(headers())
def test_what_was_put_in_comes_out(case: tuple[bytes, tuple[decode.Trace, ...]]) -> None:
    header, expected = case
    assert decode.options(header).traces == expected


def outcome(header: bytes) -> decode.Options | str:
    """What the decoder says: the options, or why there are none."""
    try:
        return decode.options(header)
    except decode.Malformed as fault:
        return fault.reason


@given(headers(), st.data())
def test_damage_is_a_reason_or_another_header(
    case: tuple[bytes, tuple[decode.Trace, ...]], data: st.DataObject
) -> None:
    header = bytearray(case[0])
    for _ in range(data.draw(st.integers(1, 6))):
        header[data.draw(st.integers(2, len(header) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(header[: data.draw(st.integers(2, len(header)))])
    found = outcome(cut)
    assert found in decode.REASONS if isinstance(found, str) else found.octets <= len(cut) - 2
