# SPDX-License-Identifier: Apache-2.0
"""The budgets: a line each, and the used part over time."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, bars, limits, lines, now, over_time
from joulepath_dashboards.tables import Column, merged

NAME = "{{budget}}"


def row() -> Row:
    """The row's heading."""
    return Row("Budgets")


def panels() -> Iterator[table.Panel | bargauge.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield merged(
        "Budgets",
        "Each budget in its running period: the used part, the part at its end at the present rate, how fast it is "
        "used (1 lasts for exactly one period), and how much of the elapsed time was measured. An empty cell means "
        "that the amount is not known.",
        {"budget": "Budget", "quantity": "Quantity", "per": "Per"},
        [
            Column("Used part", units.PercentUnit, _ratio("used")),
            Column("Projected part", units.PercentUnit, _ratio("projected")),
            Column("Burns at", units.Short, _ratio("burn")),
            # Its series have no quantity.
            Column(
                "Measured time",
                units.PercentUnit,
                f"sum by (budget, quantity, per) (0 * budget:used:ratio{{{TOPOLOGY}}}"
                f" + on (topology, budget) group_left () budget:coverage:ratio{{{TOPOLOGY}}})",
            ),
        ],
    )

    yield (
        bars(
            "Projected part now",
            "The part of each budget that is used when its period ends, at the present rate: beyond 100 % the alert "
            "EnergyBudgetProjected fires. A gap means that the amount is not known.",
            units.PercentUnit,
        )
        .max(1)
        .thresholds(limits(warning=0.8, critical=1))
        .with_target(now(_ratio("projected"), NAME))
    )

    yield lines(
        "Used part",
        "The used part of each budget since its period began: beyond 100 % the alert EnergyBudgetExceeded fires. A gap "
        "means that nothing of what it counts was measured in that period.",
        units.PercentUnit,
    ).with_target(over_time(_ratio("used"), NAME))

    for quantity, keys in (("energy", "budget"), ("co2", "budget, basis"), ("cost", "budget, currency")):
        yield _amounts(quantity, keys)

    yield lines(
        "Burning",
        "How fast each budget is used: 1 is the rate at which it lasts for exactly one period. The alert "
        "EnergyBudgetBurning fires where the mean of hours stays far above that. A gap means that the present rate is "
        "not known.",
        units.Short,
    ).with_target(over_time(_ratio("burn"), NAME))

    yield (
        lines(
            "Measured time",
            "How much of the elapsed time of each budget was measured: below 90 % the alert EnergyBudgetCoverageLow "
            "fires, and the rest is charged with the mean. A gap means that the rules of budgets do not run.",
            units.PercentUnit,
        )
        .max(1)
        .with_target(over_time(f"sum by (budget) (budget:coverage:ratio{{{TOPOLOGY}}})", NAME))
    )


# The title, the series of what was used, the end of the others' names, the unit, and the series' unit in it.
AMOUNTS = {
    "energy": ("Energy", "energy_joules", "joules", units.WattHour, " / 3600"),
    "co2": ("CO2", "co2_grams", "co2_grams", units.Gram, ""),
    "cost": ("Cost", "cost", "cost", units.Short, ""),
}


def _amounts(quantity: str, keys: str) -> table.Panel:
    """A table of amounts with their limits."""
    title, used, end, unit, scale = AMOUNTS[quantity]
    names = {"Limit": f"limit_{end}", "Used": used, "Left": f"remaining_{end}", "Projected": f"projected_{end}"}
    return merged(
        f"{title} of budgets",
        "The limit of each budget of this kind, what was used in the running period, what is left, and what it comes "
        "to at the present rate. An empty cell means that the amount is not known; a missing row, that there is no "
        "budget.",
        {key: key.capitalize() for key in keys.split(", ")},
        [
            Column(heading, unit, f"sum by ({keys}) (budget:{name}{{{TOPOLOGY}}}){scale}")
            for heading, name in names.items()
        ],
    ).span(8)


def _ratio(name: str) -> str:
    return f"sum by (budget, quantity, per) (budget:{name}:ratio{{{TOPOLOGY}}})"
