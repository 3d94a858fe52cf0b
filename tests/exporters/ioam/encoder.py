# SPDX-License-Identifier: Apache-2.0
"""Writes IOAM trace options bit by bit from the field list of RFC 9197, sharing nothing with the decoder under test."""

from collections.abc import Sequence
from dataclasses import dataclass, field

FIELDS: dict[int, tuple[int, ...]] = {
    0: (8, 24),  # Hop_Lim, node_id
    1: (16, 16),  # ingress_if_id, egress_if_id
    2: (32,),  # timestamp seconds
    3: (32,),  # timestamp fraction
    4: (1, 31),  # overflow, transit delay
    5: (32,),  # namespace-specific data
    6: (32,),  # queue depth
    7: (32,),  # checksum complement
    8: (8, 56),  # Hop_Lim, node_id wide
    9: (32, 32),  # ingress_if_id, egress_if_id wide
    10: (64,),  # namespace-specific data wide
    11: (32,),  # buffer occupancy
    **dict.fromkeys(range(12, 22), (32,)),  # undefined
}
"""Widths in bits by bit of the IOAM-Trace-Type."""
SNAPSHOT = 22


@dataclass
class Node:
    """One node's data: values by bit of the trace type, what is not given is all ones; `snapshot` None is empty."""

    values: dict[int, tuple[int, ...]] = field(default_factory=dict)
    snapshot: bytes | None = None
    schema: int = 1


def trace_type(bits: Sequence[int]) -> int:
    """The 24 bits, bit 0 the most significant."""
    return int("".join("1" if bit in bits else "0" for bit in range(24)), 2)


def node_length(bits: Sequence[int]) -> int:
    """NodeLen: units of four octets, without the snapshot."""
    return sum(sum(FIELDS[bit]) for bit in bits if bit in FIELDS) // 32


def trace_data(  # noqa: PLR0917  # the fields in the order of the wire
    namespace: int,
    bits: Sequence[int],
    nodes: Sequence[Node],
    free: int = 0,
    flags: int = 0,
    length: int | None = None,
    ids: bytes = b"",
    *,
    incremental: bool = False,
) -> bytes:
    """Option data of a trace; `nodes` in the order of travel, `free` in units of four octets.

    `ids` stand where Cross-Layer Telemetry puts them. The free space of an incremental trace is not in the packet.
    """
    text = f"{namespace:016b}{node_length(bits) if length is None else length:05b}{flags:04b}{free:07b}"
    text += f"{trace_type(bits):024b}{0:08b}" + "".join(f"{octet:08b}" for octet in ids)
    text += "" if incremental else "0" * 32 * free
    for node in reversed(nodes):
        for bit in range(22):
            if bit in bits:
                widths = FIELDS[bit]
                values = node.values.get(bit, tuple((1 << width) - 1 for width in widths))
                text += "".join(f"{value:0{width}b}" for value, width in zip(values, widths, strict=True))
        if SNAPSHOT in bits:
            if node.snapshot is None:
                text += f"{0:08b}{0xFFFFFF:024b}"
            else:
                text += f"{len(node.snapshot) // 4:08b}{node.schema:024b}"
                text += "".join(f"{octet:08b}" for octet in node.snapshot)
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:]


def export_data(namespace: int, extensions: dict[int, int], bits: Sequence[int] = (0,)) -> bytes:
    """Option data of direct export; `extensions` by bit of the Extension-Flags: 0 the Flow ID, 1 the sequence."""
    flags = "".join("1" if bit in extensions else "0" for bit in range(8))
    text = f"{namespace:016b}{0:08b}{flags}{trace_type(bits):024b}{0:08b}"
    text += "".join(f"{extensions[bit]:032b}" for bit in sorted(extensions))
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:]


def option(data: bytes, kind: int = 0, option_type: int = 0x31) -> bytes:
    """An IOAM option around option data: RFC 9486, section 3."""
    return bytes([option_type, len(data) + 2, 0, kind]) + data


def hop_by_hop(*options: bytes, next_header: int = 17) -> bytes:
    """A whole header with these options; padded at its end."""
    body = b"".join(options)
    missing = -(2 + len(body)) % 8
    body += b"" if missing == 0 else b"\0" if missing == 1 else bytes([1, missing - 2, *([0] * (missing - 2))])
    return bytes([next_header, (2 + len(body)) // 8 - 1]) + body
