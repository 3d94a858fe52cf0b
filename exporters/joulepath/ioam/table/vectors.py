# SPDX-License-Identifier: Apache-2.0
"""Bit vectors that find the first flow of a packet at a cost that does not grow with their number.

Each value of a field has a class: the matches that it fits, one bit each, the first match lowest. The classes of all
fields of a packet and-ed are its matches. A match holds in both directions: the user is the source or the destination.
So a class has two vectors: the matches that the value fits on the user's side, and on the other end's.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from joulepath.ioam.settings import Flow, Match

Network = IPv4Network | IPv6Network
NONE = -1
"""The value of a field that a packet does not have."""
MAX_CLASSES = 8192
"""Ways in which the matches' prefixes and ranges may overlap."""
MAX_ENTRIES = 1 << 18
"""Prefixes of addresses, and aligned blocks of TEIDs, of all matches together."""
FIELDS = ("address", "port", "protocol", "dscp", "vlan", "teid", "qfi", "cgroup")


class Classes:
    """The classes of all fields: pairs of vectors, of the user's side and of the other end's."""

    def __init__(self, matches: int) -> None:
        """Class 0 fits all matches."""
        self.every = (1 << matches) - 1
        self.pairs = [(self.every, self.every)]
        self._numbers = {self.pairs[0]: 0}

    def number(self, user: int, other: int) -> int:
        """The number of a class."""
        pair = user, other
        if pair not in self._numbers:
            self._numbers[pair] = len(self.pairs)
            self.pairs.append(pair)
        return self._numbers[pair]


@dataclass(frozen=True)
class Intervals:
    """The classes of a field of numbers: from each start on, up to the next."""

    starts: Sequence[int]
    classes: Sequence[int]
    none: int
    """The class of packets without the field."""

    def of(self, value: int) -> int:
        """The class of a value, or of NONE."""
        return self.none if value < 0 else self.classes[bisect_right(self.starts, value) - 1]


class Vectors:
    """The classes of the flows' fields."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        self.matches = [match for flow in flows for match in flow.matches]
        self.flows = [number for number, flow in enumerate(flows) for _ in flow.matches]
        """The flow of each match."""
        self.classes = Classes(len(self.matches))
        self.port = self._intervals(lambda match: match.ue_ports, lambda match: match.ports)
        self.protocol = self._both(lambda match: match.protocol)
        self.dscp = self._both(lambda match: match.dscp)
        self.vlan = self._both(lambda match: match.vlan)
        self.teid = self._both(lambda match: match.teid)
        self.qfi = self._both(lambda match: match.qfi)
        self.addresses, self.no_address = self._addresses()
        self.cgroups, self.no_cgroup = self._cgroups()
        self.used = {
            name
            for name, used in (
                ("address", lambda match: match.ue or match.remote),
                ("port", lambda match: match.ue_ports or match.ports),
                *((name, lambda match, name=name: getattr(match, name)) for name in FIELDS[2:]),
            )
            if any(map(used, self.matches))
        }

    @property
    def entries(self) -> int:
        """Prefixes of addresses and aligned blocks of TEIDs that have a class of their own."""
        return len(self.addresses) + sum(_blocks(start, stop) for start, stop, _ in self.teids())

    def teids(self) -> Iterator[tuple[int, int, int]]:
        """Ranges of TEIDs that some match names, as start, stop and class."""
        starts = self.teid.starts
        for start, stop, number in zip(starts, [*starts[1:], 1 << 32], self.teid.classes, strict=True):
            if number != self.teid.none and start < stop:
                yield start, stop, number

    def _both(self, ranges: Callable[[Match], tuple[range, ...]]) -> Intervals:
        """Of a field that is not of one side."""
        return self._intervals(ranges, ranges)

    def _intervals(
        self, user: Callable[[Match], tuple[range, ...]], other: Callable[[Match], tuple[range, ...]]
    ) -> Intervals:
        changes: dict[int, list[int]] = {0: [0, 0]}
        free = [0, 0]
        for side, ranges in enumerate((user, other)):
            for bit, match in enumerate(self.matches):
                if not ranges(match):
                    free[side] |= 1 << bit
                for start, stop in _merged(ranges(match)):
                    for position in (start, stop):
                        changes.setdefault(position, [0, 0])[side] ^= 1 << bit
        now, starts, classes = list(free), list[int](), list[int]()
        for position in sorted(changes):
            now = [vector ^ change for vector, change in zip(now, changes[position], strict=True)]
            number = self.classes.number(*now)
            if not classes or classes[-1] != number:
                starts.append(position)
                classes.append(number)
        return Intervals(starts, classes, self.classes.number(*free))

    def _addresses(self) -> tuple[dict[Network, int], int]:
        """The class of each prefix, in which shorter ones count, and that of all other addresses."""
        free, vectors = [0, 0], dict[Network, list[int]]()
        for bit, match in enumerate(self.matches):
            for side, networks in enumerate((match.ue, match.remote)):
                if not networks:
                    free[side] |= 1 << bit
                for network in networks:
                    vectors.setdefault(network, [0, 0])[side] |= 1 << bit
        found, above = dict[Network, int](), list[tuple[Network, list[int]]]()
        for network in sorted(vectors, key=lambda one: (one.version, int(one.network_address), one.prefixlen)):
            while above and not _holds(above[-1][0], network):
                above.pop()
            over = above[-1][1] if above else free
            whole = [own | more for own, more in zip(vectors[network], over, strict=True)]
            above.append((network, whole))
            found[network] = self.classes.number(*whole)
        return found, self.classes.number(*free)

    def _cgroups(self) -> tuple[dict[str, int], int]:
        """The class of each folder, in which only its own matches count, and that of a sender in no such folder."""
        vectors, free = dict[str, int](), 0
        for bit, match in enumerate(self.matches):
            if match.cgroup:
                vectors[match.cgroup] = vectors.get(match.cgroup, 0) | 1 << bit
            else:
                free |= 1 << bit
        number = self.classes.number
        return {name: number(vector, vector) for name, vector in vectors.items()}, number(free, free)


def _merged(ranges: Iterable[range]) -> list[tuple[int, int]]:
    """The ranges as (start, stop), of which none touch."""
    merged: list[tuple[int, int]] = []
    for one in sorted(ranges, key=lambda one: one.start):
        if merged and one.start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], one.stop)
        else:
            merged.append((one.start, one.stop))
    return merged


def _holds(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # of one version


def _blocks(start: int, stop: int) -> int:
    """How many aligned blocks, of 1, 2, 4 ... numbers, a range consists of; it is not empty."""
    middle = stop >> (bits := (start ^ stop).bit_length() - 1) << bits
    return (middle - start).bit_count() + (stop - middle).bit_count()
