# SPDX-License-Identifier: Apache-2.0
"""Decodes the IOAM options of an IPv6 hop-by-hop header: RFC 9197 (trace), RFC 9326 (direct export), RFC 9486 (IPv6).

This is the reference: other backends give the same `Options`, or the same reason, for the same octets.
"""

import struct
from typing import NamedTuple

from joulepath.ioam.wire.reasons import (
    GTPU_HEADER,
    IP_HEADER,
    NODE_DATA,
    NODE_LENGTH,
    OPTION_LENGTH,
    OPTION_OVERRUN,
    REASONS,
    REMAINING_LENGTH,
    REPEATED_NAMESPACE,
    TRACE_TYPE,
    TRUNCATED,
    Malformed,
)
from joulepath.ioam.wire.trace import DIRECT_EXPORT, INCREMENTAL_TRACE, PRE_ALLOCATED_TRACE, Trace, direct_export, trace

__all__ = [
    "DIRECT_EXPORT",
    "GTPU_HEADER",
    "INCREMENTAL_TRACE",
    "IP_HEADER",
    "NODE_DATA",
    "NODE_LENGTH",
    "OPTION_LENGTH",
    "OPTION_OVERRUN",
    "PRE_ALLOCATED_TRACE",
    "REASONS",
    "REMAINING_LENGTH",
    "REPEATED_NAMESPACE",
    "TRACE_TYPE",
    "TRUNCATED",
    "Malformed",
    "Options",
    "Trace",
    "options",
]

_PAD1 = 0x00
_IOAM = (0x31, 0x11)  # with and without "may change en route"; senders of DEX use either, RFC 9486, section 3
_ACTIVE = 0x01  # of the octet that begins with NodeLen
JUMBO = 0xC2
"""Type of the Jumbo Payload option (RFC 2675, section 2)."""
_WORD = struct.Struct("!I")


class Options(NamedTuple):
    """The content of the options of one hop-by-hop header."""

    traces: tuple[Trace, ...]
    """In the order of the header."""
    octets: int
    """Length of all IOAM options, of any IOAM-Option-Type."""
    jumbo: int = 0
    """Jumbo Payload Length (RFC 2675), 0 without that option."""
    active: bool = False
    """Some trace has the Active flag (RFC 9322, section 5): the packet is a probe of active measurement."""


def options(header: bytes, clt: frozenset[int] = frozenset()) -> Options:
    """The options of a whole hop-by-hop header (RFC 8200, section 4.3). Raises Malformed.

    The pre-allocated traces of the namespaces in `clt` have the layout of Cross-Layer Telemetry: 16 octets of TraceID
    and 8 of SpanID behind the trace header.
    """
    traces: list[Trace] = []
    octets = jumbo = active = 0
    position, end = 2, len(header)
    while position < end:
        option_type = header[position]
        if option_type == _PAD1:
            position += 1
            continue
        stop = position + 2 + header[position + 1] if position + 1 < end else end + 1
        if stop > end:
            raise Malformed(OPTION_OVERRUN)
        if option_type in _IOAM:
            if stop - position < 4:
                raise Malformed(OPTION_LENGTH)
            octets += stop - position
            kind = header[position + 3]
            if kind in (PRE_ALLOCATED_TRACE, INCREMENTAL_TRACE):
                traces.append(trace(header, position + 4, stop, kind, clt))
                active |= header[position + 6] & _ACTIVE
            elif kind == DIRECT_EXPORT:
                traces.append(direct_export(header, position + 4, stop))
        elif option_type == JUMBO and stop - position == 6:
            jumbo = _WORD.unpack_from(header, position + 2)[0]
        position = stop
    if len(traces) > 1 and len({(trace_.kind, trace_.namespace) for trace_ in traces}) < len(traces):
        raise Malformed(REPEATED_NAMESPACE)
    return Options(tuple(traces), octets, jumbo, bool(active))
