# SPDX-License-Identifier: Apache-2.0
"""Tells users' packets from signalling and management."""

from joulepath.ioam.settings import Other
from joulepath.ioam.table.prefixes import Prefixes
from joulepath.ioam.wire.link import Octets
from joulepath.ioam.wire.protocols import ICMPV6, IGMP, SCTP, TCP, UDP

_PORTS = frozenset({TCP, UDP, SCTP})  # SCTP's ports stand where TCP's and UDP's do
# Multicast listener discovery (RFC 2710, RFC 3810) and neighbour discovery (RFC 4861): never forwarded, no user's.
_LINK_LOCAL_ICMPV6 = frozenset({130, 131, 132, 133, 134, 135, 136, 137, 143})


class Classifier:
    """Knows the packets of `other`, and those that no configuration makes a user's."""

    def __init__(self, other: Other) -> None:
        self._prefixes = Prefixes(other.prefixes)
        self._ports = other.ports
        self._protocols = other.protocols | {IGMP}

    def other(self, packet: Octets, start: int, end: int, protocol: int, position: int) -> bool:
        """Whether the IP packet packet[start:end], with `protocol` from `position` on, is signalling or management."""
        prefixes = self._prefixes
        if prefixes and (prefixes.source(packet, start) or prefixes.destination(packet, start)):
            return True
        if protocol == ICMPV6:
            return position < end and packet[position] in _LINK_LOCAL_ICMPV6
        if protocol in self._protocols:
            return True
        if not self._ports or protocol not in _PORTS or position + 4 > end:
            return False
        source = packet[position] << 8 | packet[position + 1]
        return source in self._ports or (packet[position + 2] << 8 | packet[position + 3]) in self._ports
