# SPDX-License-Identifier: Apache-2.0
"""Time zones as yearly rules: the offset from UTC and the two changes of a year, which PromQL can then work out.

The time zone database has dates. Almost all zones that change their clocks do so by one rule for all years, such as the
last Sunday of March, so that rules of Prometheus need no dates that run out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import gcd
from zoneinfo import ZoneInfo, available_timezones

from joulepath.meant import did_you_mean

YEARS = 28
"""Years that a rule must hold: after them the days of the week fall on the same dates again."""

NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})
"""Files beside the zones that differ from one machine to the next, or stand for none."""

_WEEK = 7 * 86400


@dataclass(frozen=True)
class Change:
    """The clock changes in `month`, on the first `weekday` (0 is Sunday) from `first_day` on, at `second` of the day.

    Month, day and second are those of standard time, the one with the smallest offset.
    """

    month: int
    first_day: int
    weekday: int
    second: int
    shift: int
    """By how many seconds the clock is moved."""


@dataclass(frozen=True)
class Clock:
    """The offset of local time from UTC, in seconds."""

    standard: int
    """The smallest offset of the year."""
    new_year: int
    """The offset at the beginning of the year."""
    changes: tuple[Change, ...]
    """None, or the two of a year."""

    @property
    def grain(self) -> float:
        """The longest part of an hour, in seconds, at full multiples of which midnights fall in UTC."""
        return float(gcd(3600, self.standard, *(each.shift for each in self.changes)))


@cache
def clock(name: str, year: int | None = None) -> Clock:
    """The yearly rule of a time zone from this year on. Raises ValueError for a zone that has none, or is unknown."""
    try:
        zone = ZoneInfo("" if name in NOT_ZONES else name)
    except (KeyError, ValueError, OSError):
        if not available_timezones():
            raise ValueError("this machine has no time zones: install the package tzdata") from None
        meant = did_you_mean(name, [zone for zone in available_timezones() if "/" in zone])
        cure = meant or ": write one such as Europe/Berlin"
        raise ValueError(f"{name!r} is not a time zone{cure}") from None
    first = datetime.now(UTC).year if year is None else year
    moments = list(_moments(zone, first))
    new_year = _offset(zone, int(datetime(first, 1, 1, tzinfo=UTC).timestamp()) - _WEEK)
    standard = min([new_year, *(after for _, _, after in moments)])
    dated = [(_date(moment, standard), before, after) for moment, before, after in moments]
    by_year = [[each for each in dated if each[0].year == first + number] for number in range(YEARS)]
    regular = {len(each) for each in by_year} in ({0}, {2})
    changes = tuple(_change(column) for column in zip(*by_year, strict=True)) if regular else (None,)
    if None in changes:
        raise ValueError(
            f"{name} does not change its clocks by one rule for all years from {first} on: "
            "write a zone with a fixed offset, such as Etc/GMT-1 for UTC+1"
        )
    return Clock(standard, new_year, tuple(change for change in changes if change is not None))


def _moments(zone: ZoneInfo, first: int) -> Iterator[tuple[int, int, int]]:
    """The changes of the years: when, and the offsets before and after."""
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first, first + YEARS))
    for left, right in pairwise(range(start - _WEEK, end + _WEEK, _WEEK)):
        before, after = _offset(zone, left), _offset(zone, right)
        if before != after:
            low, high = left, right
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            yield high, before, after


def _offset(zone: ZoneInfo, moment: int) -> int:
    offset = datetime.fromtimestamp(moment, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


def _date(moment: int, offset: int) -> datetime:
    return datetime.fromtimestamp(moment + offset, UTC)


def _change(dated: tuple[tuple[datetime, int, int], ...]) -> Change | None:
    """The rule that these changes of consecutive years follow, None where they follow none."""
    shapes = {
        (date.month, date.isoweekday() % 7, date.hour * 3600 + date.minute * 60 + date.second, after - before)
        for date, before, after in dated
    }
    days = {date.day for date, _, _ in dated}
    if len(shapes) != 1 or max(days) - min(days) > 6:
        return None
    ((month, weekday, second, shift),) = shapes
    return Change(month, min(days), weekday, second, shift)
