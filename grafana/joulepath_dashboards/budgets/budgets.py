# SPDX-License-Identifier: Apache-2.0
"""The budgets: a line each, and the used part over time."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, bars, limits, lines, now, over_time
from joulepath_dashboards.tables import Column, merged

NAME = "{{budget}} ({{application}})"


def row() -> Row:
    """The row's heading."""
    return Row("Budgets")


def panels() -> Iterator[table.Panel | bargauge.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield merged(
        "Budgets",
        "Each energy budget in its running hour, day or month (UTC): its limit, the energy used so far and at the "
        "end of the period at the present power, the used part, and how much of the elapsed time was measured. An "
        "empty cell means that the energy is not known.",
        {"budget": "Budget", "application": "Application", "per": "Per"},
        [
            Column("Limit", units.WattHour, f"{_budget('limit_joules')} / 3600"),
            Column("Used", units.WattHour, f"{_budget('energy_joules')} / 3600"),
            Column("Projected", units.WattHour, f"{_budget('projected_joules')} / 3600"),
            Column("Used part", units.PercentUnit, _of_limit("energy_joules")),
            Column("Projected part", units.PercentUnit, _of_limit("projected_joules")),
            Column("Measured time", units.PercentUnit, _budget("coverage:ratio")),
        ],
    )

    yield (
        bars(
            "Projected part now",
            "The part of each budget that is used when its period ends, at the present power: beyond 100 % the alert "
            "EnergyBudgetProjected fires. A gap means that the energy is not known.",
            units.PercentUnit,
        )
        .max(1)
        .thresholds(limits(warning=0.8, critical=1))
        .with_target(now(_of_limit("projected_joules"), NAME))
    )

    yield lines(
        "Used part",
        "The used part of each budget since its hour, day or month (UTC) began: beyond 100 % the alert "
        "EnergyBudgetExceeded fires. A gap means that no component on the path was measured in that period.",
        units.PercentUnit,
    ).with_target(over_time(_of_limit("energy_joules"), NAME))


def _budget(name: str) -> str:
    return f"sum by (budget, application, per) (budget:{name}{{{TOPOLOGY}}})"


def _of_limit(name: str) -> str:
    return f"{_budget(name)} / on (budget, application, per) {_budget('limit_joules')}"
