# SPDX-License-Identifier: Apache-2.0
"""Local time in PromQL, which itself has UTC only: a clock for each time zone of a topology, and hours of its week."""

from collections.abc import Iterator, Sequence

from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology
from joulepath_topology.clocks import Change, Clock, clock
from joulepath_topology.hours import DAY, DAYS, Hours
from joulepath_topology.promql import quote

LOCAL = "adapter:local_time:seconds"
"""Seconds since 1970 as the clocks of a time zone showed them half a window ago, the time for which a row stands.

The second of the day is `% 86400`, and the day day_of_week().
"""


def local_times(topology: Topology) -> Iterator[Rule]:
    """The clock of each time zone."""
    zones = {site.price.time_zone for site in topology.sites.values() if site.price is not None}
    for zone in sorted(zone for zone in zones if zone is not None):
        yield Rule(LOCAL, seconds(clock(zone), topology.window / 2), {"time_zone": zone})


def seconds(zone: Clock, ago: float = 0) -> str:
    """The seconds of local time so many seconds ago: those of UTC, the offset of new year, and the shift of each change
    that is past."""
    past = (f"\n{'+' if each.shift > 0 else '-'} {abs(each.shift)} * {_past(zone, each, ago)}" for each in zone.changes)
    return f"vector({_time(zone.new_year - ago)})" + "".join(past)


def within(time_zone: str, hours: Hours) -> str:
    """A row while the hours last."""
    local = f"{LOCAL}{{time_zone={quote(time_zone)}}}"
    parts = [_days(local, hours.weekdays)] if len(hours.weekdays) < len(DAYS) else []
    if hours.start:
        parts.append(f"{local} % {DAY} >= {hours.start}")
    if hours.end < DAY:
        parts.append(f"{local} % {DAY} < {hours.end}")
    return " and ".join(parts or [local])


def _days(local: str, days: Sequence[int]) -> str:
    """A row on these days: a comparison for each span of days, of which there are four at most."""
    spans: list[list[int]] = []
    for day in days:
        if spans and spans[-1][1] == day - 1:
            spans[-1][1] = day
        else:
            spans.append([day, day])
    each = [
        f"day_of_week({local}) == {first}" if first == last else f"day_of_week({local}) >= {first} <= {last}"
        for first, last in spans
    ]
    return each[0] if len(each) == 1 else f"({' or '.join(each)})"


def _past(zone: Clock, change: Change, ago: float) -> str:
    """1 from the change until the end of the year, 0 before it; both in standard time.

    The day of the change is the first such weekday from `first_day` on, so it is past when the last such weekday is
    at or after `first_day`. Until the time of the change it is still the day before.
    """
    now, then = (f"vector({_time(zone.standard - back - ago)})" for back in (0, change.second))
    weekday = f"(day_of_week({then}) + {7 - change.weekday}) % 7" if change.weekday else f"day_of_week({then})"
    return (
        f"clamp_max((month({now}) > bool {change.month})"
        f"\n  + (month({then}) == bool {change.month})"
        f" * (day_of_month({then}) - {weekday} >= bool {change.first_day}), 1)"
    )


def _time(offset: float) -> str:
    return f"time() {'+' if offset >= 0 else '-'} {number(abs(offset))}" if offset else "time()"
