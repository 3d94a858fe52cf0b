# SPDX-License-Identifier: Apache-2.0
"""When a query or a foreign counter is believed: PromQL that makes a gap of everything else."""

from dataclasses import dataclass

from joulepath_rules.rule import selector
from joulepath_topology import promql

# The range of a query's result: a value below 0, NaN or Inf (a division by 0) is not an amount, but a gap.
SENSIBLE = ">= 0 < Inf"


@dataclass(frozen=True)
class Amount:
    """An amount as PromQL: as it is believed, and without its guards."""

    believed: str
    plain: str
    reads: tuple[str, ...] = ()
    """The selectors of a query, which may be of another exporter than the whole."""
    there: str = ""
    """A selector that has series only while something is there, where the exporter ends the series of what is gone."""


def whole(counter: str, by: str) -> str:
    """All traffic of a counter in this evaluation, never less than the sum of its parts.

    rate() extrapolates a part that began within the window further than the whole, and the keys of two applications
    may select the same traffic.
    """
    user, parts = (f"adapter:seen:rate{selector(counter=counter, by=by, total=total)}" for total in ("user", ""))
    return f'max(sum({user})\n  or label_replace(sum({parts}), "total", "parts", "", "") and on () {user})'


def recent(*selectors: str) -> str:
    """Accepts a foreign counter only while it has a sample in the newest quarter of the window and one in the older
    half: rates of two scrapes are too coarse for shares."""
    return "".join(
        f"\nand on () group(present_over_time({each}[$quarter]))"
        f"\nand on () group(present_over_time({each}[$half] offset $half))"
        for each in selectors
    )


def counting(*counters: str) -> str:
    """Accepts a foreign counter that restarted only after it has counted again: its rate may be 0 until then."""
    return "".join(
        f"\nunless on () (group(resets({each}[$window]) > 0) and on () sum({each}) == 0)" for each in counters
    )


def steady(*queries: str) -> str:
    """1 while every target of foreign counters is read now and at the window's start, and began before it.

    Such a counter has no twin that says how long it was measured: a rate is low where the first or the last scrape is
    lost, and where an exporter began within the window, or since its last scrape before: rate() does not look back
    beyond a counter's 0.
    """
    selectors = dict.fromkeys(each for expr in queries for each in promql.selectors(expr))
    counters = dict.fromkeys(each for expr in queries for each in promql.counters(expr))
    spoilt = [
        f"group by (instance, job) (present_over_time({each}[$window]))\n"
        f"    unless on (instance, job) (group by (instance, job) ({each})\n"
        f"      and on (instance, job) group by (instance, job) ({each} offset $start)\n"
        f"      and on (instance, job) group by (instance, job) ({each} offset $window))"
        for each in selectors
    ]
    spoilt += [f"group by (instance, job) (resets({each}[$reach]) > 0)" for each in counters]
    joined = "\n  or ".join(spoilt)
    return f"vector(1) unless on () (\n  {joined})"


def guarded(expr: str) -> str:
    """A query beside one of another exporter: two rates that lose scrapes at different times would drift apart."""
    guard = f"\nand on () ({steady(expr)})" if promql.has_range(expr) else ""
    return f"(sum({expr}) {SENSIBLE}{guard})"


def total(rates: str, there: str = "") -> Amount:
    """The sum of an exporter's own rates."""
    return Amount(f"sum({rates})", f"sum({rates})", there=there)


def queried(expr: str) -> Amount:
    """A query beside one of another exporter."""
    return Amount(guarded(expr), f"sum({expr})", tuple(dict.fromkeys(promql.selectors(expr))))


def counted(rate: str, counter: str) -> Amount:
    """A rate of a foreign counter, the whole for shares of it."""
    return Amount(f"{rate}{recent(counter)}{counting(counter)}", rate, there=counter)


def lasting(component: str, *selectors: str) -> str:
    """Accepts the traffic of a component that moves while it was read for half of the time in which that worked.

    The counters of a model that is scaled to none end with it, and begin with its first replica.
    """
    working = f"max(adapter:working:ratio{{component={promql.quote(component)}}})"
    return "".join(
        f"\nand on () (avg_over_time((group({each}) or on () vector(0))[$window:$interval])"
        f"\n  >= on () 0.5 * {working})"
        for each in selectors
    )
