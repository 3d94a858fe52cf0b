# SPDX-License-Identifier: Apache-2.0
"""Decodes one IOAM option that names a trace: RFC 9197, section 4.4 (trace), RFC 9326 (direct export)."""

import functools
import struct
from typing import NamedTuple

from joulepath.ioam.wire.reasons import (
    NODE_DATA,
    NODE_LENGTH,
    OPTION_LENGTH,
    REMAINING_LENGTH,
    TRACE_TYPE,
    Malformed,
)

PRE_ALLOCATED_TRACE, INCREMENTAL_TRACE, DIRECT_EXPORT = 0, 1, 4
"""IOAM-Option-Types that name a trace; edge-to-edge, proof of transit and those unknown are passed over."""

_TRACE_HEADER = struct.Struct("!HHI")  # Namespace-ID; NodeLen, Flags, RemainingLen; IOAM-Trace-Type, Reserved
_OVERFLOW = 1 << 10
_TRACE_ID = struct.Struct("16s")
_CLT_OCTETS = 24  # TraceID and SpanID, between the header and the node data
_EXPORT_HEADER = struct.Struct("!HBBI")  # Namespace-ID; Flags, Extension-Flags; IOAM-Trace-Type, Reserved
_FLOW_ID, _SEQUENCE_NUMBER = 0x80, 0x40  # Extension-Flags; each of the eight stands for four octets that follow
_WORD = struct.Struct("!I")
_WIDE = struct.Struct("!Q")

# RFC 9197, section 4.4.1: octets of the fields of bits 0 to 21; bits 12 to 21 are undefined and have four each.
_FIELD_OCTETS = (4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 8, *(4,) * 11)
_NODE_ID_BIT, _SECONDS_BIT, _FRACTION_BIT, _WIDE_NODE_ID_BIT, _WIDE_DATA_BIT, _SNAPSHOT_BIT = 0, 2, 3, 8, 10, 22
_RESERVED = 0x000001  # bit 23, to be ignored
_NO_NODE_ID, _NO_WIDE_NODE_ID = (1 << 24) - 1, (1 << 56) - 1
_NO_WIDE_DATA = b"\xff" * 8


class Trace(NamedTuple):
    """One trace or direct export option."""

    namespace: int
    trace_id: bytes | None
    """The encapsulating node's first 16 octets of Opaque State Snapshot, else its wide namespace data, else None.

    Direct export: the Flow ID. Layout of Cross-Layer Telemetry: its TraceID, unless that is zero.
    """
    nodes: tuple[int, ...]
    """Ids of the nodes that said theirs, the most recent first; direct export has none."""
    overflow: bool
    """Some node found no room for its data."""
    kind: int = PRE_ALLOCATED_TRACE
    """The IOAM-Option-Type."""
    times: tuple[int, ...] = ()
    """When `nodes` had the packet: seconds << 32 | fraction as they stand there, all ones where a node did not say.

    Empty where the trace type asks for no seconds or no fraction.
    """
    span_id: bytes | None = None
    """Octets 16 to 23 of that snapshot, or the SpanID of Cross-Layer Telemetry."""
    sequence: int = -1
    """Direct export: the Sequence Number, -1 without one."""
    stamps: tuple[int, ...] = ()
    """Where in the header `times` stand, eight octets each."""


class _Layout(NamedTuple):
    """Where the fields of one node's data are; an offset of -1 stands for a field that the trace type leaves out."""

    octets: int
    node_id: int
    wide_node_id: int
    wide_data: int
    seconds: int
    """-1 without the fraction, too."""
    snapshot: bool


# A trace type is 24 bits of untrusted input: the cache is bounded.
@functools.lru_cache(maxsize=256)
def _layout(trace_type: int) -> _Layout:
    offsets = {}
    octets = 0
    for bit, length in enumerate(_FIELD_OCTETS):
        if trace_type >> 23 - bit & 1:
            offsets[bit] = octets
            octets += length
    timed = _SECONDS_BIT in offsets and _FRACTION_BIT in offsets
    return _Layout(
        octets,
        offsets.get(_NODE_ID_BIT, -1),
        offsets.get(_WIDE_NODE_ID_BIT, -1),
        offsets.get(_WIDE_DATA_BIT, -1),
        offsets[_SECONDS_BIT] if timed else -1,
        bool(trace_type >> 23 - _SNAPSHOT_BIT & 1),
    )


