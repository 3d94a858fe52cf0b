# SPDX-License-Identifier: Apache-2.0
"""How long the packets of each node were counted: the seconds that its counters cover."""

from collections.abc import Iterable, Mapping

from joulepath.ioam.settings import Point


class Measured:
    """By node id, the seconds in which every point of the node was captured.

    Where the capture loses frames, time counts by the share of the frames that were not lost. So packets counted by
    seconds measured is the rate at which packets came. All moments are seconds of one monotonic clock. Whoever uses it
    holds the table's lock.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        """No point is captured yet."""
        self._missing: dict[int, set[Point]] = {}
        for point in points:
            self._missing.setdefault(point.node_id, set()).add(point)
        self._seconds = dict.fromkeys(self._missing, 0.0)
        self._shown = dict(self._seconds)
        self._settled: dict[int, float] = {}
        """Nodes that are captured as a whole, and until when their time is in `_seconds`."""
        self._frames: dict[int, tuple[int, int]] = {}
        """Since then: frames that came, and those of them that were lost."""

    def set(self, point: Point, moment: float, *, captured: bool) -> None:
        """Says whether the point is captured from `moment` on; saying so again changes nothing."""
        if captured:
            self.begin(point, moment)
        else:
            self.end(point, moment)

    def begin(self, point: Point, moment: float) -> None:
        """The point is captured from `moment` on."""
        missing = self._missing[point.node_id]
        missing.discard(point)
        if not missing and point.node_id not in self._settled:
            self._settled[point.node_id] = moment
            self._frames[point.node_id] = (0, 0)

    def end(self, point: Point, moment: float) -> None:
        """The point is not captured any more from `at` on."""
        if point.node_id in self._settled:
            self._settle(point.node_id, moment)
            del self._settled[point.node_id]
        self._missing[point.node_id].add(point)

    def add(self, point: Point, frames: int, lost: int) -> None:
        """Adds the frames that came to a point since the last call, of which so many were lost."""
        if point.node_id in self._settled:
            before, lost_before = self._frames[point.node_id]
            self._frames[point.node_id] = (before + frames, lost_before + lost)

    def seconds(self, moment: float, behind: Mapping[int, float] | None = None) -> dict[int, float]:
        """The seconds of each node until `moment`; never less than the last time.

        Of a node in `behind`, the packets of so many seconds before `moment` still wait to be counted.
        """
        for node_id in self._settled:
            self._settle(node_id, moment)
        for node_id, whole in self._seconds.items():
            counted = whole - (behind or {}).get(node_id, 0.0)
            self._shown[node_id] = max(self._shown[node_id], counted)
        return dict(self._shown)

    def _settle(self, node_id: int, moment: float) -> None:
        step = moment - self._settled[node_id]
        if step <= 0:
            return
        frames, lost = self._frames[node_id]
        self._seconds[node_id] += step * (1 - lost / frames) if frames else step
        self._settled[node_id], self._frames[node_id] = moment, (0, 0)
