# SPDX-License-Identifier: Apache-2.0
"""Prices of sites that change: by hours of the week, or from a query."""

from collections.abc import Iterator

from joulepath_rules.adapters.local_time import LOCAL, within
from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology
from joulepath_topology.prices import Price
from joulepath_topology.promql import quote


def prices(topology: Topology) -> Iterator[Rule]:
    """The price of a kWh at each site where it is not one number."""
    for name, site in topology.sites.items():
        price = site.price
        if price is None or not price.changes:
            continue
        expr = _by_hours(price) if price.query is None else _queried(price.query)
        yield Rule("adapter:price_per_kwh:last", expr, {"site": name, "currency": price.currency})


def _queried(query: str) -> str:
    """A price may be negative. Several rows, as from two exporters, are believed while they agree: a sum of prices, or
    any one of two, is not the price. As of half a window ago, the time for which the watts stand."""
    return f"last_over_time((max({query}) == min({query}) > -Inf < Inf)[1s:1s] offset $half)"


def _by_hours(price: Price) -> str:
    """The price of the hours that it is, or else the price of all others; a gap while the clock is."""
    zone = price.time_zone or ""
    rows = [(each.per_kwh, within(zone, each)) for each in price.hours]
    rows.append((price.per_kwh or 0.0, f"{LOCAL}{{time_zone={quote(zone)}}}"))
    return "\nor ".join(f"vector({number(value)}) and on () ({when})" for value, when in rows)
