# SPDX-License-Identifier: Apache-2.0
"""The state of each budget at the end of the period, as the rules recorded it."""

from collections.abc import Iterator

from joulepath_report.columns import COVERAGE, energy, ratio, table
from joulepath_report.model import Column, Table
from joulepath_report.questions import Questions

BY = ("budget",)


def budgets(questions: Questions) -> Iterator[Table]:
    """The table, where the topology has budgets. Raises PrometheusError."""
    if not questions.topology.budgets:
        return
    used, projected, coverage = (
        questions.at_end(f"budget:{name}", BY) for name in ("energy_joules", "projected_joules", "coverage:ratio")
    )
    yield table(
        "budgets",
        "Budgets",
        [
            Column("budget", "budget"),
            Column("application", "application"),
            Column("per", "per"),
            Column("used_joules", "used", "J", short=False),
            Column("used_kwh", "used", "kWh"),
            Column("limit_joules", "limit", "J", short=False),
            Column("limit_kwh", "limit", "kWh"),
            Column("used", "used", "ratio"),
            Column("projected", "projected", "ratio"),
            COVERAGE,
        ],
        [
            (
                name,
                budget.application,
                budget.per,
                *energy(used.get((name,))),
                *energy(budget.energy),
                ratio(used.get((name,)), budget.energy),
                ratio(projected.get((name,)), budget.energy),
                coverage.get((name,)),
            )
            for name, budget in questions.topology.budgets.items()
        ],
        "The running hour, day or month (UTC) at the end of this report. `projected` is its end, at the present power.",
        added=False,
    )
