# SPDX-License-Identifier: Apache-2.0
"""The header of a PFCP message (TS 29.244, 7.2.2), and the messages of one datagram (5.5, bundling)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from joulepath.pfcp.wire.reasons import HEADER, VERSION, Malformed

PORT = 8805
"""UDP, IANA."""

HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE = 1, 2
ASSOCIATION_SETUP_REQUEST, ASSOCIATION_SETUP_RESPONSE = 5, 6
ASSOCIATION_RELEASE_REQUEST, ASSOCIATION_RELEASE_RESPONSE = 9, 10
ESTABLISHMENT_REQUEST, ESTABLISHMENT_RESPONSE = 50, 51
MODIFICATION_REQUEST, MODIFICATION_RESPONSE = 52, 53
DELETION_REQUEST, DELETION_RESPONSE = 54, 55
REPORT_REQUEST, REPORT_RESPONSE = 56, 57

TYPES = {
    HEARTBEAT_REQUEST: "heartbeat_request",
    HEARTBEAT_RESPONSE: "heartbeat_response",
    3: "pfd_management_request",
    4: "pfd_management_response",
    ASSOCIATION_SETUP_REQUEST: "association_setup_request",
    ASSOCIATION_SETUP_RESPONSE: "association_setup_response",
    7: "association_update_request",
    8: "association_update_response",
    ASSOCIATION_RELEASE_REQUEST: "association_release_request",
    ASSOCIATION_RELEASE_RESPONSE: "association_release_response",
    11: "version_not_supported_response",
    12: "node_report_request",
    13: "node_report_response",
    14: "session_set_deletion_request",
    15: "session_set_deletion_response",
    16: "session_set_modification_request",
    17: "session_set_modification_response",
    ESTABLISHMENT_REQUEST: "session_establishment_request",
    ESTABLISHMENT_RESPONSE: "session_establishment_response",
    MODIFICATION_REQUEST: "session_modification_request",
    MODIFICATION_RESPONSE: "session_modification_response",
    DELETION_REQUEST: "session_deletion_request",
    DELETION_RESPONSE: "session_deletion_response",
    REPORT_REQUEST: "session_report_request",
    REPORT_RESPONSE: "session_report_response",
}
"""Messages by their type (7.3); those of other numbers count as OTHER_TYPE."""
OTHER_TYPE = "other"

_START = struct.Struct(">BBH")
_SEID = struct.Struct(">Q")
_HAS_SEID, _FOLLOWED = 0x01, 0x04


class Message(NamedTuple):
    """The header, and where the elements are."""

    kind: int
    """Of TYPES, or another number."""
    seid: int
    """The session's endpoint identifier at the receiver; 0 without one."""
    sequence: int
    start: int
    end: int


def messages(octets: bytes) -> Iterator[Message]:
    """The messages of one datagram: one, or several where the FO flag says so. Raises Malformed."""
    position, size, followed = 0, len(octets), True
    while followed:
        if position + 8 > size:
            raise Malformed(HEADER)
        flags, kind, length = _START.unpack_from(octets, position)
        if flags >> 5 != 1:
            raise Malformed(VERSION)
        start, end, seid = position + 4, position + 4 + length, 0
        if flags & _HAS_SEID:
            if length < 12:
                raise Malformed(HEADER)
            (seid,) = _SEID.unpack_from(octets, start) if end <= size else (0,)
            start += 8
        if length < 4 or end > size:
            raise Malformed(HEADER)
        sequence = int.from_bytes(octets[start : start + 3], "big")
        yield Message(kind, seid, sequence, start + 4, end)
        position, followed = end, bool(flags & _FOLLOWED)
