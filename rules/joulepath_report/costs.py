# SPDX-License-Identifier: Apache-2.0
"""Costs: the energy of each slot, with the overhead of its site, times the mean price of the site in this slot."""

from collections.abc import Iterator, Mapping, Sequence

from joulepath_report.carbon import Overheads
from joulepath_report.energy import Cell
from joulepath_report.model import Column, Value
from joulepath_report.questions import Rows

Cost = tuple[str, float]
"""A currency and an amount in it."""


class Costs:
    """Prices of a kWh by site and currency, from `site:price_per_kilowatt_hour`."""

    def __init__(self, overheads: Overheads, prices: Rows) -> None:
        self._overheads = overheads
        self._prices = {key: row for key, row in prices.items() if row}
        self._means = {key: sum(row.values()) / len(row) for key, row in self._prices.items()}

    @property
    def currencies(self) -> Sequence[str]:
        """Those of the period; none where no site had a price."""
        return sorted({currency for _, currency in self._prices})

    def of(self, cell: Cell) -> Cost | None:
        """Of a cell, None where its site has no price, or no overhead, at all. A site has one currency at a time."""
        found, joules = self._price(cell), self._overheads.joules(cell)
        return None if found is None or joules is None else (found[0], joules / 3.6e6 * found[1])

    def filled(self, cell: Cell) -> bool:
        """Whether its site had no price in this slot, and has the mean of the others."""
        own = [row for (site, _), row in self._prices.items() if site == cell.row.site]
        return bool(own) and not any(cell.slot in row for row in own)

    def _price(self, cell: Cell) -> Cost | None:
        own = [key for key in self._prices if key[0] == cell.row.site]
        now = [key for key in own if cell.slot in self._prices[key]]
        if now:
            return now[0][1], self._prices[now[0]][cell.slot]
        return (own[-1][1], self._means[own[-1]]) if own else None


def columns(costs: Costs) -> Iterator[Column]:
    """A column of costs for each currency."""
    for currency in costs.currencies:
        yield Column(f"cost_{currency.lower()}", "cost", currency)


def values(costs: Costs, known: Mapping[str, float] | None) -> Sequence[Value]:
    """The values of these columns: 0 in a currency without any cost, and None in all where the cost is not known."""
    return [None if known is None else known.get(currency, 0.0) for currency in costs.currencies]
