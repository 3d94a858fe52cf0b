# SPDX-License-Identifier: Apache-2.0
"""UR-SEQN (TS 29.244, 8.2.71): numbers the usage reports of one URR, so that each counts once and a gap shows."""

from enum import Enum

_WINDOW = 64
_NUMBERS = 1 << 32


class Arrival(Enum):
    """Whether a report counts."""

    NEW = "new"
    DUPLICATE = "duplicate"


class Numbers:
    """The numbers of the reports of one URR so far."""

    __slots__ = ("_highest", "_seen", "missing")

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0
        """Bit N: the report N below the highest was seen."""
        self.missing = 0
        """Reports that were passed over; one that comes late is not taken away again."""

    @property
    def record(self) -> tuple[int, int]:
        """The highest number, -1 without one, and which of the numbers before it were seen."""
        return self._highest, self._seen

    @record.setter
    def record(self, record: tuple[int, int]) -> None:
        self._highest, self._seen = record

    def arrive(self, number: int) -> Arrival:
        """Notes a report."""
        if self._highest < 0:
            self._highest, self._seen = number, 1
            return Arrival.NEW
        ahead = (number - self._highest) % _NUMBERS
        if 0 < ahead < _NUMBERS // 2:
            self.missing += ahead - 1
            self._seen = (self._seen << min(ahead, _WINDOW) | 1) & (1 << _WINDOW) - 1
            self._highest = number
            return Arrival.NEW
        below = -ahead % _NUMBERS
        if below >= _WINDOW or self._seen >> below & 1:
            return Arrival.DUPLICATE
        self._seen |= 1 << below
        return Arrival.NEW
