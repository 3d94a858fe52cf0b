# SPDX-License-Identifier: Apache-2.0
"""Reads the headers of one IP packet up to its transport: its length, its IOAM options, whether it is a fragment."""

from typing import NamedTuple

from joulepath.ioam import decode

HOP_BY_HOP, UDP, IPV6 = 0, 17, 41
_ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 43, 44, 51, 60
_EXTENSIONS = frozenset({_ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION})
_MAX_EXTENSIONS = 8
_NO_OPTIONS = decode.Options((), 0)
_NOTHING_FOLLOWS = -1


class Header(NamedTuple):
    """What the headers of one IP packet say."""

    octets: int
    """Length of the IP packet, at most what was there when it was captured."""
    protocol: int
    """Of what follows the last header read; -1 in a fragment that is not the first, and behind what cannot be read."""
    position: int
    """Where that begins."""
    options: decode.Options
    fragment: bool
    fault: str | None
    """One of decode.REASONS; then there are no options."""


def header(packet: bytearray, start: int, end: int, length: int, clt: frozenset[int], *, large: bool) -> Header | None:
    """The headers of the IP packet at packet[start:end], of which `length` octets were there when it was captured.

    The capture may keep fewer (`end`), and Ethernet may have padded it to more: the IP header knows its length, except
    in the kernel's own packets above 64 KiB (`large`). None where there is no IP header.
    """
    version = packet[start] >> 4 if start < end else 0
    if version == 6 and end - start >= 40:
        return _ipv6(packet, start, end, length, clt, large=large)
    if version == 4 and end - start >= 20:
        octets = packet[start + 2] << 8 | packet[start + 3]
        octets = length if large and octets == 0 else min(octets, length)
        offset = packet[start + 6] << 8 | packet[start + 7]
        # Only the first fragment begins with a transport header.
        position = end if offset & 0x1FFF else start + (packet[start] & 0x0F) * 4
        return Header(octets, packet[start + 9], position, _NO_OPTIONS, bool(offset & 0x3FFF), None)
    return None


def _ipv6(packet: bytearray, start: int, end: int, length: int, clt: frozenset[int], *, large: bool) -> Header:
    octets = 40 + (packet[start + 4] << 8 | packet[start + 5])
    # A jumbogram says its length in the hop-by-hop header: RFC 2675.
    long = octets == 40
    octets = length if long and large else min(octets, length)
    protocol, position = packet[start + 6], start + 40
    options, fault, fragment = _NO_OPTIONS, None, False
    if protocol == HOP_BY_HOP:
        stop = position + 8 + packet[position + 1] * 8 if position + 2 <= end else end + 1
        if stop > (end if long else min(end, start + octets)):
            return Header(octets, _NOTHING_FOLLOWS, end, options, fragment=False, fault=decode.TRUNCATED)
        try:
            options = decode.options(bytes(packet[position:stop]), clt)
        except decode.Malformed as malformed:
            fault = malformed.reason
        if long and not large:
            octets = min(40 + options.jumbo, length)
            if stop > start + octets:
                return Header(
                    octets, _NOTHING_FOLLOWS, end, _NO_OPTIONS, fragment=False, fault=fault or decode.TRUNCATED
                )
        protocol, position = packet[position], stop
    if protocol in _EXTENSIONS:
        protocol, position, fragment = transport(packet, position, end, protocol)
    return Header(octets, protocol, position, options, fragment, fault)


def transport(packet: bytearray, position: int, end: int, protocol: int) -> tuple[int, int, bool]:
    """Next header and offset behind IPv6 extension headers, and whether a Fragment header was among them."""
    fragment = False
    for _ in range(_MAX_EXTENSIONS):
        if position + 8 > end:
            break
        if protocol in (HOP_BY_HOP, _ROUTING, _DESTINATION):
            length = (packet[position + 1] + 1) * 8
        elif protocol == _AUTHENTICATION:
            length = (packet[position + 1] + 2) * 4
        elif protocol == _FRAGMENT:
            offset = packet[position + 2] << 8 | packet[position + 3]
            if offset & 0xFFF8:
                return _NOTHING_FOLLOWS, end, True
            fragment = fragment or bool(offset & 1)  # an atomic fragment (RFC 6946) is whole
            length = 8
        else:
            break
        protocol, position = packet[position], position + length
    return protocol, position, fragment
