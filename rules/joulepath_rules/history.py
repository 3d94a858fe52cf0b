# SPDX-License-Identifier: Apache-2.0
"""Energy, CO2 and cost of each closed UTC hour, recorded once: days, months and years are sums of hours.

`history:hour_end_seconds` is the clock of the group: it has a sample only in the first evaluation after an hour closed,
and everything else is recorded in that evaluation. A subquery in steps of an hour evaluates at full UTC hours, whenever
Prometheus evaluates the group.
"""

from collections.abc import Iterable, Iterator

from joulepath_rules import reads
from joulepath_rules.chain import slow
from joulepath_rules.rule import Rule
from joulepath_topology import Topology, promql
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

HOUR = 3600.0

# Prometheus 2 counts a sample on both edges of a range, Prometheus 3 only on the later one: ranges end 1 ms early.
EDGE = 0.001

# The part of an hour that must be known: less is a gap.
LEAST = 0.5

CLOCK = "history:hour_end_seconds"
CLOCKS = {HOUR: CLOCK, HOUR / 2: "history:half_hour_end_seconds", HOUR / 4: "history:quarter_hour_end_seconds"}
"""The clocks of spans that are recorded like hours: those of time zones that are not whole hours from UTC."""

COVERAGE = "application:coverage:ratio:1h"
BY_SITE = "application_site:energy_joules:1h"


def pace(topology: Topology) -> float:
    """The interval of the group, in seconds: an hour is recorded in the first evaluation after it closed."""
    return max(300.0, topology.interval)


def history(topology: Topology, features: frozenset[str]) -> Iterator[Rule]:
    """The rules of the group, the clock first."""
    yield clock(topology, HOUR)
    power, carbon = _own(topology, "application:power_watts"), _own(topology, "application:co2_grams_per_second")
    seconds = f"max by (topology, application) (count_over_time({power}{_hour(topology)})) * {topology.interval:g}"
    yield Rule(COVERAGE, once(topology, f"clamp_max({seconds} / 3600, 1)"))
    yield Rule("application:energy_joules:1h", _integral(topology, power, topology.interval, "topology, application"))
    if "carbon" in features:
        yield Rule(
            "application:co2_grams:1h", _integral(topology, carbon, slow(topology), "topology, application, basis")
        )
        # For `joulepath carbon settle`, which multiplies it with the factors that sources settle later.
        by_site = _own(topology, "application_site:power_watts")
        yield Rule(BY_SITE, _integral(topology, by_site, slow(topology), "topology, application"))
    for name, needed in (("embodied", {"embodied"}), ("sci", {"carbon", "embodied"})):
        if needed <= features:
            grams = _own(topology, f"application:{name}_grams_per_second")
            yield Rule(
                f"application:{name}_grams:1h", _integral(topology, grams, slow(topology), "topology, application")
            )
    if "money" in features:
        # The rows of an application are there together, in all currencies: one that is absent then was 0.
        cost = _own(topology, "application:cost_per_hour")
        yield Rule("application:cost:1h", _integral(topology, cost, slow(topology), "topology, application", 1))


def clock(topology: Topology, span: float) -> Rule:
    """When a span of so many seconds ended; a sample only in the evaluation that records it."""
    name = CLOCKS[span]
    closed = f"floor(vector((time() - {_grace(topology):g}) / {span:g})) * {span:g}"
    before = f"last_over_time({_own(topology, name)}[{duration(2 * span)}])"
    return Rule(name, f"{closed}\nunless on () ({before} == on () {closed})")


def closes_after(topology: Topology) -> float:
    """Seconds after the end of an hour until it is closed, and may be recorded."""
    return _grace(topology)


def recorded(
    topology: Topology, series: str, function: str, spans: int, ahead: int, *, span: float = HOUR, later: float = 0
) -> str:
    """In a subquery: what was recorded of so many hours, the last of which ends `ahead` hours after the step.

    With a span of less than an hour, of so many of these; `later` is how many seconds all of it is moved.
    """
    offset = duration((ahead + 1) * span + _grace(topology) + later - EDGE)
    return f"{function}_over_time({series}[{duration(spans * span)}] offset -{offset})"


def _own(topology: Topology, name: str) -> str:
    return reads.selector(topology, name, "")


def at_hour(expr: str, ago: float, span: float = HOUR) -> str:
    """The expression as it was at the last full UTC hour, or span, seen from `ago` seconds before now."""
    return f"last_over_time(({expr})[{duration(span - EDGE)}:{duration(span)}] offset {duration(ago)})"


def any_of(names: Iterable[str]) -> str:
    """A regular expression, quoted, that matches exactly these names."""
    return quote("|".join(promql.literal(name) for name in sorted(set(names))))


def _grace(topology: Topology) -> float:
    """How long after its end an hour is closed: its last rows look half a window ahead and take a while to come."""
    return topology.window / 2 + slow(topology)


def _hour(topology: Topology) -> str:
    """The range of an hour. A row is the mean of a window, so it stands for the time half a window before."""
    return f"[{duration(HOUR - EDGE)}] offset -{duration(topology.window / 2)}"


def once(topology: Topology, expr: str, span: float = HOUR) -> str:
    """The expression at the end of the hour, or span, that closed, in the evaluation in which the clock says so."""
    return f"{_closed(topology, expr, span)}\nand on () {reads.fresh(topology)(CLOCKS[span], '')}"


def _closed(topology: Topology, expr: str, span: float = HOUR) -> str:
    return at_hour(expr, _grace(topology), span)


def _integral(topology: Topology, series: str, step: float, whole: str, hour_in_unit: float = 3600) -> str:
    """The mean of what was known of the hour, times the hour in the series' unit of time.

    After an hour that was not known at all, times the known time: nothing is charged before the first measurement. A
    part that was absent while others were known was 0.
    """
    hour = _hour(topology)
    counts = f"max by ({whole}) (count_over_time({series}{hour}))"
    mean = f"\n  sum_over_time({series}{hour}) / on ({whole}) group_left ()\n    ({counts} >= {LEAST * HOUR / step:g})"
    coverage = reads.fresh(topology)(COVERAGE, "")
    before = f"present_over_time({series}[1h] offset {duration(HOUR - topology.window / 2)})"
    return (
        f"{hour_in_unit:g} * {_closed(topology, mean)}\n"
        "* on (topology, application) group_left () (\n"
        f"  clamp_min({coverage} and on (topology, application) {_closed(topology, before)}, 1)\n"
        f"  or {coverage})"
    )
