# SPDX-License-Identifier: Apache-2.0
"""Energy of each application for one of what it does: a bit, a request, a token, a session."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from joulepath_report.columns import table
from joulepath_report.measured import Measured
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


def per_unit(questions: Questions, found: Measured) -> Iterator[Table]:
    """The table, where any amount was recorded. An amount is the mean of its known rate, times the charged time."""
    rows: list[list[Value]] = []
    joules: Mapping[tuple[str, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for cell in found.energy.cells:
        joules[cell.row.application, cell.slot][cell.row.segment] += cell.joules
    for amount in AMOUNTS:
        rates = questions.over("avg", amount.series, ("application",), amount.matchers)
        powers = (
            questions.over("avg", "application:token_power_watts", ("application",), amount.watts)
            if amount.watts
            else {}
        )
        for (application,), values in sorted(rates.items()):
            energy = units = 0.0
            for slot, rate in values.items():
                seconds = found.energy.charged[application, slot]
                units += rate * seconds
                of = joules[application, slot]
                if amount.watts:
                    energy += powers.get((application,), {}).get(slot, 0.0) * seconds
                else:
                    energy += sum(part for name, part in of.items() if not amount.segments or name in amount.segments)
            rows.append([application, amount.one, units, energy, energy / units if units else None])
    if rows:
        columns = [
            Column("application", "application"),
            Column("unit", "for one"),
            Column("amount", "amount", "count"),
            Column("energy_joules", "energy", "J"),
            Column("joules_per_unit", "energy for one", "J/unit"),
        ]
        note = "Energy and amount of those hours in which the amount was known."
        yield table(
            "per-unit", "Energy for one", columns, sorted(rows, key=lambda row: str(row[0])), note, names=2, added=False
        )
