# SPDX-License-Identifier: Apache-2.0
"""Energy and CO2 of sites by supply: those of the site, divided as the supplies delivered in each slot."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from joulepath_report.applications import BASIS
from joulepath_report.columns import ENERGY, energy, ratio, table
from joulepath_report.energy import Cell
from joulepath_report.measured import Measured
from joulepath_report.model import Column, Table, Value
from joulepath_report.questions import Questions
from joulepath_report.shares import Shares

UNKNOWN = "not known"
"""Stands for the supplies of slots in which the meter of one was not read."""

COLUMNS = (Column("site", "site"), Column("supply", "supply"), *ENERGY, Column("part", "of the site", "ratio"))


def supplies(questions: Questions, found: Measured) -> Iterator[Table]:
    """The table, where a site has a list of supplies. Raises PrometheusError."""
    sites = found.topology.sites
    if not any(site.supply for site in sites.values()):
        return
    power = Shares(questions.over("avg", "supply:power_watts", ("site", "supply")))
    carbon = Shares(questions.over("avg", "supply:co2_grams_per_second", ("site", "basis", "supply")))
    joules = _divided(found.facility(_slot), power)
    grams = {basis: _divided(found.grams(_slot, basis), carbon, basis) for basis in found.carbon.bases}
    named = [(site, supply) for site, entry in sites.items() for supply in entry.supplies]
    others = {key for amounts in (joules, *grams.values()) for key, amount in amounts.items() if amount != 0}
    rows: list[list[Value]] = []
    for site, supply in [*named, *sorted(others - set(named))]:
        whole = [amount for (at, _), amount in joules.items() if at == site]
        own = None if None in whole or not whole else joules.get((site, supply), 0.0)
        known = sum(amount for amount in whole if amount is not None)
        of = (None if own is None else amounts.get((site, supply), 0.0) for amounts in grams.values())
        rows.append([site, supply, *energy(own), ratio(own, known), *of])
    yield table(
        "supplies",
        "Supplies of sites",
        [*COLUMNS, *(BASIS[basis] for basis in grams)],
        rows,
        "Energy with the overhead of the site, as each supply delivered it. Energy and CO2 of the supplies are those "
        f"of their sites; `{UNKNOWN}` are hours without a reading of their meters.",
        names=2,
    )


def _slot(cell: Cell) -> tuple[str, int]:
    return cell.row.site, cell.slot


def _divided(
    wholes: Mapping[tuple[str, int], float | None], shares: Shares, *basis: str
) -> dict[tuple[str, str], float | None]:
    """Amounts by site and supply; None where a part of one is not known."""
    found: dict[tuple[str, str], float | None] = defaultdict(float)
    for (site, slot), whole in wholes.items():
        for supply, part in shares.of(slot, site, *basis, otherwise=UNKNOWN).items():
            known = found[site, supply]
            found[site, supply] = None if whole is None or known is None else known + whole * part
    return found
