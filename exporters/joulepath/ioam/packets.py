# SPDX-License-Identifier: Apache-2.0
"""Counts one captured packet: how long it was on the wire, whose it is, which trace it belongs to.

Counted is the IP packet that carries a trace, the outermost of them; where none does, the innermost that is reached
through GTP-U and IPv6-in-IPv6. Fragments of a tunnel's packets are not looked into.
"""

from joulepath.ioam import decode, gtpu
from joulepath.ioam.classify import Classifier
from joulepath.ioam.counters import Table
from joulepath.ioam.counts import NodeCounts
from joulepath.ioam.directions import Directions
from joulepath.ioam.headers import IPV6, UDP, Header, header
from joulepath.ioam.link import Octets
from joulepath.ioam.memo import Memo
from joulepath.ioam.segments import Segments, on_the_wire, pieces

_MAX_TUNNELS = 3
_GTPU_PORT = gtpu.PORT


class PacketCounter:
    """Counts IP packets into the table. Whoever calls it holds the table's lock."""

    def __init__(self, table: Table, classifier: Classifier, clt: frozenset[int] = frozenset()) -> None:
        self._table = table
        self._classifier = classifier
        self._read = Memo(clt).options

    def count(
        self,
        at: NodeCounts | Directions,
        packet: Octets,
        start: int,
        end: int,
        length: int,
        *,
        path: bool = False,
        segments: Segments | None = None,
    ) -> None:
        """Counts the IP packet at packet[start:end], of which `length` octets were there when it was captured.

        A tunnel's large packet is counted piece by piece: each may hold another user's packet.
        """
        found = header(packet, start, end, length, self._read, segments is not None)
        if found is None:
            self._table.error(decode.IP_HEADER)
            return
        octets, protocol, position, options, fragment, fault = found
        teid, user = -1, True
        carrier = protocol == IPV6 or (protocol == UDP and _to_gtpu(packet, position, end))
        if carrier and not (fragment or fault or options.traces):
            if segments and not segments.tcp and protocol == UDP:
                for piece, on_wire in pieces(packet, start, end, position + 8, segments.size, stop=start + octets):
                    self.count(at, piece, 0, len(piece), on_wire, path=path)
                return
            start, found, teid, user = self._inside(packet, start, end, found)
            octets, protocol, position, options, fragment, fault = found
        if fault:
            self._table.error(fault)
        packets = 1
        if segments:
            packets, octets = on_the_wire(packet, start, end, octets, segments)
        elif options.jumbo and octets > 65535 + 40:
            self._table.jumbograms += 1
        if fragment:
            self._table.fragments += packets
        if isinstance(at, Directions):
            at = at.choose(packet, start, teid)
        if not user or self._classifier.other(packet, start, end, protocol, position):
            at.other.packets += packets
            at.other.octets += octets
            return
        at.user.packets += packets
        at.user.octets += octets
        if options.octets:
            self._table.traced(at, options, packets, octets, path=path)

    def _inside(self, packet: Octets, start: int, end: int, found: Header) -> tuple[int, Header, int, bool]:
        """The packet to count inside tunnels: its offset, its headers, the last TEID (-1), whether it is a user's."""
        teid = -1
        for _ in range(_MAX_TUNNELS):
            octets, protocol, position, options, *_ = found
            if protocol == IPV6:
                inner = position
            elif protocol == UDP and _to_gtpu(packet, position, end):
                try:
                    inner, number = gtpu.payload(packet, position + 8, min(end, start + octets))
                except decode.Malformed as malformed:
                    return start, (octets, protocol, position, options, False, malformed.reason), teid, True
                if inner == gtpu.SIGNALLING:
                    return start, found, number, False
                if inner == gtpu.FOREIGN:
                    break
                teid = number
            else:
                break
            if inner > start + octets:  # the packet says to end before
                break
            within = header(packet, inner, end, start + octets - inner, self._read, False)
            if within is None:
                break
            start, found = inner, within
            _, _, _, options, fragment, fault = found
            if fragment or fault or options.traces:
                break
        return start, found, teid, True


def _to_gtpu(packet: Octets, position: int, end: int) -> bool:
    return position + 8 <= end and packet[position + 2] << 8 | packet[position + 3] == _GTPU_PORT
