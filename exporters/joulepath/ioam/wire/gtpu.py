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
_PDU_SESSION_CONTAINER = 0x85  # TS 29.281, clause 5.2.1
_MOST_PDU_TYPE, _QFI = 1, 0x3F  # PDU types 0 and 1 have a QFI in their second octet: TS 38.415, clause 5.5.2


def payload(packet: Octets, start: int, end: int) -> tuple[int, int, int]:
    """Where the user's packet begins in the UDP payload packet[start:end] (or SIGNALLING, FOREIGN), TEID and QFI.

    The QFI is that of the PDU session container, of the last where there are several; -1 without one. Raises
    decode.Malformed.
    """
    if start + 8 > end:
        raise decode.Malformed(decode.GTPU_HEADER)
    flags = packet[start]
    if flags >> 4 != 3:  # version 1, protocol type GTP
        return FOREIGN, 0, -1
    teid: int = _TEID.unpack_from(packet, start + 4)[0]
    if packet[start + 1] != _G_PDU:
        return SIGNALLING, teid, -1
    position, qfi = start + 8, -1
    if flags & _ANY_OPTIONAL:
        position += 4
        if flags & _EXTENSION:
            position, qfi = _behind_extensions(packet, position, end)
    if position > end:
        raise decode.Malformed(decode.GTPU_HEADER)
    return position, teid, qfi


def answers(packet: Octets, start: int, end: int, stop: int) -> bool:
    """Whether the UDP payload packet[start:stop], captured up to `end`, is an answer of the tunnel's other end."""
    if start + 8 > end or packet[start] >> 4 != 3 or packet[start + 1] not in _ANSWERS:
        return False
    return start + 8 + (packet[start + 2] << 8 | packet[start + 3]) == stop


def _behind_extensions(packet: Octets, position: int, end: int) -> tuple[int, int]:
    """The octet before `position`, and the last of each extension header, says which follows. Returns the QFI, too."""
    qfi = -1
    for _ in range(_MAX_EXTENSIONS + 1):
        if position > end:
            break
        kind = packet[position - 1]
        if kind == 0:
            return position, qfi
        if position == end or packet[position] == 0:
            break
        if kind == _PDU_SESSION_CONTAINER and position + 3 <= end and packet[position + 1] >> 4 <= _MOST_PDU_TYPE:
            qfi = packet[position + 2] & _QFI
        position += 4 * packet[position]
    raise decode.Malformed(decode.GTPU_HEADER)
