# SPDX-License-Identifier: Apache-2.0
"""When a BMC's tree is surveyed again, and what stays of the survey before."""

from collections.abc import Awaitable, Callable, Iterable

from joulepath.bmc.redfish_items import Item
from joulepath.bmc.redfish_survey import Layout

SURVEY_SECONDS = 3600.0
"""The tree is read again after so long."""
RESURVEY_SECONDS = 60.0
"""It is read again no sooner than that where a part of it was silent, and then after twice as long each time."""
INCOMPLETE_SECONDS = 600.0
"""So long at most."""


class Layouts:
    """The layout of one BMC. An incomplete survey adds to it and takes nothing away; a complete one replaces it."""

    def __init__(self, survey: Callable[[], Awaitable[Layout]], clock: Callable[[], float]) -> None:
        self._survey = survey
        self._clock = clock
        self._layout: Layout | None = None
        self._surveyed = 0.0
        self._wait = RESURVEY_SECONDS

    async def current(self, *, silent: bool) -> tuple[Layout, bool]:
        """The layout, and whether it was read anew. `silent`: a part of it gives no reading."""
        before = self._layout
        if before is not None and not self._is_due(before, silent):
            return before, False
        found = await self._survey()
        well = found.complete and not silent
        self._wait = RESURVEY_SECONDS if well or before is None else min(2 * self._wait, INCOMPLETE_SECONDS)
        self._layout = found if found.complete or before is None else _joined(before, found)
        self._surveyed = self._clock()
        return self._layout, True

    def _is_due(self, layout: Layout, silent: bool) -> bool:
        age = self._clock() - self._surveyed
        return age >= (self._wait if silent or not layout.complete else SURVEY_SECONDS)


def _joined(before: Layout, found: Layout) -> Layout:
    """What was found before is still there; a chassis of which more is known now is read as it is now."""
    old, new = _by_chassis(before.items), _by_chassis(found.items)
    newer = {name for name in new if len(new[name]) > len(old.get(name, ())) and not before.complete}
    newer |= new.keys() - old.keys()

    def of(name: str) -> Layout:
        return found if name in newer else before

    feeds = before.feeds.keys() | found.feeds.keys()
    names = [*before.boxes, *(name for name in found.boxes if name not in before.boxes)]
    return Layout(
        boxes={name: of(name).boxes[name] for name in names},
        items=tuple(item for name in names for item in (new if name in newer else old).get(name, ())),
        supplies={name: of(name).supplies[name] for name in names if name in of(name).supplies},
        feeds={part: of(part.chassis).feeds[part] for part in feeds if part in of(part.chassis).feeds},
        serials={**found.serials, **before.serials},
        reports=found.reports if found.reports.by_place else before.reports,
        states={name: of(name).states[name] for name in names if name in of(name).states},
        unread=found.unread,
        equipment=before.equipment or found.equipment,
    )


def _by_chassis(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.chassis, []).append(item)
    return found
