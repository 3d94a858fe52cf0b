# SPDX-License-Identifier: Apache-2.0
"""Whether the packets of a flow get their trace: a look at the last minute, and a log line for each new reason."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address

from joulepath.tag.program import REASONS, FlowCount, NarrowPath

logger = logging.getLogger(__name__)

SECONDS = 60.0
_MOST_PATHS = 256
"""Log lines for destinations, from start to end."""


class Coverage:
    """Keeps the counts of the last minute. Times are seconds of `clock`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, Mapping[str, FlowCount]]] = deque()
        self._reasons: set[tuple[str, str]] = set()
        self._cuts: int | None = None
        self._paths: set[tuple[IPv6Address, NarrowPath]] = set()

    def add(self, counts: Mapping[str, FlowCount], paths: Mapping[IPv6Address, NarrowPath]) -> None:
        """Takes in the counts of all flows and the paths that are known to be narrow; logs changes."""
        now = self._clock()
        self._seen.append((now, counts))
        while self._seen[0][0] < now - SECONDS:
            self._seen.popleft()
        for name, reason in _met(counts):
            if (name, reason) not in self._reasons:
                self._reasons.add((name, reason))
                logger.warning("flow %s: packets pass without a trace, reason %s: %s", name, reason, REASONS[reason])
        for address, path in paths.items():
            if (address, path) not in self._paths and len(self._paths) < _MOST_PATHS:
                self._paths.add((address, path))
                how = "as a router says" if path.from_router else "as lost packets suggest"
                logger.info("the path to %s carries packets of %d octets at most, %s", address, path.mtu, how)

    def note_header(self, nodes: int, octets: int, *, cuts: bool) -> None:
        """Logs if the trace, with room for this number of nodes, takes octets that video needs; once per number."""
        if cuts and nodes != self._cuts:
            logger.info(
                "datagrams of 1400 octets, as video has, are cut in two: with room for %d nodes the trace takes %d "
                "octets; set `nodes` to fewer",
                nodes,
                octets,
            )
        self._cuts = nodes if cuts else None

    def mostly_tagged(self, name: str, now: FlowCount) -> bool:
        """Whether at least half of the flow's packets in the last minute got a trace; so, too, where it had none."""
        then = self._seen[0][1].get(name) if self._seen else None
        untagged = _untagged(now) - (_untagged(then) if then else 0)
        return untagged <= now.packets - (then.packets if then else 0)


def _met(counts: Mapping[str, FlowCount]) -> Iterator[tuple[str, str]]:
    """Flows and the reasons why packets of theirs passed. A missing id has its own log line."""
    for name, count in counts.items():
        for reason, number in count.untagged.items():
            if number and reason != "no_id":
                yield name, reason


def _untagged(count: FlowCount) -> int:
    """Packets without a trace, except for a missing id: that alone makes the flow not ready."""
    return sum(number for reason, number in count.untagged.items() if reason != "no_id")