def direct_export(header: bytes, start: int, end: int) -> Trace:
    """The direct export option with its data at header[start:end] (RFC 9326, section 3.2)."""
    if end - start < _EXPORT_HEADER.size or (end - start) % 4:
        raise Malformed(OPTION_LENGTH)
    namespace, _, extensions, _ = _EXPORT_HEADER.unpack_from(header, start)
    position = start + _EXPORT_HEADER.size
    if position + 4 * extensions.bit_count() > end:
        raise Malformed(OPTION_LENGTH)
    flow_id, sequence = None, -1
    if extensions & _FLOW_ID:
        flow_id = header[position : position + 4]
        position += 4
    if extensions & _SEQUENCE_NUMBER:
        sequence = _WORD.unpack_from(header, position)[0]
    return Trace(namespace, flow_id, (), overflow=False, kind=DIRECT_EXPORT, sequence=sequence)


def trace(header: bytes, start: int, end: int, kind: int, clt: frozenset[int]) -> Trace:  # noqa: PLR0912  # one pass
    """The trace option with its data at header[start:end] (RFC 9197, section 4.4)."""
    if end - start < _TRACE_HEADER.size or (end - start) % 4:
        raise Malformed(OPTION_LENGTH)
    namespace, lengths, word = _TRACE_HEADER.unpack_from(header, start)
    trace_type = word >> 8 & ~_RESERVED
    if not trace_type:
        raise Malformed(TRACE_TYPE)
    layout = _layout(trace_type)
    octets, short, wide, seconds, snapshot = (
        layout.octets,
        layout.node_id,
        layout.wide_node_id,
        layout.seconds,
        layout.snapshot,
    )
    if (lengths >> 11) * 4 != octets:
        raise Malformed(NODE_LENGTH)
    position, ids = start + _TRACE_HEADER.size, -1
    if kind == PRE_ALLOCATED_TRACE:
        # An incremental trace has no room in it: there RemainingLen is what nodes may still add.
        position, ids = _data(position, end, (lengths & 0x7F) * 4, clt=namespace in clt)
    nodes: list[int] = []
    stamps: list[int] = []
    last = -1
    while position < end:
        last = position
        position += octets
        if snapshot:
            if position >= end:
                raise Malformed(NODE_DATA)
            position += 4 + 4 * header[position]
        if position > end:
            raise Malformed(NODE_DATA)
        # The short id where the node says one, else the wide one. Both stand behind an octet of Hop_Lim.
        node_id = _WORD.unpack_from(header, last + short)[0] & _NO_NODE_ID if short >= 0 else _NO_NODE_ID
        if node_id == _NO_NODE_ID:
            node_id = _WIDE.unpack_from(header, last + wide)[0] & _NO_WIDE_NODE_ID if wide >= 0 else _NO_WIDE_NODE_ID
            if node_id == _NO_WIDE_NODE_ID:
                continue
        nodes.append(node_id)
        if seconds >= 0:
            stamps.append(last + seconds)
    trace_id = span_id = None
    if ids >= 0:
        trace_id, span_id = _present(header[ids : ids + 16]), _present(header[ids + 16 : ids + 24])
    elif last >= 0:
        trace_id, span_id = _ids(header, last, layout)
    # The fraction's bit is the one behind that of the seconds: both are read at once.
    times = tuple(_WIDE.unpack_from(header, offset)[0] for offset in stamps)
    return Trace(
        namespace,
        trace_id,
        tuple(nodes),
        bool(lengths & _OVERFLOW),
        kind,
        times=times,
        span_id=span_id,
        stamps=tuple(stamps),
    )


def _data(start: int, end: int, free: int, *, clt: bool) -> tuple[int, int]:
    """Where nodes' data begins, and where the ids of Cross-Layer Telemetry do (-1 without)."""
    data = start + _CLT_OCTETS if clt else start
    if data > end:
        raise Malformed(OPTION_LENGTH)
    if data + free > end:
        raise Malformed(REMAINING_LENGTH)
    return data + free, start if clt else -1


def _present(octets: bytes) -> bytes | None:
    """None for zeros, which Cross-Layer Telemetry writes where a packet belongs to no request."""
    return octets if any(octets) else None


def _ids(header: bytes, start: int, layout: _Layout) -> tuple[bytes | None, bytes | None]:
    """TraceID and SpanID in the data of the encapsulating node, which has the last element of the list."""
    if layout.snapshot:
        offset = start + layout.octets + 4
        length = 4 * header[offset - 4]
        if length >= _TRACE_ID.size:
            snapshot: bytes = _TRACE_ID.unpack_from(header, offset)[0]
            return snapshot, header[offset + 16 : offset + 24] if length >= 24 else None
        if length:
            return header[offset : offset + length], None
    if layout.wide_data >= 0:
        data = header[start + layout.wide_data : start + layout.wide_data + 8]
        if data != _NO_WIDE_DATA:
            return data, None
    return None, None
