# SPDX-License-Identifier: Apache-2.0
"""Local time in PromQL, which itself has UTC only: a clock for each time zone of a topology, and hours of its week."""

from collections.abc import Iterator, Sequence

from joulepath_rules import zones
from joulepath_rules.rule import Rule
from joulepath_topology import Topology
from joulepath_topology.clocks import clock
from joulepath_topology.hours import DAY, DAYS, Hours
from joulepath_topology.promql import quote

LOCAL = "adapter:local_time:seconds"
"""Seconds since 1970 as the clocks of a time zone showed them half a window ago, the time for which a row stands.

The second of the day is `% 86400`, and the day day_of_week().
"""


def local_times(topology: Topology) -> Iterator[Rule]:
    """The clock of each time zone."""
    named = {site.price.time_zone for site in topology.sites.values() if site.price is not None}
    named |= {supply.time_zone for site in topology.sites.values() for supply in site.supply}
    for zone in sorted(zone for zone in named if zone is not None):
        yield Rule(LOCAL, zones.local(clock(zone), topology.window / 2), {"time_zone": zone})


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
