# SPDX-License-Identifier: Apache-2.0
"""Finds the PFCP datagram in a captured IP packet."""

from typing import NamedTuple

from joulepath.ioam.wire.headers import transport
from joulepath.ioam.wire.link import Octets
from joulepath.ioam.wire.protocols import UDP
from joulepath.pfcp.sessions.tracker import Datagram
from joulepath.pfcp.wire.message import PORT
from joulepath.pfcp.wire.reasons import CUT_OFF, FRAGMENT


class _Ip(NamedTuple):
    source: bytes
    target: bytes
    protocol: int
    position: int
    """Where that begins."""
    fragment: bool


def datagram(packet: Octets, start: int, end: int) -> Datagram | str | None:
    """The datagram in the IP packet of packet[start:end]; one of REASONS where it is not whole, None for another."""
    ip = _header(packet, start, end)
    if ip is None or ip.protocol != UDP or ip.position + 8 > end:
        return None
    position = ip.position
    source_port = packet[position] << 8 | packet[position + 1]
    target_port = packet[position + 2] << 8 | packet[position + 3]
    if PORT not in (source_port, target_port):
        return None
    if ip.fragment:
        return FRAGMENT
    behind = position + (packet[position + 4] << 8 | packet[position + 5])
    if not position + 8 <= behind <= end:
        return CUT_OFF
    return Datagram(ip.source, source_port, ip.target, target_port, bytes(packet[position + 8 : behind]))


def _header(packet: Octets, start: int, end: int) -> _Ip | None:
    version = packet[start] >> 4 if start < end else 0
    if version == 4 and end - start >= 20:
        offset = packet[start + 6] << 8 | packet[start + 7]
        # Only the first fragment begins with a UDP header.
        position = end if offset & 0x1FFF else start + (packet[start] & 15) * 4
        source, target = bytes(packet[start + 12 : start + 16]), bytes(packet[start + 16 : start + 20])
        return _Ip(source, target, packet[start + 9], position, bool(offset & 0x2000))
    if version == 6 and end - start >= 40:
        protocol, position, fragment = transport(packet, start + 40, end, packet[start + 6])
        source, target = bytes(packet[start + 8 : start + 24]), bytes(packet[start + 24 : start + 40])
        return _Ip(source, target, protocol, position, fragment)
    return None
