# SPDX-License-Identifier: Apache-2.0
"""Counts one captured packet: its length in bytes on the wire, its user class, its trace or its flow.

Counted is the IP packet that carries a trace, the outermost of them; where none does, the innermost that is reached
through GTP-U (of a PDU session of type IP or Ethernet) and IPv6-in-IPv6. Fragments of a tunnel's packets are not looked
into. A probe of active measurement (RFC 9322) is not a user's packet. Only user packets without a configured trace may
have a flow.
"""

from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.counts import NodeCounts
from joulepath.ioam.table.directions import Directions
from joulepath.ioam.table.flows import Carrier
from joulepath.ioam.table.vectors import NONE
from joulepath.ioam.wire import decode, gtpu
from joulepath.ioam.wire.headers import MAX_TUNNELS, Header, header
from joulepath.ioam.wire.inner import SIGNALLING, find_carried
from joulepath.ioam.wire.link import ETHERNET, OTHER_VERSION, REASONS, Octets, vlan_id
from joulepath.ioam.wire.memo import Memo
from joulepath.ioam.wire.protocols import IPV6, UDP
from joulepath.ioam.wire.segments import Segments, on_the_wire, pieces

_GTPU = gtpu.PORT.to_bytes(2, "big")


class PacketCounter:
    """Counts IP packets into the table. Whoever calls it holds the table's lock."""

    def __init__(self, table: Table, classifier: Classifier, clt: frozenset[int] = frozenset()) -> None:
        self._table = table
        self._classifier = classifier
        self._read = Memo(clt).options

    def count(  # noqa: PLR0912  # one pass
        self,
        node: NodeCounts | Directions,
        packet: Octets,
        start: int,
        end: int,
        length: int,
        *,
        path: bool = False,
        segments: Segments | None = None,
        vlan: int = NONE,
    ) -> int:
        """Counts the IP packet at packet[start:end], of which `length` octets were there when it was captured.

        `vlan` is the tag that its frame had nearest to it (link.vlan_id).
        A tunnel's large packet is counted piece by piece: each may hold another user's packet.
        Returns how many packets it is on the wire.
        """
        headers = header(packet, start, end, length, self._read, segments is not None)
        if headers is None:
            self._table.error(decode.IP_HEADER)
            return 1
        octets, protocol, position, options, fragment, fault = headers
        carried, user = Carrier(vlan), True
        carrier = protocol == IPV6 or (
            protocol == UDP
            and position + 8 <= end
            and _GTPU in (packet[position + 2 : position + 4], packet[position : position + 2])
        )
        if carrier and not (fragment or fault or options.traces):
            if segments and _holds_several_messages(packet, start, end, headers):
                cut = list(pieces(packet, start, end, position + 8, segments.size, stop=start + octets))
                for piece, on_wire in cut:
                    self.count(node, piece, 0, len(piece), on_wire, path=path, vlan=vlan)
                return len(cut)
            start, headers, carried, user = self._inside(packet, start, end, headers, carried)
            octets, protocol, position, options, fragment, fault = headers
        if fault:
            self._table.error(fault)
        packets = 1
        if segments:
            packets, octets = on_the_wire(packet, start, end, octets, segments)
        elif options.jumbo and octets > 65535 + 40:
            self._table.jumbograms += 1
        if fragment:
            self._table.fragments += packets
        if isinstance(node, Directions):
            node = node.choose(packet, start, carried.teid)
        if not user or options.active or self._classifier.other(packet, start, end, protocol, position):
            node.other.packets += packets
            node.other.octets += octets
            return packets
        node.user.packets += packets
        node.user.octets += octets
        if options.octets:
            self._table.count_trace(node, options, packets, octets, path=path)
        if self._table.flows and not (options.traces and self._table.is_listed(options)):
            flow = self._table.flows.find(packet, start, end, protocol, position, carried)
            if flow is not None:
                node.flows[flow].add(packets, octets)
        return packets

    def skip(self, code: int) -> None:
        """Counts a frame for which `link.ip_offset` has returned `code`: it has no IP packet to count."""
        if code == OTHER_VERSION:
            self._table.error(decode.IP_HEADER)
        else:
            self._table.skipped[REASONS[code]] += 1

    def _inside(
        self, packet: Octets, start: int, end: int, headers: Header, carrier: Carrier
    ) -> tuple[int, Header, Carrier, bool]:
        """The packet to count inside tunnels: its offset, its headers, what carries it, whether it is a user's."""
        vlan, teid, qfi = carrier
        for _ in range(MAX_TUNNELS):
            octets, protocol, position, options, *_ = headers
            try:
                inner, number, flow, frame = find_carried(packet, protocol, position, end, start + octets)
            except decode.Malformed as malformed:
                headers = octets, protocol, position, options, False, malformed.reason
                break
            if number >= 0:
                teid, qfi = number, flow
            if inner == SIGNALLING:
                return start, headers, Carrier(vlan, teid, qfi), False
            if not 0 <= inner <= start + octets:  # the packet says to end before
                break
            within = header(packet, inner, end, start + octets - inner, self._read, False)
            if within is None:
                break
            if frame >= 0 and inner > frame:
                tag = vlan_id(packet, frame, inner, ETHERNET)
                vlan = tag if tag >= 0 else vlan
            start, headers = inner, within
            _, _, _, options, fragment, fault = headers
            if fragment or fault or options.traces:
                break
        return start, headers, Carrier(vlan, teid, qfi), True


def _holds_several_messages(packet: Octets, start: int, end: int, headers: Header) -> bool:
    """Whether a large packet from or to GTP-U's port is several messages, not one that carries a large packet."""
    octets, protocol, position, *_ = headers
    try:
        return protocol == UDP and find_carried(packet, protocol, position, end, start + octets)[0] < 0
    except decode.Malformed:
        return True
