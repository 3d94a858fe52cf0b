# SPDX-License-Identifier: Apache-2.0
"""Offsets of time zones in PromQL, which itself has UTC only: now, and of a moment that local clocks show."""

from joulepath_topology.clocks import Change, Clock


def local(zone: Clock, ago: int) -> str:
    """Seconds since 1970 as the clocks of the zone showed them so many seconds ago."""
    now = _vector(zone.new_year - ago)
    return now + "".join(_shift(each, _past(each, _vector(zone.standard - ago - each.second))) for each in zone.changes)


def utc(zone: Clock, shown: str) -> str:
    """The Unix time at which the clocks of the zone show `shown`, a vector: the first one, if they show it twice.

    Of a time that they leave out it is the moment at which they leave it out.
    """
    if not zone.changes:
        return _plus(shown, -zone.standard)
    offset = "".join(_shift(each, _past(each, _plus(shown, -abs(each.shift) - each.second))) for each in zone.changes)
    return f"{_plus(shown, -zone.new_year)} - ({offset.strip().removeprefix('+ ')})"


def _shift(change: Change, past: str) -> str:
    return f"\n{'+' if change.shift > 0 else '-'} {abs(change.shift)} * {past}"


def _past(change: Change, moment: str) -> str:
    """1 from the change until the end of the year, 0 before it; `moment` is standard time, less the change's second.

    The day of the change is the first such weekday from `first_day` on, so it is past when the last such weekday is
    at or after `first_day`.
    """
    weekday = f"(day_of_week({moment}) + {7 - change.weekday}) % 7" if change.weekday else f"day_of_week({moment})"
    return (
        f"((month({moment}) > bool {change.month})\n  + (month({moment}) == bool {change.month})"
        f" * (day_of_month({moment}) - {weekday} >= bool {change.first_day}))"
    )


def _plus(vector: str, seconds: int) -> str:
    return f"{vector} {'+' if seconds >= 0 else '-'} {abs(seconds)}" if seconds else vector


def _vector(seconds: int) -> str:
    return f"vector({_plus('time()', seconds)})"
