# SPDX-License-Identifier: Apache-2.0
"""The running periods of budgets: of the calendar in UTC, of the calendar of a time zone, and rolling windows.

Known time is added up from UTC hours, in a time zone that is not whole hours from UTC from their halves or quarters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_rules import reads, zones
from joulepath_rules.history import HOUR
from joulepath_rules.rule import Rule
from joulepath_topology import Topology
from joulepath_topology.budgets import Budget
from joulepath_topology.clocks import clock

ELAPSED = "budget:elapsed_seconds"
START = "budget:start_seconds"
LENGTH = "budget:length_seconds"
SHOWN = "budget:local_seconds"
SHOWN_START = "budget:local_start_seconds"

DAY = 24 * HOUR

# One second back, so that midnight still belongs to the day that ends. 1970 began three days after a Monday.
_ELAPSED = {
    "hour": "vector((time() - 1) % 3600 + 1)",
    "day": "vector((time() - 1) % 86400 + 1)",
    "week": "vector((time() - 1 + 259200) % 604800 + 1)",
    "month": "(day_of_month(vector(time() - 1)) - 1) * 86400 + (time() - 1) % 86400 + 1",
}
_LENGTH = {
    "hour": "vector(3600)",
    "day": "vector(86400)",
    "week": "vector(604800)",
    "month": "days_in_month(vector(time() - 1)) * 86400",
}

# The same of what local clocks show: seconds since the period's first midnight, and until its last one.
_SINCE = {
    "hour": "{now} % 3600",
    "day": "{now} % 86400",
    "week": "({now} + 259200) % 604800",
    "month": "((day_of_month({now}) - 1) * 86400 + {now} % 86400)",
}
_UNTIL = {"day": "86400", "week": "604800", "month": "days_in_month({start}) * 86400"}


@dataclass(frozen=True)
class Period:
    """A kind of period."""

    name: str
    seconds: float
    """The longest that it can be, without a change of the clocks."""
    per: str | None
    """The unit of the calendar; None for a rolling window."""
    zone: str | None

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return {"per": self.name, **({"time_zone": self.zone} if self.zone else {})}

    @property
    def matchers(self) -> dict[str, str]:
        """The labels that select it and none of another time zone."""
        return {"per": self.name, "time_zone": self.zone or ""}

    @property
    def grain(self) -> float:
        """The seconds in which what is known is recorded: an hour, or the part of one at which it may begin."""
        return HOUR if self.zone is None else clock(self.zone).grain

    @property
    def step(self) -> float:
        """The seconds after which its parts are added up, from its beginning on."""
        return DAY if self.per not in {None, "hour"} else self.grain

    @property
    def phases(self) -> tuple[float, ...]:
        """The seconds after full steps of UTC at which it may begin."""
        if self.zone is None or self.step != DAY:
            return (0.0,)
        rule = clock(self.zone)
        offsets = {rule.standard, *(rule.standard + abs(each.shift) for each in rule.changes)}
        return tuple(sorted(-offset % DAY for offset in offsets))

    @property
    def reach(self) -> float:
        """How far back its first step can be; 0 without any closed grain."""
        if not self.closed:
            return 0.0
        return self.seconds + HOUR + (HOUR if self.zone is not None else 0) + max(self.phases)

    @property
    def closed(self) -> bool:
        """Whether closed grains belong to it."""
        return self.seconds > self.grain


def period(budget: Budget) -> Period:
    """The period of a budget."""
    return Period(budget.period, budget.seconds, budget.per, budget.time_zone)


def clocks(topology: Topology, period: Period) -> Iterator[Rule]:
    """Start, elapsed time and length of the running period."""
    labels = period.labels
    if period.per is None:
        yield Rule(ELAPSED, f"vector((time() - 1) % 3600 + {period.seconds - HOUR + 1:g})", labels)
        yield Rule(LENGTH, f"vector({period.seconds:g})", labels)
    elif period.zone is None:
        yield Rule(ELAPSED, _ELAPSED[period.per], labels)
        yield Rule(LENGTH, _LENGTH[period.per], labels)
    else:
        yield from _local(topology, period, period.per, period.zone)
        return
    yield Rule(START, f"time() - {now(topology, period, ELAPSED)}", labels)


def _local(topology: Topology, period: Period, per: str, zone: str) -> Iterator[Rule]:
    labels, rule = period.labels, clock(zone)
    shown, first = now(topology, period, SHOWN), now(topology, period, SHOWN_START)
    yield Rule(SHOWN, zones.local(rule, 1), labels)
    yield Rule(SHOWN_START, f"{shown} - {_SINCE[per].format(now=shown)}", labels)
    yield Rule(START, zones.utc(rule, first), labels)
    start = now(topology, period, START)
    yield Rule(ELAPSED, f"time() - {start}", labels)
    end = f"{first} + {_UNTIL[per].format(start=first)}" if per in _UNTIL else ""
    yield Rule(LENGTH, f"{zones.utc(rule, end)}\n- {start}" if end else "vector(3600)", labels)


def now(topology: Topology, period: Period, series: str) -> str:
    """One of these series, as this evaluation wrote it."""
    return reads.now(reads.selector(topology, series, "", **period.matchers))
