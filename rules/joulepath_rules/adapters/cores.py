# SPDX-License-Identifier: Apache-2.0
"""Traffic as 5G cores and base stations count it, from their tables: totals, and rows of applications by their keys.

A label of a subscriber stands in a selector only: each row is a sum, with the application as its label.
"""

from collections.abc import Iterator, Sequence

from joulepath_rules.adapters import guards
from joulepath_rules.adapters.guards import SENSIBLE, counting, guarded, recent, steady
from joulepath_rules.rule import Rule, number, selector
from joulepath_topology import Topology, promql
from joulepath_topology.components import Traffic
from joulepath_topology.cores.keys import InCore
from joulepath_topology.cores.schema import Amount, Series
from joulepath_topology.promql import quote


def cores(topology: Topology, name: str, traffic: Traffic) -> Iterator[Rule]:
    """The rules of one component. Beside an IOAM node, which has the rows, the core gives the total alone."""
    core = traffic.of_core
    if core is None:
        return
    counted = [(by, amount) for by, amount in core.amounts.items() if traffic.ioam or amount.parts or not core.divides]
    for by, amount in counted:
        where = {"counter": name, "by": by}
        every = whole(topology, traffic, amount)
        if traffic.ioam is not None:
            yield Rule("adapter:whole:rate", guarded(every), where)
            continue
        # One rule reads the parts and the whole: a scrape may be stored between two rules.
        parts = _rows(topology, name, traffic, amount)
        seen = [*parts.values(), f'label_replace({every}, "total", "user", "", "")']
        yield Rule("adapter:seen:rate", "\nor ".join(seen), where)
        yield Rule("adapter:whole:rate", f"{guards.whole(**where)} {SENSIBLE}{_guard(traffic, amount)}", where)
        if parts:
            # An application without series has sent nothing while the whole is believed.
            found = [f"sum by (application) (adapter:seen:rate{selector(**where, total='')})"]
            found += [_labelled(f"0 * sum(adapter:whole:rate{selector(**where)})", one) for one in parts]
            yield Rule("adapter:traffic:rate", "\nor ".join(found), {**where, "unit": amount.label})
    if traffic.ioam is None:
        read = steady(*(whole(topology, traffic, amount) for _, amount in counted))
        yield Rule("adapter:steady:info", read, {"counter": name})


def whole(topology: Topology, traffic: Traffic, amount: Amount) -> str:
    """All traffic in a second."""
    read = _Read(topology, amount)
    return read.mean(read.sum([[each] for each in totals(traffic, amount)]))


def totals(traffic: Traffic, amount: Amount) -> list[str]:
    """The selectors of all traffic, one for each metric."""
    return [selected(traffic, series) for series in amount.whole]


def selected(traffic: Traffic, series: Series, keys: InCore | None = None) -> str:
    """The selector of a metric's series, or of those that belong to an application."""
    core = traffic.of_core
    matchers = [f"{label}={quote(value)}" for label, value in series.labels.items()]
    matchers += [f'{label}!=""' for label in series.having]
    if core is not None:
        matchers += _any_of(core.instance, traffic.instances)
        for key, values in keys.given.items() if keys is not None else ():
            matchers += _any_of(core.keys[key], values)  # type: ignore[index]  # keys_in_core gives known keys alone
    return f"{series.metric}{{{','.join(matchers)}}}" if matchers else series.metric


def _any_of(label: str, values: Sequence[str]) -> list[str]:
    if len(values) < 2:
        return [f"{label}={quote(value)}" for value in values]
    return [f"{label}=~{quote('|'.join(map(promql.literal, values)))}"]


def _rows(topology: Topology, name: str, traffic: Traffic, amount: Amount) -> dict[str, str]:
    """A row for each application that passes the component."""
    read, found = _Read(topology, amount), {}
    for application in topology.applications:
        keys = topology.keys_in_core(application, name)
        if keys and name in map(topology.counted_at, topology.route(application)):
            selectors = [[selected(traffic, series, one) for one in keys] for series in amount.parts]
            row = read.part(selectors, totals(traffic, amount))
            found[application] = _labelled(row, application)
    return found


def _labelled(row: str, application: str) -> str:
    return f'label_replace({row}, "application", {quote(application)}, "", "")'


def _guard(traffic: Traffic, amount: Amount) -> str:
    """Believes a total that was read in the older and in the newest part of the window, at each instance."""
    every = totals(traffic, amount)
    guard = recent(*every) + (counting(*every) if amount.kind == "counter" else "")
    if len(traffic.instances) > 1:
        label = traffic.of_core.instance if traffic.of_core is not None else "instance"
        there = f"group by ({label}) (present_over_time({every[0]}[$quarter]))"
        guard += f"\nand on () count({there}) == {len(traffic.instances)}"
    return guard


class _Read:
    """How an amount is read: counters by their rate, what is read and set back by its sum, gauges by their mean."""

    def __init__(self, topology: Topology, amount: Amount) -> None:
        self._amount = amount
        self._window = topology.window
        self._now = amount.kind in {"rate", "period"}

    def _one(self, selected: str) -> str:
        if self._now:
            return selected
        if self._amount.kind == "counter":
            return f"rate({selected}[$window])"
        return f"sum_over_time({selected}[$window]) / {number(self._window)}"

    def sum(self, metrics: Sequence[Sequence[str]]) -> str:
        """The sum of selectors, of some for each metric; series that two of them select count once."""
        marked = [(position, self._one(one)) for position, ones in enumerate(metrics) for one in ones]
        rows = (f'label_replace({one}, "metric", "{mark}", "", "")' for mark, one in marked)
        joined = marked[0][1] if len(marked) == 1 else "\n  or ".join(rows)
        scale = "" if self._amount.scale == 1 else f"{number(self._amount.scale)} * "
        return f"{scale}sum({joined})"

    def mean(self, expr: str) -> str:
        """The mean over the window of what is true now."""
        return f"avg_over_time(({expr})[$window:$interval])" if self._now else expr

    def part(self, metrics: Sequence[Sequence[str]], totals: Sequence[str]) -> str:
        """A part of the total. In a mean of what is true now, it is 0 while the total is there and it has no series."""
        row = self.sum(metrics)
        return self.mean(f"{row} or 0 * sum({' or '.join(totals)})") if self._now else row
