# SPDX-License-Identifier: Apache-2.0
"""Reads the headers of one IP packet up to its transport: its length, its IOAM options, whether it is a fragment."""

from collections.abc import Callable

from joulepath.ioam.wire import decode
from joulepath.ioam.wire.link import Octets
from joulepath.ioam.wire.protocols import AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, NO_NEXT_HEADER, ROUTING

MAX_TUNNELS = 3
"""Tunnels of a packet that are looked into."""
_EXTENSIONS = frozenset({ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION})
_MAX_EXTENSIONS = 8
_SHORTEST_PAYLOAD = 46
"""Octets to which Ethernet pads a packet."""
_NO_OPTIONS = decode.Options((), 0)
_NOTHING_FOLLOWS = -1


Read = Callable[[bytes], decode.Options]
"""Decodes a whole hop-by-hop header; raises decode.Malformed."""

Header = tuple[int, int, int, decode.Options, bool, str | None]
"""The content of the headers of one IP packet; a plain tuple, as there is one per packet.

1. The length of the IP packet, at most what was there when it was captured.
2. The protocol of what follows the last header read; -1 in a fragment that is not the first, and behind what cannot
   be read.
3. Where that begins.
4. The options of a hop-by-hop header.
5. Whether it is a fragment.
6. One of decode.REASONS, or None; with a reason there are no options.
"""


def header(packet: Octets, start: int, end: int, length: int, read: Read, large: bool) -> Header | None:  # noqa: PLR0917  # called once per packet
    """The headers of the IP packet at packet[start:end], of which `length` octets were there when it was captured.

    The capture may keep fewer (`end`), and Ethernet may have padded it to more: the IP header knows its length, except
    in the kernel's own packets above 64 KiB (`large`). None without an IP header, or with an impossible one.
    """
    version = packet[start] >> 4 if start < end else 0
    if version == 6 and end - start >= 40:
        octets = 40 + (packet[start + 4] << 8 | packet[start + 5])
        protocol, position = packet[start + 6], start + 40
        if octets == 40:
            return _long(packet, start, end, length, read, large)
        octets = min(octets, length)
        if protocol == HOP_BY_HOP:
            return _hop_by_hop(packet, position, end, octets, read, min(end, start + octets))
        if protocol in _EXTENSIONS:
            protocol, position, fragment = transport(packet, position, end, protocol)
            return octets, protocol, position, _NO_OPTIONS, fragment, None
        return octets, protocol, position, _NO_OPTIONS, False, None
    return _ipv4(packet, start, end, length) if version == 4 and end - start >= 20 else None


def _ipv4(packet: Octets, start: int, end: int, length: int) -> Header | None:
    octets, own = packet[start + 2] << 8 | packet[start + 3], (packet[start] & 0x0F) * 4
    # Hosts leave the length of what their network card cuts at 0 (TSO), and so does Linux above 64 KiB (BIG TCP).
    if own < 20 or 0 < octets < own:
        return None
    octets = min(octets or length, length)
    offset = packet[start + 6] << 8 | packet[start + 7]
    # Only the first fragment begins with a transport header.
    position = end if offset & 0x1FFF else start + own
    return octets, packet[start + 9], position, _NO_OPTIONS, bool(offset & 0x3FFF), None


def _hop_by_hop(packet: Octets, start: int, end: int, octets: int, read: Read, stop: int) -> Header:  # noqa: PLR0917  # called once per packet
    """Behind an IPv6 header with a hop-by-hop header at `start`, which must not go beyond `stop`."""
    behind = start + 8 + packet[start + 1] * 8 if start + 2 <= end else end + 1
    if behind > stop:
        return octets, _NOTHING_FOLLOWS, end, _NO_OPTIONS, False, decode.TRUNCATED
    options, fault, fragment = _NO_OPTIONS, None, False
    try:
        options = read(bytes(packet[start:behind]))
    except decode.Malformed as malformed:
        fault = malformed.reason
    protocol = packet[start]
    if protocol in _EXTENSIONS:
        protocol, behind, fragment = transport(packet, behind, end, protocol)
    return octets, protocol, behind, options, fragment, fault


def _long(packet: Octets, start: int, end: int, length: int, read: Read, large: bool) -> Header:  # noqa: PLR0917  # as above
    """An IPv6 packet with a Payload Length of 0: empty, still to be cut (TSO), or a jumbogram (RFC 2675)."""
    octets = length if large else min(40, length)
    if packet[start + 6] != HOP_BY_HOP:
        if length > _SHORTEST_PAYLOAD and packet[start + 6] != NO_NEXT_HEADER:
            octets = length
        protocol, position, fragment = transport(packet, start + 40, end, packet[start + 6])
        return octets, protocol, position, _NO_OPTIONS, fragment, None
    headers = _hop_by_hop(packet, start + 40, end, octets, read, end)
    if large:
        return headers
    octets = min(40 + headers[3].jumbo, length)
    fault = headers[5]
    if not fault and start + 48 + packet[start + 41] * 8 > start + octets:
        return octets, _NOTHING_FOLLOWS, end, _NO_OPTIONS, False, decode.TRUNCATED
    return octets, *headers[1:]


def transport(packet: Octets, position: int, end: int, protocol: int) -> tuple[int, int, bool]:
    """Next header and offset behind IPv6 extension headers, and whether a Fragment header was among them."""
    fragment = False
    for _ in range(_MAX_EXTENSIONS):
        if position + 8 > end:
            break
        if protocol in (HOP_BY_HOP, ROUTING, DESTINATION):
            length = (packet[position + 1] + 1) * 8
        elif protocol == AUTHENTICATION:
            length = (packet[position + 1] + 2) * 4
        elif protocol == FRAGMENT:
            offset = packet[position + 2] << 8 | packet[position + 3]
            if offset & 0xFFF8:
                return _NOTHING_FOLLOWS, end, True
            fragment = fragment or bool(offset & 1)  # an atomic fragment (RFC 6946) is whole
            length = 8
        else:
            break
        protocol, position = packet[position], position + length
    return protocol, position, fragment
