# SPDX-License-Identifier: Apache-2.0
"""Finds the flow of a packet: the first with a match that fits it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from joulepath.ioam.settings import Flow
from joulepath.ioam.table.vectors import MAX_CLASSES, MAX_ENTRIES, NONE, Vectors
from joulepath.ioam.wire.link import Octets
from joulepath.ioam.wire.protocols import SCTP, TCP, UDP

PORTS = frozenset({TCP, UDP, SCTP})
"""Protocols with ports, where TCP and UDP have them."""
_MOST = 1 << 14
"""Packets' fields of which the flow is remembered; they are untrusted input."""


MAX_MATCHES = 512
"""Of all flows together."""
MAX_PREFIXES = 65_536
"""Prefixes and ranges of TEIDs of all flows together."""
MAX_OCTETS = 2 << 20
"""Of a `flows_file`."""
_FEW = 2000
"""Prefixes and ranges that are never too much: each makes two classes at most, and TEIDs between two ends 62 blocks."""


def joined(own: tuple[Flow, ...], more: tuple[Flow, ...]) -> tuple[Flow, ...]:
    """Both, in this order. Raises ValueError where a name stands twice or there are too many."""
    taken = {flow.name for flow in own}
    for flow in more:
        if flow.name in taken:
            raise ValueError(f"flows.{flow.name}: is in the configuration, too: give it another name")
    both = own + more
    if mistake := next(too_many(both), None):
        raise ValueError(mistake)
    return both


def too_many(of: tuple[Flow, ...]) -> Iterator[str]:
    """Names each number that is beyond its bound."""
    matches = [match for flow in of for match in flow.matches]
    number = sum(max(1, len(flow.matches)) for flow in of)
    if number > MAX_MATCHES:
        yield f"flows: {len(of)} flows with {number} matches; at most {MAX_MATCHES} matches: join prefixes in one"
    prefixes = sum(len(match.ue) + len(match.remote) + len(match.teid) for match in matches)
    if prefixes > MAX_PREFIXES:
        yield f"flows: {prefixes} prefixes and ranges of TEIDs; at most {MAX_PREFIXES}"
    elif number <= MAX_MATCHES:
        yield from _too_much(of, prefixes)


def _too_much(of: tuple[Flow, ...], prefixes: int) -> Iterator[str]:
    """Names what is beyond the bounds of the tables, which follow from the whole."""
    if prefixes + _other_ranges(of) < _FEW:
        return
    vectors = Vectors(of)
    if (classes := len(vectors.classes.pairs)) > MAX_CLASSES:
        yield f"flows: prefixes and ranges overlap in {classes} ways; at most {MAX_CLASSES}"
    if (entries := vectors.entries) > MAX_ENTRIES:
        yield f"flows: {entries} prefixes and aligned blocks of TEIDs; at most {MAX_ENTRIES}: align the ranges of TEIDs"


def _other_ranges(of: tuple[Flow, ...]) -> int:
    names = ("ports", "ue_ports", "protocol", "dscp", "vlan", "qfi")
    return sum(len(getattr(match, name)) for flow in of for match in flow.matches for name in names)


class Carrier(NamedTuple):
    """The fields of what carries the counted packet; NONE for what it does not have."""

    vlan: int = NONE
    teid: int = NONE
    qfi: int = NONE


class FlowFinder:
    """Knows the flows; false without any."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        self._vectors = Vectors(flows)
        self._names = [flows[number].name for number in self._vectors.flows]
        self._by_shift = {version: _by_shift(self._vectors, version) for version in (4, 6)}
        self._known: dict[tuple[object, ...], str | None] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def find(  # noqa: PLR0917  # called once per packet
        self, packet: Octets, start: int, end: int, protocol: int, position: int, carrier: Carrier
    ) -> str | None:
        """The flow of the IP packet packet[start:end], with `protocol` from `position` on; None without one."""
        if packet[start] >> 4 == 4:
            addresses = packet[start + 12 : start + 20]
            dscp = packet[start + 1] >> 2
        else:
            addresses = packet[start + 8 : start + 40]
            dscp = (packet[start] << 8 | packet[start + 1]) >> 6 & 0x3F
        ports = None
        if protocol in PORTS and position + 4 <= end:
            ports = packet[position : position + 4]
        key = bytes(addresses), protocol, None if ports is None else bytes(ports), dscp, carrier
        try:
            return self._known[key]
        except KeyError:
            if len(self._known) >= _MOST:
                self._known.clear()
            return self._known.setdefault(key, self._find(*key))

    def _find(  # the key's parts
        self, addresses: bytes, protocol: int, ports: bytes | None, dscp: int, carrier: Carrier
    ) -> str | None:
        vectors = self._vectors
        pairs = vectors.classes.pairs
        both = vectors.classes.every
        for field, value in (
            (vectors.protocol, protocol),
            (vectors.dscp, dscp),
            (vectors.vlan, carrier.vlan),
            (vectors.teid, carrier.teid),
            (vectors.qfi, carrier.qfi),
        ):
            both &= pairs[field.of(value)][0]
        both &= pairs[vectors.no_cgroup][0]
        half = len(addresses) // 2
        source, destination = pairs[self._address(addresses[:half])], pairs[self._address(addresses[half:])]
        source_port = destination_port = pairs[vectors.port.none]
        if ports is not None:
            source_port = pairs[vectors.port.of(ports[0] << 8 | ports[1])]
            destination_port = pairs[vectors.port.of(ports[2] << 8 | ports[3])]
        sent = source[0] & destination[1] & source_port[0] & destination_port[1]
        got = source[1] & destination[0] & source_port[1] & destination_port[0]
        fitting = both & (sent | got)
        return self._names[(fitting & -fitting).bit_length() - 1] if fitting else None

    def _address(self, address: bytes) -> int:
        """The class of an address: that of the longest prefix that holds it."""
        number = int.from_bytes(address)
        for shift, classes in self._by_shift[4 if len(address) == 4 else 6]:
            found = classes.get(number >> shift)
            if found is not None:
                return found
        return self._vectors.no_address


def _by_shift(vectors: Vectors, version: int) -> list[tuple[int, dict[int, int]]]:
    """For each prefix length, the longest first: the bits to shift away, and the classes by the numbers left."""
    by_shift: dict[int, dict[int, int]] = {}
    for network, number in vectors.addresses.items():
        if network.version == version:
            shift = network.max_prefixlen - network.prefixlen
            by_shift.setdefault(shift, {})[int(network.network_address) >> shift] = number
    return sorted(by_shift.items())
