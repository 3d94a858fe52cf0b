# SPDX-License-Identifier: Apache-2.0
"""Finds the IP packet behind a link header."""

from mmap import mmap
from typing import NamedTuple, TypeAlias

from joulepath.ioam.wire.reasons import SKIPPED

Octets: TypeAlias = bytearray | mmap
"""The memory that holds packets: a copy, or memory that is shared with the kernel."""

VERSIONS = {0x86DD: 6, 0x0800: 4}
"""IP versions by EtherType."""
_VLANS = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)  # IEEE 802.1Q, 802.1ad, and what switches wrote before 802.1ad
_MAX_VLANS = 8
_OUTGOING = 4  # PACKET_OUTGOING, include/uapi/linux/if_packet.h

_CODES = {reason: -number for number, reason in enumerate(SKIPPED, 1)}
_NOT_IP = _CODES["not_ip"]
_CARRIERS = {
    0x8847: _CODES["mpls"],
    0x8848: _CODES["mpls"],
    0x8864: _CODES["pppoe"],
    0x88E5: _CODES["macsec"],
    0x88E7: _CODES["backbone"],
}
REASONS = {code: reason for reason, code in _CODES.items()}
"""By what `ip_offset` returns, why a frame is not looked into."""
OTHER_VERSION = -len(SKIPPED) - 1
"""The EtherType says IPv4 and the packet IPv6, or the other way round."""

ETHER_TYPES = (*VERSIONS, *_VLANS, *_CARRIERS)
"""Those that a capture has to pass on; all others are NOT_IP."""
NOT_IP = "not_ip"


class LinkHeader(NamedTuple):
    """A link header: its octets, where the EtherType is in it (-1 without), where a cooked one has its packet type."""

    octets: int
    ether_type: int
    packet_type: int = -1

    def sent(self, frame: bytes) -> bool | None:
        """Whether the capturing host sent this frame; None where the link does not say."""
        if self.packet_type < 0 or len(frame) < self.octets:
            return None
        return frame[self.packet_type] == _OUTGOING


ETHERNET, BARE_IP = LinkHeader(14, 12), LinkHeader(0, -1)

DEVICES = {1: ETHERNET, 772: ETHERNET, **dict.fromkeys((65534, 519, 512, 768, 769, 776, 778, 823), BARE_IP)}
"""By ARPHRD_* (include/uapi/linux/if_arp.h): Ethernet, loopback, and links of bare IP."""

FILES = {
    1: ETHERNET,
    **dict.fromkeys((12, 14, 101, 228, 229), BARE_IP),
    113: LinkHeader(16, 14, packet_type=1),  # SLL; its packet type has two octets
    276: LinkHeader(20, 0, packet_type=10),  # SLL2
}
"""By LINKTYPE_* (tcpdump.org/linktypes.html): Ethernet, RAW, IPV4, IPV6, and Linux's cooked captures."""


def ip_offset(frame: Octets, start: int, end: int, link: LinkHeader) -> int:
    """Where the IP packet of frame[start:end] begins, behind the link header and VLAN tags.

    Without one, one of REASONS; OTHER_VERSION if its header is of another version.
    """
    position = start + link.octets
    if link.ether_type < 0:
        return position
    if position > end:
        return _NOT_IP
    offset = start + link.ether_type
    ether_type = frame[offset] << 8 | frame[offset + 1]
    if position < end and VERSIONS.get(ether_type) == frame[position] >> 4:  # most frames
        return position
    return _behind_tags(frame, position, end, ether_type)


def vlan_id(frame: Octets, start: int, packet: int, link: LinkHeader) -> int:
    """The VLAN ID of the tag nearest to the IP packet at `packet` of the frame at `start`; -1 without one.

    A tag of VLAN 0 has a priority and no VLAN (IEEE 802.1Q, table 9-2).
    """
    for position in range(packet - 4, start + link.octets - 1, -4):
        number = (frame[position] << 8 | frame[position + 1]) & 0xFFF
        if number:
            return number
    return -1


def _behind_tags(frame: Octets, position: int, end: int, ether_type: int) -> int:
    for _ in range(_MAX_VLANS):
        if ether_type not in _VLANS:
            break
        position += 4
        if position > end:
            return _NOT_IP
        ether_type = frame[position - 2] << 8 | frame[position - 1]
    version = VERSIONS.get(ether_type)
    if version:
        return position if position == end or frame[position] >> 4 == version else OTHER_VERSION
    return _CARRIERS.get(ether_type, _CODES["vlan_tags"] if ether_type in _VLANS else _NOT_IP)
