# SPDX-License-Identifier: Apache-2.0
"""The direction of packets on a mirror port, which sees both: by address or by tunnel."""

from collections.abc import Callable, Iterable

from joulepath.ioam.settings import UNKNOWN_DIRECTION, Point, Rule
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.counts import NodeCounts
from joulepath.ioam.table.prefixes import Prefixes
from joulepath.ioam.wire.link import Octets


class Directions:
    """The counts of each direction of one node; the first rule that fits a packet says which."""

    def __init__(self, rules: Iterable[Rule], node: Callable[[str], NodeCounts]) -> None:
        self._rules = [
            (Prefixes(rule.sources), Prefixes(rule.destinations), rule.teids, node(rule.direction)) for rule in rules
        ]
        self._unknown = node(UNKNOWN_DIRECTION)

    def choose(self, packet: Octets, start: int, teid: int) -> NodeCounts:
        """The counts of the direction of the IP packet at `start`, which came in the tunnel `teid` (-1 for none)."""
        for sources, destinations, teids, counts in self._rules:
            if (
                (sources and sources.source(packet, start))
                or (destinations and destinations.destination(packet, start))
                or any(teid in those for those in teids)
            ):
                return counts
        return self._unknown


def place(table: Table, point: Point) -> NodeCounts | Directions:
    """Where the packets of a point count."""
    if point.rules:
        return Directions(point.rules, lambda direction: table.node(point.node_id, direction))
    return table.node(point.node_id, point.direction)
