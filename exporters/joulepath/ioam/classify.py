# SPDX-License-Identifier: Apache-2.0
"""Tells users' packets from signalling and management."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from joulepath.ioam.settings import Other

TCP = 6
UDP = 17
ICMPV6 = 58
_IGMP = 2
_PORTS = frozenset({TCP, UDP, 132})  # SCTP's ports stand where TCP's and UDP's do
# Multicast listener discovery (RFC 2710, RFC 3810) and neighbour discovery (RFC 4861): never forwarded, no user's.
_LINK_LOCAL_ICMPV6 = frozenset({130, 131, 132, 133, 134, 135, 136, 137, 143})

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60


class Classifier:
    """Knows the packets of `other`, and those that no configuration makes a user's."""

    def __init__(self, other: Other) -> None:
        self._networks = {4: _networks(other.prefixes, 4), 6: _networks(other.prefixes, 6)}
        self._ports = other.ports
        self._protocols = other.protocols | {_IGMP}

    def other(self, packet: bytearray, start: int, end: int, protocol: int, position: int) -> bool:
        """Whether the IP packet packet[start:end], with `protocol` from `position` on, is no user's."""
        version = packet[start] >> 4
        if self._networks[version] and self._within(packet, start, version):
            return True
        if version == 6 and protocol not in _PORTS:
            protocol, position = transport(packet, position, end, protocol)
        if protocol == ICMPV6:
            return position < end and packet[position] in _LINK_LOCAL_ICMPV6
        if protocol in self._protocols:
            return True
        if not self._ports or protocol not in _PORTS or position + 4 > end:
            return False
        source = packet[position] << 8 | packet[position + 1]
        return source in self._ports or (packet[position + 2] << 8 | packet[position + 3]) in self._ports

    def _within(self, packet: bytearray, start: int, version: int) -> bool:
        source, length = (12, 4) if version == 4 else (8, 16)
        middle = start + source + length
        addresses = (
            int.from_bytes(packet[start + source : middle], "big"),
            int.from_bytes(packet[middle : middle + length], "big"),
        )
        return any(address >> shift in values for shift, values in self._networks[version] for address in addresses)


def transport(packet: bytearray, position: int, end: int, protocol: int) -> tuple[int, int]:
    """Next header and offset behind IPv6 extension headers; a fragment that is not the first has no transport (-1)."""
    while position + 8 <= end:
        if protocol in (_HOP_BY_HOP, _ROUTING, _DESTINATION):
            length = (packet[position + 1] + 1) * 8
        elif protocol == _AUTHENTICATION:
            length = (packet[position + 1] + 2) * 4
        elif protocol == _FRAGMENT:
            if packet[position + 2] << 8 | packet[position + 3] & 0xF8:
                return -1, end
            length = 8
        else:
            break
        protocol, position = packet[position], position + length
    return protocol, position


def _networks(prefixes: Iterable[IPv4Network | IPv6Network], version: int) -> list[tuple[int, frozenset[int]]]:
    """For each prefix length the bits to shift away and the numbers that are left."""
    by_shift: dict[int, set[int]] = {}
    for prefix in prefixes:
        if prefix.version == version:
            shift = prefix.max_prefixlen - prefix.prefixlen
            by_shift.setdefault(shift, set()).add(int(prefix.network_address) >> shift)
    return [(shift, frozenset(values)) for shift, values in by_shift.items()]
