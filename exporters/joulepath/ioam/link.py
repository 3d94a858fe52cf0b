# SPDX-License-Identifier: Apache-2.0
"""Finds the IP packet behind a link header."""

from mmap import mmap
from typing import NamedTuple, TypeAlias

Octets: TypeAlias = bytearray | mmap
"""What packets are in: a copy, or memory that is shared with the kernel."""

_IP = (0x86DD, 0x0800)
_VLANS = (0x8100, 0x88A8)  # IEEE 802.1Q and 802.1ad
_OUTGOING = 4  # PACKET_OUTGOING, include/uapi/linux/if_packet.h

ETHER_TYPES = _IP + _VLANS
"""What a capture has to pass on."""


class Link(NamedTuple):
    """A link header: its octets, where the EtherType is in it (-1 without), where a cooked one has its packet type."""

    octets: int
    ether_type: int
    packet_type: int = -1

    def sent(self, frame: bytes) -> bool | None:
        """Whether the capturing host sent this frame; None where the link does not say."""
        if self.packet_type < 0 or len(frame) < self.octets:
            return None
        return frame[self.packet_type] == _OUTGOING


ETHERNET, BARE_IP = Link(14, 12), Link(0, -1)

DEVICES = {1: ETHERNET, 772: ETHERNET, **dict.fromkeys((65534, 519, 512, 768, 769, 776, 778, 823), BARE_IP)}
"""By ARPHRD_* (include/uapi/linux/if_arp.h): Ethernet, loopback, and links of bare IP."""

FILES = {
    1: ETHERNET,
    **dict.fromkeys((12, 14, 101, 228, 229), BARE_IP),
    113: Link(16, 14, packet_type=1),  # SLL; its packet type has two octets
    276: Link(20, 0, packet_type=10),  # SLL2
}
"""By LINKTYPE_* (tcpdump.org/linktypes.html): Ethernet, RAW, IPV4, IPV6, and Linux's cooked captures."""


def ip_offset(frame: Octets, start: int, end: int, link: Link) -> int:
    """Where the IP packet of frame[start:end] begins, behind the link header and VLAN tags; -1 if it is not IP."""
    position = start + link.octets
    if link.ether_type < 0:
        return position
    at = start + link.ether_type
    while position <= end:
        ether_type = frame[at] << 8 | frame[at + 1]
        if ether_type in _IP:
            return position
        if ether_type not in _VLANS:
            return -1
        position += 4
        at = position - 2
    return -1
