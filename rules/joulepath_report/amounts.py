# SPDX-License-Identifier: Apache-2.0
"""Energy, CO2 and cost of each application for one of what it does: a bit, a request, a token, a session."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath_report.applications import APPLICATION, BASIS
from joulepath_report.columns import table
from joulepath_report.energy import Cell
from joulepath_report.measured import Measured
from joulepath_report.method import listed
from joulepath_report.model import Column, Table, Value
from joulepath_report.questions import Questions


@dataclass(frozen=True)
class Amount:
    """Something that an application does, at a recorded rate."""

    one: str
    series: str
    matchers: str = ""
    segments: tuple[str, ...] = ()
    """Segments of which the energy counts; none for all."""
    watts: str = ""
    """Matchers of `application:token_power_watts`, where that is the energy, and not the application's."""


AMOUNTS = (
    Amount("bit in the network", "application:bits:rate", segments=("network",)),
    Amount("request", "application:inferences:rate"),
    Amount("generated token", "application:tokens:rate"),
    Amount("token of a prompt, at the models", "application:weighted_tokens:rate", 'by="input"', watts='by="input"'),
    Amount("generated token, at the models", "application:weighted_tokens:rate", 'by="output"', watts='by="output"'),
    Amount("session that ends", "adapter:sessions:sum", 'by="ended"'),
)


MILLION = 1e6
"""A cost is that of so many: that of one is too small to be read."""

Sums = list[float | None]
"""Joules, grams by each basis, and cost in each currency; None where one is not known."""


def per_unit(questions: Questions, found: Measured) -> Iterator[Table]:
    """The table, where any amount was recorded. An amount is the mean of its known rate, times the charged time."""
    cells: Mapping[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in found.energy.cells:
        cells[cell.row.application, cell.slot].append(cell)
    rows: list[list[Value]] = []
    for amount in AMOUNTS:
        rates = questions.over("avg", amount.series, ("application",), amount.matchers)
        powers = (
            questions.over("avg", "application:token_power_watts", ("application",), amount.watts)
            if amount.watts
            else {}
        )
        for (application,), values in sorted(rates.items()):
            units, sums = 0.0, _none(found)
            for slot, rate in values.items():
                seconds = found.energy.charged[application, slot]
                units += rate * seconds
                own = cells[application, slot]
                if amount.watts:
                    joules = powers.get((application,), {}).get(slot, 0.0) * seconds
                    sums = _added(sums, _at_models(found, own, joules))
                else:
                    kept = (each for each in own if not amount.segments or each.row.segment in amount.segments)
                    sums = _added(sums, _sums(found, kept))
            for_one = [None if not units or each is None else each / units for each in sums]
            bases = len(found.carbon.bases)
            costs = (None if each is None else each * MILLION for each in for_one[1 + bases :])
            rows.append([application, amount.one, units, sums[0], *for_one[: 1 + bases], *costs])
    if rows:
        columns = [
            APPLICATION,
            Column("unit", "for one"),
            Column("amount", "amount", "count"),
            Column("energy_joules", "energy", "J"),
            Column("joules_per_unit", "energy for one", "J/unit"),
            *(
                Column(f"co2_{basis}_grams_per_unit", f"{BASIS[basis].title} for one", "g/unit")
                for basis in found.carbon.bases
            ),
            *(
                Column(f"cost_{currency.lower()}_per_million", "cost of a million", f"{currency}/million")
                for currency in found.prices.currencies
            ),
        ]
        rows.sort(key=lambda row: str(row[0]))
        yield table("per-unit", _title(found), columns, rows, _note(found), names=2, added=False)


def _title(found: Measured) -> str:
    known = {"CO2": found.carbon.bases, "cost": found.prices.currencies}
    return f"{listed(['Energy', *(name for name, columns in known.items() if columns)])} for one"


def _note(found: Measured) -> str:
    note = "Energy and amount of those hours in which the amount was known."
    if found.carbon.bases or found.prices.currencies:
        note += " CO2 and costs are those of this energy, with the overhead of its sites."
    if len(found.prices.currencies) > 1:
        note += " The columns of several currencies are together one cost, and are never added."
    return note


def _none(found: Measured) -> Sums:
    return [0.0 for _ in ("joules", *found.carbon.bases, *found.prices.currencies)]


def _added(left: Sequence[float | None], right: Sequence[float | None]) -> Sums:
    return [None if a is None or b is None else a + b for a, b in zip(left, right, strict=True)]


def _sums(found: Measured, cells: Iterable[Cell]) -> Sums:
    sums = _none(found)
    for cell in cells:
        cost = found.prices.of(cell) if cell.joules else ("", 0.0)
        costs = (
            None if cost is None else cost[1] if cost[0] == currency else 0.0 for currency in found.prices.currencies
        )
        grams = (found.carbon.grams(cell, basis) for basis in found.carbon.bases)
        sums = _added(sums, [cell.joules, *grams, *costs])
    return sums


def _at_models(found: Measured, cells: Sequence[Cell], joules: float) -> Sums:
    """The joules with their part of CO2 and cost at models with weights; not known where these are at several sites."""
    models = [cell for cell in cells if (entry := found.topology.components.get(cell.row.component)) and entry.tokens]
    whole, *others = _sums(found, models)
    if not joules:
        return _none(found)
    if not whole or len({cell.row.site for cell in models}) > 1:
        return [joules, *(None for _ in others)]
    return [joules, *(None if each is None else each * joules / whole for each in others)]
