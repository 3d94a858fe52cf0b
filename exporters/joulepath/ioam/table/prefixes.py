# SPDX-License-Identifier: Apache-2.0
"""Whether an IP packet's source or destination is within one of many prefixes."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from joulepath.ioam.wire.link import Octets


class Prefixes:
    """Prefixes of IPv4 and IPv6; false if empty."""

    def __init__(self, prefixes: Iterable[IPv4Network | IPv6Network]) -> None:
        networks = list(prefixes)
        self._networks = {version: by_shift(networks, version) for version in (4, 6)}
        self._some = bool(networks)

    def __bool__(self) -> bool:
        return self._some

    def source(self, packet: Octets, start: int) -> bool:
        """Whether the source of the IP packet at `start` is within."""
        return self._contains(packet, start, source=True)

    def destination(self, packet: Octets, start: int) -> bool:
        """Whether its destination is."""
        return self._contains(packet, start, source=False)

    def _contains(self, packet: Octets, start: int, *, source: bool) -> bool:
        version = packet[start] >> 4
        first, octets = (12, 4) if version == 4 else (8, 16)
        first += start if source else start + octets
        address = int.from_bytes(packet[first : first + octets], "big")
        return any(address >> shift in values for shift, values in self._networks[version])


def by_shift(prefixes: Iterable[IPv4Network | IPv6Network], version: int) -> list[tuple[int, frozenset[int]]]:
    """For each prefix length the bits to shift away and the numbers that are left."""
    by_shift: dict[int, set[int]] = {}
    for prefix in prefixes:
        if prefix.version == version:
            shift = prefix.max_prefixlen - prefix.prefixlen
            by_shift.setdefault(shift, set()).add(int(prefix.network_address) >> shift)
    return [(shift, frozenset(values)) for shift, values in by_shift.items()]
