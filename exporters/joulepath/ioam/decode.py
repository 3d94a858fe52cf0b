# SPDX-License-Identifier: Apache-2.0
"""Decodes the IOAM options of an IPv6 hop-by-hop header: RFC 9197 (trace), RFC 9486 (IPv6 encapsulation)."""

import functools
import struct
from typing import NamedTuple

TRACE_TYPE = "trace_type"
NODE_LENGTH = "node_length"
REMAINING_LENGTH = "remaining_length"
NODE_DATA = "node_data"
OPTION_LENGTH = "option_length"
OPTION_OVERRUN = "option_overrun"
REPEATED_NAMESPACE = "repeated_namespace"
TRUNCATED = "truncated"
IP_HEADER = "ip_header"

REASONS = {
    TRACE_TYPE: "the trace type asks for nothing",
    NODE_LENGTH: "NodeLen is not the sum of the fields that the trace type asks for",
    REMAINING_LENGTH: "RemainingLen is more than the option holds",
    NODE_DATA: "what follows the free space is no whole number of nodes' data",
    OPTION_LENGTH: "an IOAM option has no room for its header, or is no multiple of four octets",
    OPTION_OVERRUN: "an option ends behind the hop-by-hop header",
    REPEATED_NAMESPACE: "two trace options of one packet have the same namespace",
    TRUNCATED: "the hop-by-hop header ends behind the packet",
    IP_HEADER: "what the link calls IP has no IP header",
}
"""Every value of the label `reason`, with what it says."""

_PAD1 = 0x00
_IOAM = (0x31, 0x11)  # with and without "may change en route"; senders of DEX use either, RFC 9486, section 3
_PRE_ALLOCATED_TRACE = 0

_TRACE_HEADER = struct.Struct("!HHI")  # Namespace-ID; NodeLen, Flags, RemainingLen; IOAM-Trace-Type, Reserved
_OVERFLOW = 1 << 10
_TRACE_ID = struct.Struct("16s")
_WORD = struct.Struct("!I")
_WIDE = struct.Struct("!Q")

# RFC 9197, section 4.4.1: octets of the fields of bits 0 to 21; bits 12 to 21 are undefined and have four each.
_FIELD_OCTETS = (4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 8, *(4,) * 11)
_NODE_ID_BIT, _WIDE_NODE_ID_BIT, _WIDE_DATA_BIT, _SNAPSHOT_BIT = 0, 8, 10, 22
_RESERVED = 0x000001  # bit 23, to be ignored
_NO_NODE_ID, _NO_WIDE_NODE_ID = (1 << 24) - 1, (1 << 56) - 1
_NO_WIDE_DATA = b"\xff" * 8


class Malformed(Exception):  # noqa: N818  # it is the packet's fault
    """The packet contradicts the RFC; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


class Trace(NamedTuple):
    """One pre-allocated trace option."""

    namespace: int
    trace_id: bytes | None
    """The encapsulating node's first 16 octets of Opaque State Snapshot, else its wide namespace data, else None."""
    nodes: tuple[int, ...]
    """Ids of the nodes that said theirs, the most recent first."""
    overflow: bool
    """Some node found no room for its data."""


class Options(NamedTuple):
    """What the IOAM options of one hop-by-hop header say."""

    traces: tuple[Trace, ...]
    octets: int
    """Length of all IOAM options, of any IOAM-Option-Type."""


class _Layout(NamedTuple):
    """Where the fields of one node's data are; an offset of -1 stands for a field that the trace type leaves out."""

    octets: int
    node_id: int
    wide_node_id: int
    wide_data: int
    snapshot: bool


# A trace type is a stranger's 24 bits: the cache is bounded.
@functools.lru_cache(maxsize=256)
def _layout(trace_type: int) -> _Layout:
    offsets = {}
    octets = 0
    for bit, length in enumerate(_FIELD_OCTETS):
        if trace_type >> 23 - bit & 1:
            offsets[bit] = octets
            octets += length
    return _Layout(
        octets,
        offsets.get(_NODE_ID_BIT, -1),
        offsets.get(_WIDE_NODE_ID_BIT, -1),
        offsets.get(_WIDE_DATA_BIT, -1),
        bool(trace_type >> 23 - _SNAPSHOT_BIT & 1),
    )


# Without timestamps all packets of a flow have the same header. Bounded: headers are strangers' words.
@functools.lru_cache(maxsize=1024)
def options(header: bytes) -> Options:
    """The IOAM options of a whole hop-by-hop header (RFC 8200, section 4.3). Raises Malformed."""
    traces: list[Trace] = []
    octets = 0
    position, end = 2, len(header)
    while position < end:
        kind = header[position]
        if kind == _PAD1:
            position += 1
            continue
        stop = position + 2 + header[position + 1] if position + 1 < end else end + 1
        if stop > end:
            raise Malformed(OPTION_OVERRUN)
        if kind in _IOAM:
            if stop - position < 4:
                raise Malformed(OPTION_LENGTH)
            octets += stop - position
            if header[position + 3] == _PRE_ALLOCATED_TRACE:
                traces.append(_trace(header, position + 4, stop))
        position = stop
    if len(traces) > 1 and len({trace.namespace for trace in traces}) < len(traces):
        raise Malformed(REPEATED_NAMESPACE)
    return Options(tuple(traces), octets)


def _trace(header: bytes, start: int, end: int) -> Trace:
    """The trace option whose data is header[start:end]."""
    if end - start < _TRACE_HEADER.size or (end - start) % 4:
        raise Malformed(OPTION_LENGTH)
    namespace, lengths, word = _TRACE_HEADER.unpack_from(header, start)
    trace_type = word >> 8 & ~_RESERVED
    if not trace_type:
        raise Malformed(TRACE_TYPE)
    layout = _layout(trace_type)
    if (lengths >> 11) * 4 != layout.octets:
        raise Malformed(NODE_LENGTH)
    position = start + _TRACE_HEADER.size + (lengths & 0x7F) * 4
    if position > end:
        raise Malformed(REMAINING_LENGTH)
    octets, short, wide, snapshot = layout.octets, layout.node_id, layout.wide_node_id, layout.snapshot
    nodes: list[int] = []
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
        if short >= 0:
            node_id = _WORD.unpack_from(header, last + short)[0] & _NO_NODE_ID
            if node_id != _NO_NODE_ID:
                nodes.append(node_id)
                continue
        if wide >= 0:
            node_id = _WIDE.unpack_from(header, last + wide)[0] & _NO_WIDE_NODE_ID
            if node_id != _NO_WIDE_NODE_ID:
                nodes.append(node_id)
    trace_id = _trace_id(header, last, layout) if last >= 0 else None
    return Trace(namespace, trace_id, tuple(nodes), bool(lengths & _OVERFLOW))


def _trace_id(header: bytes, start: int, layout: _Layout) -> bytes | None:
    """The id in the data of the encapsulating node, whose element is the last of the list."""
    if layout.snapshot:
        length = 4 * header[start + layout.octets]
        if length >= _TRACE_ID.size:
            snapshot: bytes = _TRACE_ID.unpack_from(header, start + layout.octets + 4)[0]
            return snapshot
        if length:
            return header[start + layout.octets + 4 : start + layout.octets + 4 + length]
    if layout.wide_data >= 0:
        data = header[start + layout.wide_data : start + layout.wide_data + 8]
        if data != _NO_WIDE_DATA:
            return data
    return None
