# SPDX-License-Identifier: Apache-2.0
"""Offsets of time zones in PromQL, which itself has UTC only: now, and of a moment that local clocks show."""

from joulepath_rules.rule import number
from joulepath_topology.clocks import Change, Clock


def local(zone: Clock, ago: float = 0) -> str:
    """Seconds since 1970 as the clocks of the zone showed them so many seconds ago."""
    shown = _vector(zone.new_year - ago)
    return shown + "".join(
        _shift(each, _vector(zone.standard - ago), _vector(zone.standard - ago - each.second)) for each in zone.changes
    )


def utc(zone: Clock, shown: str) -> str:
    """The Unix time at which the clocks of the zone show `shown`, a vector: the first one, if they show it twice.

    Of a time that they leave out it is the moment at which they leave it out.
    """
    if not zone.changes:
        return _plus(shown, -zone.standard)
    # From a change on, clocks show what they did not show before only after as long as they were moved by.
    shifts = (
        _shift(each, _plus(shown, -abs(each.shift)), _plus(shown, -abs(each.shift) - each.second))
        for each in zone.changes
    )
    return f"{_plus(shown, -zone.new_year)} - ({''.join(shifts).strip().removeprefix('+ ')})"


def _shift(change: Change, standard: str, then: str) -> str:
    """The seconds of the change, once it is past: from the change until the end of the year; both in standard time.

    The day of the change is the first such weekday from `first_day` on, so it is past when the last such weekday is
    at or after `first_day`. Until the time of the change it is still the day before: `then` is less by its `second`.
    """
    weekday = f"(day_of_week({then}) + {7 - change.weekday}) % 7" if change.weekday else f"day_of_week({then})"
    sign = "+" if change.shift > 0 else "-"
    return (
        f"\n{sign} {abs(change.shift)} * clamp_max((month({standard}) > bool {change.month})"
        f"\n  + (month({then}) == bool {change.month})"
        f" * (day_of_month({then}) - {weekday} >= bool {change.first_day}), 1)"
    )


def _plus(vector: str, seconds: float) -> str:
    return f"{vector} {'+' if seconds >= 0 else '-'} {number(abs(seconds))}" if seconds else vector


def _vector(seconds: float) -> str:
    return f"vector({_plus('time()', seconds)})"
