# SPDX-License-Identifier: Apache-2.0
"""Counts one captured packet: how long it was on the wire, whose it is, which trace it belongs to."""

from typing import NamedTuple

from joulepath.ioam import decode
from joulepath.ioam.classify import Classifier, transport
from joulepath.ioam.counters import NodeCounts, Table

_NO_OPTIONS = decode.Options((), 0)
_HOP_BY_HOP = 0


class Segments(NamedTuple):
    """How the kernel's one large packet (GSO, GRO) was or will be cut for the wire."""

    size: int
    """Payload octets of each packet on the wire but the last."""
    tcp: bool
    transport: int
    """Offset of the transport header to repeat, -1 where unknown."""


class PacketCounter:
    """Counts IP packets into the table. Whoever calls it holds the table's lock."""

    def __init__(self, table: Table, classifier: Classifier) -> None:
        self._table = table
        self._classifier = classifier

    def count(
        self,
        at: NodeCounts,
        packet: bytearray,
        start: int,
        end: int,
        length: int,
        *,
        path: bool = False,
        segments: Segments | None = None,
    ) -> None:
        """Counts the IP packet at packet[start:end], of which `length` octets were there when it was captured.

        The capture may keep fewer (`end`), and Ethernet may have padded it to more: the IP header knows its length.
        """
        options = _NO_OPTIONS
        version = packet[start] >> 4 if start < end else 0
        if version == 6 and end - start >= 40:
            octets = 40 + (packet[start + 4] << 8 | packet[start + 5])
            # Above 64 KiB (BIG TCP) the kernel's own packets have a length of 0.
            octets = length if segments and octets == 40 else min(octets, length)
            protocol = packet[start + 6]
            position = start + 40
            if protocol == _HOP_BY_HOP:
                stop = position + 8 + packet[position + 1] * 8 if position + 2 <= end else end + 1
                if stop > min(end, start + octets):
                    self._table.error(decode.TRUNCATED)
                else:
                    try:
                        options = decode.options(bytes(packet[position:stop]))
                    except decode.Malformed as fault:
                        self._table.error(fault.reason)
                    protocol, position = packet[position], stop
        elif version == 4 and end - start >= 20:
            octets = packet[start + 2] << 8 | packet[start + 3]
            octets = length if segments and octets == 0 else min(octets, length)
            # Only the first fragment begins with a transport header.
            first = not (packet[start + 6] & 0x1F or packet[start + 7])
            protocol = packet[start + 9]
            position = start + (packet[start] & 0x0F) * 4 if first else end
        else:
            self._table.error(decode.IP_HEADER)
            return
        packets = 1
        if segments:
            packets, octets = on_the_wire(packet, start, end, octets, segments)
        if self._classifier.other(packet, start, end, protocol, position):
            at.other.packets += packets
            at.other.octets += octets
            return
        at.user.packets += packets
        at.user.octets += octets
        if options.traces:
            self._table.traced(at, options, packets, octets, path=path)


def on_the_wire(packet: bytearray, start: int, end: int, octets: int, segments: Segments) -> tuple[int, int]:
    """Packets and IP octets that a large packet of `octets` octets is on the wire: each repeats the headers."""
    position = segments.transport
    jumbo = 0
    if packet[start] >> 4 == 6:
        walked = transport(packet, start + 40, end, packet[start + 6])[1]
        position = walked if position < 0 else position
        # The kernel marks its own packets above 64 KiB by a jumbo payload option, which never reaches the wire.
        if packet[start + 4 : start + 7] == b"\0\0\0" and end > start + 42 and packet[start + 42] == 0xC2:
            jumbo = 8
    elif position < 0:
        position = start + (packet[start] & 0x0F) * 4
    if segments.tcp:
        headers = position - start + ((packet[position + 12] >> 4) * 4 if position + 12 < end else 20)
    else:
        headers = position - start + 8
    packets = max(1, -(-(octets - headers) // segments.size))
    return packets, octets - jumbo + (packets - 1) * (headers - jumbo)
