# SPDX-License-Identifier: Apache-2.0
"""Decides when to survey a BMC's tree again, and keeps parts of the survey before."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace

from joulepath.bmc.redfish.service.items import Item
from joulepath.bmc.redfish.survey.layout import BmcLayout
from joulepath.reading.bounds import MAX_ROWS

SURVEY_SECONDS = 3600.0
"""The time after which the tree is read again."""
RESURVEY_SECONDS = 60.0
"""It is read again no sooner than this if a part of it was silent, and then after twice as long each time."""
INCOMPLETE_SECONDS = 600.0
"""The longest time between such surveys."""
FORGET_SECONDS = 3600.0
"""The time for which a chassis that has left the tree is asked; after that it was taken away."""


class Layouts:
    """The layout of one BMC. An incomplete survey adds to it and takes nothing away; a complete one replaces it."""

    def __init__(self, survey: Callable[[], Awaitable[BmcLayout]], clock: Callable[[], float]) -> None:
        self._survey = survey
        self._clock = clock
        self._layout: BmcLayout | None = None
        self._surveyed = 0.0
        self._wait = RESURVEY_SECONDS
        self._lost: dict[str, float] = {}

    async def current(self, *, silent: bool) -> tuple[BmcLayout, bool]:
        """The layout, and whether it was read again. `silent`: a part of it gives no reading."""
        before = self._layout
        if before is not None and not self._is_due(before, silent):
            return before, False
        fresh = await self._survey()
        well = fresh.complete and not silent
        self._wait = RESURVEY_SECONDS if well or before is None else min(2 * self._wait, INCOMPLETE_SECONDS)
        if before is not None:
            fresh = self._with_lost(before, fresh) if fresh.complete else _join(before, fresh, _richer(before, fresh))
        self._layout, self._surveyed = fresh, self._clock()
        return fresh, True

    def _is_due(self, layout: BmcLayout, silent: bool) -> bool:
        age = self._clock() - self._surveyed
        return age >= (self._wait if silent or not layout.complete else SURVEY_SECONDS)

    def _with_lost(self, before: BmcLayout, fresh: BmcLayout) -> BmcLayout:
        """Keeps chassis that `fresh` lacks for a while: a node that restarts may answer 404."""
        now, old = self._clock(), _by_chassis(before.items)
        read = {item.uri for item in fresh.items}
        lost: dict[str, float] = {}
        for name in before.boxes.keys() - fresh.boxes.keys():
            since = self._lost.get(name, now)
            # A resource that is read under another name now is not lost.
            room = len(fresh.boxes) + len(lost) < MAX_ROWS
            if room and now - since < FORGET_SECONDS and not read & {item.uri for item in old.get(name, ())}:
                lost[name] = since
        self._lost = lost
        boxes = {name: box for name, box in before.boxes.items() if name in lost}
        kept = replace(before, boxes=boxes, reports=fresh.reports, equipment=fresh.equipment)
        return _join(kept, fresh, set(fresh.boxes))


def _richer(before: BmcLayout, fresh: BmcLayout) -> set[str]:
    """The chassis for which an incomplete survey found more than the survey before."""
    old, new = _by_chassis(before.items), _by_chassis(fresh.items)
    return {name for name in new if name not in old or (len(new[name]) > len(old[name]) and not before.complete)}


def _join(before: BmcLayout, fresh: BmcLayout, newer: Collection[str]) -> BmcLayout:
    """The chassis of both surveys: those in `newer` as they were found, the others as they were before."""
    old, new = _by_chassis(before.items), _by_chassis(fresh.items)

    def of(name: str) -> BmcLayout:
        return fresh if name in newer else before

    feeds = before.feeds.keys() | fresh.feeds.keys()
    serials = before.serials.keys() | fresh.serials.keys()
    names = [*before.boxes, *(name for name in fresh.boxes if name not in before.boxes)]
    return BmcLayout(
        boxes={name: of(name).boxes[name] for name in names},
        items=tuple(item for name in names for item in (new if name in newer else old).get(name, ())),
        supplies={name: of(name).supplies[name] for name in names if name in of(name).supplies},
        feeds={part: of(part.chassis).feeds[part] for part in feeds if part in of(part.chassis).feeds},
        serials={part: of(part.chassis).serials[part] for part in serials if part in of(part.chassis).serials},
        reports=fresh.reports if fresh.reports.by_place else before.reports,
        states={name: of(name).states[name] for name in names if name in of(name).states},
        awaited={name: of(name).awaited[name] for name in names if name in of(name).awaited},
        unread=fresh.unread,
        equipment=before.equipment or fresh.equipment,
    )


def _by_chassis(items: Iterable[Item]) -> dict[str, list[Item]]:
    by_chassis: dict[str, list[Item]] = {}
    for item in items:
        by_chassis.setdefault(item.chassis, []).append(item)
    return by_chassis
