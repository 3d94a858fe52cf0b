# SPDX-License-Identifier: Apache-2.0
"""Decides when to survey a BMC's tree again, and keeps parts of the survey before."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace

from joulepath.bmc.redfish.items import Item
from joulepath.bmc.redfish.survey import BmcLayout
from joulepath.bounds import MAX_ROWS

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
        found = await self._survey()
        well = found.complete and not silent
        self._wait = RESURVEY_SECONDS if well or before is None else min(2 * self._wait, INCOMPLETE_SECONDS)
        if before is not None:
            found = self._with_lost(before, found) if found.complete else _join(before, found, _richer(before, found))
        self._layout, self._surveyed = found, self._clock()
        return found, True

    def _is_due(self, layout: BmcLayout, silent: bool) -> bool:
        age = self._clock() - self._surveyed
        return age >= (self._wait if silent or not layout.complete else SURVEY_SECONDS)

    def _with_lost(self, before: BmcLayout, found: BmcLayout) -> BmcLayout:
        """Keeps chassis that `found` lacks for a while: a node that restarts may answer 404."""
        now, old = self._clock(), _by_chassis(before.items)
        read = {item.uri for item in found.items}
        lost: dict[str, float] = {}
        for name in before.boxes.keys() - found.boxes.keys():
            since = self._lost.get(name, now)
            # A resource that is read under another name now is not lost.
            room = len(found.boxes) + len(lost) < MAX_ROWS
            if room and now - since < FORGET_SECONDS and not read & {item.uri for item in old.get(name, ())}:
                lost[name] = since
        self._lost = lost
        boxes = {name: box for name, box in before.boxes.items() if name in lost}
        kept = replace(before, boxes=boxes, reports=found.reports, equipment=found.equipment)
        return _join(kept, found, set(found.boxes))


def _richer(before: BmcLayout, found: BmcLayout) -> set[str]:
    """The chassis for which an incomplete survey found more than the survey before."""
    old, new = _by_chassis(before.items), _by_chassis(found.items)
    return {name for name in new if name not in old or (len(new[name]) > len(old[name]) and not before.complete)}


def _join(before: BmcLayout, found: BmcLayout, newer: Collection[str]) -> BmcLayout:
    """The chassis of both surveys: those in `newer` as they were found, the others as they were before."""
    old, new = _by_chassis(before.items), _by_chassis(found.items)

    def of(name: str) -> BmcLayout:
        return found if name in newer else before

    feeds = before.feeds.keys() | found.feeds.keys()
    serials = before.serials.keys() | found.serials.keys()
    names = [*before.boxes, *(name for name in found.boxes if name not in before.boxes)]
    return BmcLayout(
        boxes={name: of(name).boxes[name] for name in names},
        items=tuple(item for name in names for item in (new if name in newer else old).get(name, ())),
        supplies={name: of(name).supplies[name] for name in names if name in of(name).supplies},
        feeds={part: of(part.chassis).feeds[part] for part in feeds if part in of(part.chassis).feeds},
        serials={part: of(part.chassis).serials[part] for part in serials if part in of(part.chassis).serials},
        reports=found.reports if found.reports.by_place else before.reports,
        states={name: of(name).states[name] for name in names if name in of(name).states},
        awaited={name: of(name).awaited[name] for name in names if name in of(name).awaited},
        unread=found.unread,
        equipment=before.equipment or found.equipment,
    )


def _by_chassis(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.chassis, []).append(item)
    return found
