# SPDX-License-Identifier: Apache-2.0
"""All reads of the topology by PromQL: there, fresh, and counting."""

import math
from collections.abc import Iterator, Sequence

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, since, timed, window
from joulepath_doctor.reads import Read, reads
from joulepath_doctor.selected import Selected, last_seen, nearest, select
from joulepath_doctor.youth import pending
from joulepath_topology import promql
from joulepath_topology.durations import duration


def check(context: Context) -> Iterator[Finding]:
    """Findings about each of them."""
    for read in reads(context.topology):
        yield from _of(context, read)


def _of(context: Context, read: Read) -> Iterator[Finding]:
    result = [row.value for row in context.server.query(timed(context, read.expr))]
    if result and math.isfinite(sum(result)) and (read.price or read.supply or min(result) >= 0):
        if read.price and min(result) != max(result):
            yield _several(read, result)
        if read.grows and not sum(result):
            yield from _still(context, read)
        return
    seen = [select(context, each) for each in dict.fromkeys(promql.selectors(read.expr))]
    gone = [each for each in seen if not each.now]
    because = (*read.because, *(target for each in seen for target in each.targets))
    if result:
        told = "NaN or infinite" if not math.isfinite(sum(result)) else f"{min(result):g}"
        wanted = "a price is a number" if read.price else "an amount is a number from 0"
        yield found("source/no-amount", read.place, f"the query gives {told} now: {wanted}", because)
    elif gone:
        known = read.may_be_away or any(each.before for each in gone)
        young = [] if known else list(pending(context, gone[0].selector, read.place))
        yield from young or [_missing(context, read, gone, because)]
    else:
        yield found(
            "source/no-amount", read.place,
            "each series of the query is there, but the query gives no row: compare the labels on both sides of its "
            f"operators, and see that each counter has two samples within {_ranges(context, read)}",
            because,
        )  # fmt: skip


def _several(read: Read, prices: Sequence[float]) -> Finding:
    return found(
        "source/ambiguous", read.place,
        f"the query gives {len(prices)} prices, from {min(prices):g} to {max(prices):g}: choose one by its labels",
    )  # fmt: skip


def _missing(context: Context, read: Read, gone: list[Selected], because: tuple[tuple[str | int, ...], ...]) -> Finding:
    """Nothing matches now. A series that was there a while ago says more than one that never was."""
    stale = next((each for each in gone if each.before), None)
    if read.may_be_away:
        seen = f"none since {last_seen(context, stale.selector)}" if stale else nearest(context, gone[0].selector)
        return found("component/away", read.place, f"runs nowhere now, so it has 0 W: {seen}", because)
    if stale is not None:
        return found(
            "source/stale", read.place,
            f"{stale.selector} was last seen {last_seen(context, stale.selector)}: see whether its exporter still "
            "shows it, and under which labels",
            because,
        )  # fmt: skip
    fact = nearest(context, gone[0].selector)
    return found(
        "source/absent", read.place, f"{fact}: name what is there, or make its exporter show this one", because, fact
    )


def _ranges(context: Context, read: Read) -> str:
    """The shortest range of the query: `[1s]` of its author, or the window."""
    lengths = [seconds for _, seconds in promql.ranges(timed(context, read.expr))]
    return duration(min(lengths)) if lengths else window(context)


def _still(context: Context, read: Read) -> Iterator[Finding]:
    """It is 0 now; over all of the time, too?"""
    over = (
        timed(context, read.expr, since(context))
        if "$window" in read.expr
        else f"max_over_time(({promql.closed(read.expr)})[{since(context)}:])"
    )
    result = [row.value for row in context.server.query(over)]
    if result and not sum(result):
        yield found(
            "source/still", read.place,
            f"has not counted for {length(context.since)}, although it is scraped: see whether it is a counter, and of "
            "this machine",
        )  # fmt: skip
