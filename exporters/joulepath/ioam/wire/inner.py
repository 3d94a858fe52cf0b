# SPDX-License-Identifier: Apache-2.0
"""Finds the packet that a tunnel carries.

A header of GTP-U does not say whether it carries IP, and a MAC address may begin as an IP packet does: an inner packet
is IP where its header agrees with what is there.
"""

from typing import NamedTuple

from joulepath.ioam.wire import gtpu
from joulepath.ioam.wire.link import ETHERNET, Octets, ip_offset
from joulepath.ioam.wire.protocols import IPV6, UDP

SIGNALLING, ABSENT = gtpu.SIGNALLING, gtpu.FOREIGN

_SHORTEST_PAYLOAD = 46
"""Octets to which Ethernet pads a packet."""


class Carried(NamedTuple):
    """The content of a tunnel's packet."""

    inner: int
    """Where the packet begins that is in it, or SIGNALLING, ABSENT."""
    teid: int = -1
    qfi: int = -1
    """Of the message of GTP-U, -1 without."""
    frame: int = -1
    """Where its T-PDU begins; before `inner` in an Ethernet frame."""


_NOTHING = Carried(ABSENT)


def find_carried(  # noqa: PLR0911  # a case each
    packet: Octets, protocol: int, position: int, end: int, stop: int
) -> Carried:
    """Looks into a tunnel's packet.

    It has `protocol` at `position`, ends at `stop` and is captured up to `end`. Raises
    decode.Malformed.
    """
    if protocol == IPV6:
        return Carried(position) if position < end and packet[position] >> 4 == 6 else _NOTHING
    if protocol != UDP or position + 8 > end:
        return _NOTHING
    if packet[position + 2] << 8 | packet[position + 3] == gtpu.PORT:
        inner, teid, qfi = gtpu.payload(packet, position + 8, min(end, stop))
        if inner == ABSENT:
            return _NOTHING
        if inner == SIGNALLING:
            return Carried(SIGNALLING, teid)
        return Carried(find_user_packet(packet, inner, end, stop), teid, qfi, inner)
    from_port = packet[position] << 8 | packet[position + 1] == gtpu.PORT
    if from_port and gtpu.answers(packet, position + 8, min(end, stop), stop):
        return Carried(SIGNALLING)
    return _NOTHING


def find_user_packet(packet: Octets, start: int, end: int, stop: int) -> int:
    """Where the IP packet of the T-PDU begins that starts at `start` and ends at `stop`; ABSENT without one.

    A PDU session of type Ethernet carries whole frames (TS 23.501, clause 5.6.10.2). The capture ends at `end`.
    """
    if _agrees(packet, start, end, stop - start, padded=False):
        return start
    inside = ip_offset(packet, start, min(end, stop), ETHERNET) if start + ETHERNET.octets <= min(end, stop) else ABSENT
    if inside >= 0 and _agrees(packet, inside, end, stop - inside, padded=True):
        return inside
    return ABSENT


def _agrees(packet: Octets, start: int, end: int, length: int, *, padded: bool) -> bool:
    """Whether an IP packet of `length` octets begins at `start`, or a shorter one that Ethernet padded."""
    version = packet[start] >> 4 if start < end else 0
    if version == 6 and end - start >= 40:
        octets = 40 + (packet[start + 4] << 8 | packet[start + 5])
    elif version == 4 and end - start >= 20 and _ipv4_header(packet, start, end):
        octets = packet[start + 2] << 8 | packet[start + 3]
    else:
        return False
    return octets == length or (padded and octets < length <= _SHORTEST_PAYLOAD)


def _ipv4_header(packet: Octets, start: int, end: int) -> bool:
    """Whether the lengths of an IPv4 header are possible and its checksum fits, or is 0: left to a network card."""
    own = (packet[start] & 0x0F) * 4
    if not 20 <= own <= min(end - start, packet[start + 2] << 8 | packet[start + 3]):
        return False
    if not (packet[start + 10] or packet[start + 11]):
        return True
    words = bytes(packet[start : start + own])
    return (256 * sum(words[0::2]) + sum(words[1::2])) % 0xFFFF == 0  # RFC 1071
