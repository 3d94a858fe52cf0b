# SPDX-License-Identifier: Apache-2.0
"""The chassis and enclosures of one BMC from poll to poll: which source each is read from, and which are lost."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from joulepath.bmc.choice.best import Choice
from joulepath.bmc.reading import Box
from joulepath.reading.bounds import Quota

logger = logging.getLogger(__name__)

LOST_POLLS = 3
"""The log reports a chassis after this many polls in a row without power."""


@dataclass
class _Known:
    box: Box
    choice: Choice = field(default_factory=Choice)
    expected: bool = False
    """Whether it has had power, or has a source that is busy."""
    silent_polls: int = 0


class Boxes:
    """The boxes of the BMC `name`, by the name of each. Times are monotonic seconds."""

    def __init__(self, name: str) -> None:
        self._extra = {"target": name}
        self._known: dict[str, _Known] = {}
        self._quota = Quota(name)

    def take_survey(self, boxes: Mapping[str, Box]) -> None:
        """Takes the boxes that a survey found."""
        for name, box in boxes.items():
            self._known.setdefault(name, _Known(box)).box = box
        for name in self._known.keys() - boxes.keys():
            if self._known.pop(name).expected and self._quota.admits():
                logger.warning("%s: has left the BMC's tree", name, extra=self._extra)

    def asks(self, name: str, source: str, now: float) -> bool:
        """Whether the poll at `now` reads this source of a box."""
        return self._known[name].choice.asks(source, now)

    def choose(self, name: str, readings: Mapping[str, float], now: float, busy: Collection[str] = ()) -> str | None:
        """The source of the box's power in this poll, or None. `busy` exist but could not be read now."""
        known = self._known[name]
        before = known.choice.current
        chosen = known.choice.choose(readings, now, busy)
        after = known.choice.current
        if before is not None and after != before and self._quota.admits():
            logger.warning("%s: power is read from %s now, not from %s", name, after, before, extra=self._extra)
        known.expected = known.expected or chosen is not None or bool(busy)
        if chosen is not None and known.silent_polls >= LOST_POLLS and known.expected and self._quota.admits():
            logger.info("%s: has power readings again", name, extra=self._extra)
        known.silent_polls = 0 if chosen is not None else known.silent_polls + 1
        if known.silent_polls == LOST_POLLS and known.expected and self._quota.admits():
            source = before or min(busy, default="a source")
            logger.warning("%s: %s gives no power: no samples until it does", name, source, extra=self._extra)
        return chosen

    @property
    def up(self) -> Mapping[Box, bool]:
        """Whether each box that is expected to have power had some in the last poll."""
        return {known.box: known.silent_polls == 0 for known in self._known.values() if known.expected}
