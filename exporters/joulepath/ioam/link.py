# SPDX-License-Identifier: Apache-2.0
"""Finds the IP packet behind a link header."""

_IP = (0x86DD, 0x0800)
_VLANS = (0x8100, 0x88A8)  # IEEE 802.1Q and 802.1ad

HEADER_OCTETS = {1: 14, 772: 14, 65534: 0, 519: 0, 512: 0, 768: 0, 769: 0, 776: 0, 778: 0, 823: 0}
"""Octets of the link header by ARPHRD_* (include/uapi/linux/if_arp.h): Ethernet, loopback, and links of bare IP."""

ETHER_TYPES = _IP + _VLANS
"""What a capture has to pass on."""


def ip_offset(frame: bytearray, start: int, end: int, header_octets: int) -> int:
    """Where the IP packet of frame[start:end] begins, behind the link header and VLAN tags; -1 if it is not IP."""
    position = start + header_octets
    if header_octets == 0:
        return position
    while position <= end:
        ether_type = frame[position - 2] << 8 | frame[position - 1]
        if ether_type in _IP:
            return position
        if ether_type not in _VLANS:
            return -1
        position += 4
    return -1
