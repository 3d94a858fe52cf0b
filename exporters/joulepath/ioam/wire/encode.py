# SPDX-License-Identifier: Apache-2.0
"""The IPv6 hop-by-hop header of a packet that enters an IOAM domain, in plain Python (RFC 9197, RFC 9486).

The trace type is 0x800002: each node adds Hop_Lim and node_id (bit 0) and an Opaque State Snapshot (bit 22). The
encapsulating node's snapshot holds the TraceID; Linux nodes on the way add an empty one of 4 octets.
"""

import struct
from collections.abc import Sequence

TRACE_TYPE = 0x800002
SCHEMA_ID = 1  # of the snapshot that holds a TraceID
NO_SCHEMA_ID = 0xFFFFFF  # of an empty snapshot: RFC 9197, section 4.4.2.12

_NODE_OCTETS = 8  # Hop_Lim and node_id, an empty snapshot
_OWN_OCTETS = _NODE_OCTETS + 16
_MAX_DATA_OCTETS = 244  # IOAM6_TRACE_DATA_SIZE_MAX of the kernel's include/uapi/linux/ioam6.h
MAX_TRANSIT_NODES = (_MAX_DATA_OCTETS - _OWN_OCTETS) // _NODE_OCTETS
DEFAULT_TRANSIT_NODES = 5
"""Radio, distributed and central unit, user plane function, and the receiver."""
OWN_HOP_LIMIT_FROM_END = _OWN_OCTETS
"""How many octets before the header's end the encapsulating node's Hop_Lim stands."""
NO_NODE_ID = 0xFFFFFF
"""A node that says no id of its own: RFC 9197, section 4.4.1."""


def hop_by_hop(  # noqa: PLR0917  # the fields in the order of the wire, as callers read them
    namespace: int,
    trace_id: bytes,
    node_id: int,
    hop_limit: int,
    transit_nodes: int,
    filled: Sequence[tuple[int, int]] = (),
) -> bytes:
    """The whole header, 40 + 8 * transit_nodes octets, fit for `setsockopt(IPPROTO_IPV6, IPV6_HOPOPTS, ...)`.

    Its first octet, the next header, is 0: the kernel sets it for each packet. `node_id` (24 bits) and `hop_limit`
    are the encapsulating node's. `transit_nodes` is the room left for nodes on the way; `filled` gives what the first
    of them already wrote, as (hop_limit, node_id) in the order of travel, where no kernel stamps. Raises ValueError.
    """
    if len(trace_id) != 16:
        raise ValueError(f"a TraceID has 16 octets, not {len(trace_id)}")
    if not len(filled) <= transit_nodes <= MAX_TRANSIT_NODES:
        raise ValueError(f"{transit_nodes} transit nodes: need {len(filled)} to {MAX_TRANSIT_NODES}")
    free = (transit_nodes - len(filled)) * _NODE_OCTETS
    # The most recent node stands first, the encapsulating one last: RFC 9197, section 4.4.1.
    nodes = b"".join(_node(*node, NO_SCHEMA_ID) for node in reversed(filled)) + _node(
        hop_limit, node_id, SCHEMA_ID, trace_id
    )
    # NodeLen counts what has a fixed length, in units of 4 octets: one. RemainingLen, too, is in such units.
    trace = struct.pack("!HHI", namespace, 1 << 11 | free // 4, TRACE_TYPE << 8) + bytes(free) + nodes
    option = struct.pack("!BBBB", 0x31, 2 + len(trace), 0, 0) + trace
    pad = b"\x01\x00"  # PadN of two octets: the option starts at a multiple of four
    return struct.pack("!BB", 0, (4 + len(option)) // 8 - 1) + pad + option


def _node(hop_limit: int, node_id: int, schema_id: int, snapshot: bytes = b"") -> bytes:
    return struct.pack("!II", hop_limit << 24 | node_id, len(snapshot) // 4 << 24 | schema_id) + snapshot
