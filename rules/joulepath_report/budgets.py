# SPDX-License-Identifier: Apache-2.0
"""The state of each budget at the end of the period, as the rules recorded it: a table for each unit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from joulepath_report.columns import COVERAGE, energy, ratio, table
from joulepath_report.model import Column, Table, Value
from joulepath_report.questions import Questions
from joulepath_rules.budgets import UNITS, USED
from joulepath_topology.budgets import Budget

BY = ("budget",)

NOTE = "The running period at the end of this report. `projected` is its end, at the present rate."


@dataclass(frozen=True)
class _Kind:
    """A table: its name and title, and how an amount is shown."""

    id: str
    title: str
    unit: str
    """The unit of its columns, in joules' place `J`."""

    def columns(self, name: str, *, short: bool = True) -> list[Column]:
        """The columns of an amount."""
        if self.unit == "J":
            return [
                Column(f"{name}_joules", name, "J", short=False),
                Column(f"{name}_kwh", name, "kWh", short=short),
            ]
        return [Column(f"{name}_{'grams' if self.unit == 'g' else 'cost'}", name, self.unit, short=short)]

    def values(self, amount: float | None) -> tuple[Value, ...]:
        """The values of these columns."""
        return energy(amount) if self.unit == "J" else (amount,)


def budgets(questions: Questions) -> Iterator[Table]:
    """The tables, where the topology has budgets. Raises PrometheusError."""
    kinds: dict[_Kind, dict[str, Budget]] = {}
    for name, budget in questions.topology.budgets.items():
        kinds.setdefault(_kind(budget), {})[name] = budget
    coverage = questions.at_end("budget:coverage:ratio", BY) if kinds else {}
    for kind, members in kinds.items():
        yield _table(questions, kind, members, coverage)


def _kind(budget: Budget) -> _Kind:
    if budget.quantity == "energy":
        return _Kind("budgets", "Budgets", "J")
    if budget.quantity == "co2":
        return _Kind("budgets-co2", "Budgets of CO2", "g")
    return _Kind(f"budgets-cost-{budget.unit}", f"Budgets in {budget.unit}", budget.unit)


def _table(
    questions: Questions, kind: _Kind, members: Mapping[str, Budget], coverage: Mapping[tuple[str, ...], float]
) -> Table:
    quantity = next(iter(members.values())).quantity
    used, left, projected = (
        questions.at_end(series, BY)
        for series in (USED[quantity], f"budget:remaining_{UNITS[quantity]}", f"budget:projected_{UNITS[quantity]}")
    )
    return table(
        kind.id,
        kind.title,
        [
            Column("budget", "budget"),
            Column("of", "of"),
            Column("per", "per"),
            *kind.columns("used"),
            *kind.columns("limit"),
            *kind.columns("remaining", short=False),
            Column("used", "used", "ratio"),
            Column("projected", "projected", "ratio"),
            COVERAGE,
        ],
        [
            (
                name,
                " ".join(budget.of),
                budget.period if budget.time_zone is None else f"{budget.period} ({budget.time_zone})",
                *kind.values(used.get((name,))),
                *kind.values(budget.limit),
                *kind.values(left.get((name,))),
                ratio(used.get((name,)), budget.limit),
                ratio(projected.get((name,)), budget.limit),
                coverage.get((name,)),
            )
            for name, budget in members.items()
        ],
        NOTE,
        added=False,
    )
