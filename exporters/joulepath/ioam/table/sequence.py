# SPDX-License-Identifier: Apache-2.0
"""The packets that the sequence numbers of direct export leave out (RFC 9326, section 3.2)."""

from collections import OrderedDict

from joulepath.ioam.table.counts import TraceCount

_WORD = 0xFFFFFFFF
_MAX_GAP = 1 << 16
"""A larger step is a sender that began anew."""


class Sequences:
    """The last number of each flow; of flows beyond `max_flows` the one longest silent is forgotten."""

    def __init__(self, max_flows: int = 4096) -> None:
        self._max_flows = max_flows
        self._next: OrderedDict[tuple[str, int, bytes], int] = OrderedDict()

    def count(self, count: TraceCount, flow: tuple[str, int, bytes], sequence: int) -> None:
        """Counts a packet of a flow: the place where it was seen, its namespace and Flow ID."""
        expected = self._next.get(flow)
        count.missing = max(count.missing, 0)
        if expected is None:
            if len(self._next) >= self._max_flows:
                self._next.popitem(last=False)
        else:
            self._next.move_to_end(flow)
            step = sequence - expected & _WORD
            if step > _WORD - _MAX_GAP:
                count.late += 1
                return
            if step < _MAX_GAP:
                count.missing += step
        self._next[flow] = sequence + 1 & _WORD
