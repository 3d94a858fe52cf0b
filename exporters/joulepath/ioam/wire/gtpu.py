# SPDX-License-Identifier: Apache-2.0
"""GTP-U: the tunnel of N3 and N9 that carries users' packets (3GPP TS 29.281, clause 5)."""

import struct

from joulepath.ioam.wire import decode
from joulepath.ioam.wire.link import Octets

PORT = 2152
SIGNALLING = -1
"""Echo, error indication, end marker: a message of the tunnel, no user's packet."""
FOREIGN = -2
"""No GTP-U of version 1."""

_G_PDU = 255
_ANSWERS = (2, 31)
"""Echo Response, Supported Extension Headers Notification: they go to the port that the request came from."""
_TEID = struct.Struct("!I")
_MAX_EXTENSIONS = 8
_ANY_OPTIONAL, _EXTENSION = 0x07, 0x04  # flags E, S, PN; and E


def payload(packet: Octets, start: int, end: int) -> tuple[int, int]:
    """Where the user's packet begins in the UDP payload packet[start:end] (or SIGNALLING, FOREIGN), and the TEID.

    Raises decode.Malformed.
    """
    if start + 8 > end:
        raise decode.Malformed(decode.GTPU_HEADER)
    flags = packet[start]
    if flags >> 4 != 3:  # version 1, protocol type GTP
        return FOREIGN, 0
    teid: int = _TEID.unpack_from(packet, start + 4)[0]
    if packet[start + 1] != _G_PDU:
        return SIGNALLING, teid
    position = start + 8
    if flags & _ANY_OPTIONAL:
        position += 4
        if flags & _EXTENSION:
            position = _behind_extensions(packet, position, end)
    if position > end:
        raise decode.Malformed(decode.GTPU_HEADER)
    return position, teid


def answers(packet: Octets, start: int, end: int, stop: int) -> bool:
    """Whether the UDP payload packet[start:stop], captured up to `end`, is an answer of the tunnel's other end."""
    if start + 8 > end or packet[start] >> 4 != 3 or packet[start + 1] not in _ANSWERS:
        return False
    return start + 8 + (packet[start + 2] << 8 | packet[start + 3]) == stop


def _behind_extensions(packet: Octets, position: int, end: int) -> int:
    """The octet before `position`, and the last of each extension header, says whether one more follows."""
    for _ in range(_MAX_EXTENSIONS + 1):
        if position > end:
            break
        if packet[position - 1] == 0:
            return position
        if position == end or packet[position] == 0:
            break
        position += 4 * packet[position]
    raise decode.Malformed(decode.GTPU_HEADER)
