# SPDX-License-Identifier: Apache-2.0
"""The packets on the wire that one large packet of the kernel (GSO, GRO) was or will be cut into."""

from collections.abc import Iterator
from typing import NamedTuple

from joulepath.ioam.wire.decode import JUMBO
from joulepath.ioam.wire.headers import MAX_TUNNELS, transport
from joulepath.ioam.wire.link import ETHERNET, VERSIONS, Octets, ip_offset
from joulepath.ioam.wire.protocols import GRE, IPV4, IPV6, TCP, UDP

_BRIDGED = 0x6558  # Transparent Ethernet Bridging
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
    position, tcp = segments.transport, segments.tcp
    if position < 0:
        position, tcp = _transport(packet, start, end, start + octets)
    # The kernel marks its own packets above 64 KiB by a jumbo payload option, which never reaches the wire.
    marked = packet[start] >> 4 == 6 and packet[start + 4 : start + 7] == b"\0\0\0" and end > start + 42
    jumbo = 8 if marked and packet[start + 42] == JUMBO else 0
    if tcp:
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


def _transport(packet: Octets, start: int, end: int, stop: int) -> tuple[int, bool]:
    """Offset of the transport header, inside any tunnels, and whether it is TCP's.

    The packet ends at `stop` and is captured up to `end`.
    """
    position, protocol = start, UDP
    for _ in range(MAX_TUNNELS + 1):
        protocol, position = _next(packet, start, end)
        start = _find_inner_packet(packet, protocol, position, end, stop)
        if start < 0:
            break
    return position, protocol == TCP


def _next(packet: Octets, start: int, end: int) -> tuple[int, int]:
    """The protocol behind the headers of the IP packet at `start`, and its offset."""
    if packet[start] >> 4 == 4:
        return packet[start + 9], start + (packet[start] & 0x0F) * 4
    protocol, position, _ = transport(packet, start + 40, end, packet[start + 6])
    return protocol, position


def _find_inner_packet(packet: Octets, protocol: int, position: int, end: int, stop: int) -> int:
    """Where the IP packet begins that a header of `protocol` at `position` carries; -1 if it is not a tunnel.

    Ports may be any: an inner packet that ends where the large packet does is what the kernel cuts, and no datagram's
    payload.
    """
    if protocol in (IPV4, IPV6):
        return _match_ip_packet(packet, position, end, stop)
    if position + 8 > end:
        return -1
    if protocol == GRE:  # RFC 2784, RFC 2890
        flags, kind = packet[position], packet[position + 2] << 8 | packet[position + 3]
        return _find_by_ether_type(packet, position + 4 + 4 * (flags >> 4 & 0x0B).bit_count(), kind, end, stop)
    payload = position + 8
    if protocol != UDP or payload + 8 > end:
        return -1
    first, kind = packet[payload], packet[payload + 2] << 8 | packet[payload + 3]
    candidates = [_match_ip_packet(packet, payload, end, stop)]  # FOU
    if first & 0x08:  # VXLAN: RFC 7348, section 5
        candidates.append(_find_by_ether_type(packet, payload + 8, _BRIDGED, end, stop))
    if first < 0x40:  # Geneve: RFC 8926, section 3.4
        candidates.append(_find_by_ether_type(packet, payload + 8 + 4 * first, kind, end, stop))
    return max(candidates)


def _find_by_ether_type(packet: Octets, position: int, ether_type: int, end: int, stop: int) -> int:
    """Where the IP packet of this EtherType begins, or that in the Ethernet frame at `position`; -1 without one."""
    if ether_type == _BRIDGED:
        position = ip_offset(packet, position, end, ETHERNET) if position + ETHERNET.octets <= end else -1
    elif ether_type not in VERSIONS:
        return -1
    return _match_ip_packet(packet, position, end, stop) if position >= 0 else -1


def _match_ip_packet(packet: Octets, start: int, end: int, stop: int) -> int:
    """`start` if the header of an IP packet there says that it ends at `stop` (or leaves its length at 0), else -1."""
    version = packet[start] >> 4 if start < end else 0
    if version == 6 and end - start >= 40:
        octets = 40 + (packet[start + 4] << 8 | packet[start + 5])
        return start if octets in (40, stop - start) else -1
    if version == 4 and end - start >= 20 and packet[start] & 0x0F >= 5:
        octets = packet[start + 2] << 8 | packet[start + 3]
        return start if octets in (0, stop - start) else -1
    return -1
