# SPDX-License-Identifier: Apache-2.0
"""The work of components that move, on one box: 0 where they are not, and for how much of the window they are there."""

from collections.abc import Sequence

from joulepath_rules.adapters.guards import Amount


def part(amounts: Sequence[Amount], whole: Amount) -> str:
    """The work of all shares. One without series is 0 while the whole is measured.

    A query that has series and no result is not 0: its exporter was not read all of the time.
    """
    terms = [f"({amount.believed}) or {_zero(amount, whole)}" for amount in amounts]
    return terms[0] if len(terms) == 1 else " + ".join(f"({term})" for term in terms)


def _zero(amount: Amount, whole: Amount) -> str:
    zero = f"0 * ({whole.believed})"
    if not amount.reads:
        return zero
    there = " or ".join(f"group(present_over_time({each}[$window]))" for each in amount.reads)
    return f"({zero} unless on () ({there}))"


def working(amounts: Sequence[Amount], whole: Amount) -> str:
    """The part of the window's steps, as far as they were measured, in which any of the shares was there.

    A counter that stays when its workload goes must have grown before and after the step: a scrape interval in which
    the workload went grows on both hosts. A step over which the whole did not grow says nothing: its exporter
    restarted.
    """
    if all(amount.there for amount in amounts):
        there = " or ".join(f"group({amount.there})" for amount in amounts)
        return _paced(f"avg_over_time(({there}\n  or 0 * group({whole.there}))[$window:$interval])")
    terms = " + ".join(f"(({amount.plain}) or 0 * {whole.plain})" for amount in amounts)
    grown = f"({terms}) > bool 0 and on () {whole.plain} > 0"
    return _paced(f"avg_over_time(min_over_time(({grown})[$both:$interval])[$window:$interval])")


def _paced(expr: str) -> str:
    """The rates over two intervals in place of the window, but for the window of the steps themselves."""
    steps = "[$window:$interval])"
    return expr.removesuffix(steps).replace("$window", "$pair") + steps
