# SPDX-License-Identifier: Apache-2.0
"""The packets on the wire that one large packet of the kernel (GSO, GRO) was or will be cut into."""

from collections.abc import Iterator
from typing import NamedTuple

from joulepath.ioam.headers import IPV6, transport
from joulepath.ioam.link import Octets

_JUMBO = 0xC2
_UDP_OCTETS = 8


class Segments(NamedTuple):
    """How the large packet is cut."""

    size: int
    """Payload octets of each packet on the wire but the last."""
    tcp: bool
    transport: int
    """Offset of the transport header to repeat, -1 where unknown."""


def on_the_wire(packet: Octets, start: int, end: int, octets: int, segments: Segments) -> tuple[int, int]:
    """Packets and IP octets that a large packet of `octets` octets is on the wire: each repeats the headers."""
    position = segments.transport if segments.transport >= 0 else _transport(packet, start, end)
    # The kernel marks its own packets above 64 KiB by a jumbo payload option, which never reaches the wire.
    marked = packet[start] >> 4 == 6 and packet[start + 4 : start + 7] == b"\0\0\0" and end > start + 42
    jumbo = 8 if marked and packet[start + 42] == _JUMBO else 0
    if segments.tcp:
        headers = position - start + ((packet[position + 12] >> 4) * 4 if position + 12 < end else 20)
    else:
        headers = position - start + _UDP_OCTETS
    packets = max(1, -(-(octets - headers) // segments.size))
    return packets, octets - jumbo + (packets - 1) * (headers - jumbo)


def pieces(
    packet: Octets, start: int, end: int, payload: int, size: int, *, stop: int
) -> Iterator[tuple[bytearray, int]]:
    """The IP packets on the wire that a large UDP packet is, each with its length; `payload` is cut by `size` octets.

    The packet ends at `stop` and is captured up to `end`.
    """
    headers = bytearray(packet[start:payload])
    first, missing = (4, 40) if packet[start] >> 4 == 6 else (2, 0)
    for position in range(payload, stop, size):
        length = len(headers) + min(size, stop - position)
        headers[first : first + 2] = (length - missing).to_bytes(2, "big")
        yield headers + packet[position : min(position + size, end, stop)], length


def _transport(packet: Octets, start: int, end: int) -> int:
    """Offset of the transport header, inside IPv6 tunnels if there are any."""
    while start + 40 <= end:
        if packet[start] >> 4 == 4:
            return start + (packet[start] & 0x0F) * 4
        protocol, position, _ = transport(packet, start + 40, end, packet[start + 6])
        if protocol != IPV6:
            return position
        start = position
    return start
