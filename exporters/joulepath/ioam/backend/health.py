# SPDX-License-Identifier: Apache-2.0
"""Compares an interface's own counts of received and sent packets with the packets counted there.

Drivers differ: one counts a large packet (GSO, GRO) once, another the packets that it is on the wire. Those on the wire
are counted here, so the result is never too high. Where the driver counts large packets once, the surplus hides as many
unseen packets.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from joulepath.ioam.backend.statistics import Interfaces, Statistics
from joulepath.ioam.settings import Point, Way

logger = logging.getLogger(__name__)

XDP, PROGRAM_AHEAD = "xdp", "program_ahead"
ARRIVAL_SECONDS = 0.02
"""After this time a received packet has been counted, however busy the processors are."""
_MEMBERS_FRAMES = 16
"""In a second, of all members of a bond: each sends and receives one of LACP (IEEE 802.1AX, fast rate)."""
_LOG_SECONDS = 3600.0
_SHARE = 50
"""One part in so many of an interval's packets may be on their way between the two counters."""


@dataclass
class Gap:
    """The difference of one interface and way from one reading to the next."""

    index: int
    frames: int
    """The interface's counter at the last reading."""
    counted: int
    """Ours, then."""
    blind: bool = False
    """Whether the last packets were not counted, most of them."""
    checked: float = 0.0
    """When, in seconds of the clock."""
    _open: int = 0

    def update(self, index: int, frames: int, counted: int, *, waiting: int = 0, unread: int = 0, kept: int = 0) -> int:
        """How many packets more were not counted, by the counters as they are now; never less than 0.

        At most `waiting` packets are counted here and still wait before the interface's counter. `counted` may be too
        low by `unread`: a large packet counts once until it is decoded. `kept` frames may have
        stayed with the interface's members.
        """
        passed, seen = frames - self.frames, counted - self.counted
        if passed > seen:
            passed -= min(kept, passed - seen)
        again = index != self.index or passed < 0
        self.index, self.frames, self.counted = index, frames, counted
        if again:  # the interface is another one, or its driver began anew
            self._open = 0
            return 0
        # A surplus is credit (drivers may count late), but for no more than one interval and what still waits.
        self._open = max(-max(passed, seen, waiting), self._open + passed - seen)
        on_their_way = (1 + passed // _SHARE if passed else 0) + unread
        unseen = max(0, self._open - on_their_way)
        self._open -= unseen
        if passed or seen:
            self.blind = self._open + unseen > 0 and passed - seen > seen
        return unseen


class Health:
    """The gaps of all points of a source. Checked in one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.unseen: dict[str, int] = {}
        """Packets by interface since the start."""
        self.limits: set[str] = set()
        """Why packets may be missing: XDP, PROGRAM_AHEAD. The caller empties it before each reading."""
        self._clock = clock
        self._said: dict[tuple[str, Way], float] = {}
        self._interfaces = Interfaces()

    def ask(self, names: Iterable[str]) -> dict[str, Statistics]:
        """The interfaces that there are; to be asked before the own counters are read."""
        answers: dict[str, Statistics] = {}
        for name in sorted(set(names)):
            try:
                answer = self._interfaces.ask(name)
            except OSError:
                continue  # without these counters, nothing can be compared
            if answer is not None:
                answers[name] = answer
        if not any(one.queues for one in answers.values()):
            return answers
        try:
            queues = self._interfaces.waiting()
        except OSError:
            return {name: one for name, one in answers.items() if not one.queues}
        return {
            name: one._replace(waiting=max(one.waiting, queues.get(one.number, 0))) for name, one in answers.items()
        }

    def begin(self, point: Point, counted: int) -> Gap:
        """Begins the comparison at a point where counting has begun; `counted` is the point's count so far."""
        self.unseen.setdefault(point.interface, 0)
        now = self.ask([point.interface]).get(point.interface)
        if now is None:
            return Gap(-1, 0, counted)
        return Gap(now.number, _frames(now, point), counted, checked=self._clock())

    def suspects(self, point: Point, gap: Gap, now: Statistics, counted: int, *, unread: int = 0) -> bool:
        """Whether packets are missing, which may be on their way: read the own counters again in ARRIVAL_SECONDS."""
        return self._update(point, replace(gap), now, counted, unread) > 0

    def check(self, point: Point, gap: Gap, now: Statistics, counted: int, *, ahead: int = 0, unread: int = 0) -> None:
        """Compares, where `ahead` programs run before the one that counts; `unread` as for Gap."""
        unseen = self._update(point, gap, now, counted, unread)
        if now.xdp and point.way == "received":
            self.limits.add(XDP)
        if ahead > 0 and (unseen or gap.blind):
            self.limits.add(PROGRAM_AHEAD)
        if not unseen:
            return
        self.unseen[point.interface] += unseen
        key, moment = (point.interface, point.way), self._clock()
        if moment - self._said.get(key, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._said[key] = moment
            logger.warning("%s: %d packets %s were not counted: %s", *key[:1], unseen, point.way, _cause(now, ahead))

    def _update(self, point: Point, gap: Gap, now: Statistics, counted: int, unread: int) -> int:
        waiting, moment = now.waiting if point.way == "sent" else 0, self._clock()
        kept = 1 + int(_MEMBERS_FRAMES * (moment - gap.checked)) if now.bond else 0
        gap.checked = moment
        return gap.update(now.number, _frames(now, point), counted, waiting=waiting, unread=unread, kept=kept)

    def close(self) -> None:
        """Ends asking."""
        self._interfaces.close()


def _frames(now: Statistics, point: Point) -> int:
    return now.received if point.way == "received" else now.sent


def _cause(now: Statistics, ahead: int) -> str:
    if now.xdp:
        return "an XDP program is attached, which takes packets before they can be counted (`ip link show` names it)"
    if ahead > 0:
        return f"tcx programs that run before ours ({ahead}) may end the list (`bpftool net show` names them)"
    return "AF_XDP, an offload to hardware or a packet socket that bypasses the queue takes them past the kernel"
