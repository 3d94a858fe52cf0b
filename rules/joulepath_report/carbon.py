# SPDX-License-Identifier: Apache-2.0
"""Grams of CO2: the energy of each slot times the mean factor of its site in this slot; and energy with overhead."""

from collections.abc import Mapping

from joulepath_report.energy import Cell
from joulepath_report.questions import Rows
from joulepath_topology.hosts import Overhead, Site

BASES = ("location", "market")


class Carbon:
    """Factors in g/J by site and basis, with the overhead of the site; from `site:co2_grams_per_joule`."""

    def __init__(self, factors: Rows, settled: Rows | None = None) -> None:
        """`settled` has the factors that `joulepath carbon settle` wrote: each stands in place of that of its hour."""
        self._settled = settled or {}
        both = {key: {**factors.get(key, {}), **self._settled.get(key, {})} for key in {**factors, **self._settled}}
        self._factors = {key: row for key, row in both.items() if row}
        self._means = {key: sum(row.values()) / len(row) for key, row in self._factors.items()}

    @property
    def bases(self) -> list[str]:
        """By `location`, `market`, both or none."""
        return [basis for basis in BASES if any(key[1] == basis for key in self._factors)]

    def grams(self, cell: Cell, basis: str) -> float | None:
        """Of a cell; None where its site has no factor at all."""
        if cell.joules == 0:
            return 0.0
        key = (cell.row.site, basis)
        if key not in self._means:
            return None
        return cell.joules * self._factors[key].get(cell.slot, self._means[key])

    def settled(self, slots: int) -> float:
        """The part of the slots of all sites with a settled factor by place."""
        sites = {site for site, _ in self._factors}
        hours = sum(len(self._settled.get((site, "location"), {})) for site in sites)
        return hours / (slots * len(sites)) if sites else 0.0

    def filled(self, cell: Cell) -> bool:
        """Whether its site had no factor in this slot, and has the mean of the others."""
        rows = [row for (site, _), row in self._factors.items() if site == cell.row.site]
        return any(cell.slot not in row for row in rows)


class Overheads:
    """Joules of each site for a joule of its hosts: constant, or from `site:overhead:ratio`."""

    def __init__(self, sites: Mapping[str, Site], live: Rows) -> None:
        self._constant = {
            name: site.overhead for name, site in sites.items() if not isinstance(site.overhead, Overhead)
        }
        self._live = {site: row for (site, *_), row in live.items() if row}

    def joules(self, cell: Cell) -> float | None:
        """With the overhead of the slot, or else the mean of the others; None where it is not known at all."""
        if (constant := self._constant.get(cell.row.site)) is not None:
            return cell.joules * constant
        row = self._live.get(cell.row.site)
        return None if row is None else cell.joules * row.get(cell.slot, sum(row.values()) / len(row))
