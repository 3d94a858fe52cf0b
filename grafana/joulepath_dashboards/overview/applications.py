# SPDX-License-Identifier: Apache-2.0
"""The applications: one row each, now and over the time range, and one stack over time for all of them."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    RANGE_STEP,
    RANGE_STEPS,
    TOPOLOGY,
    in_range,
    known_part,
    over_time,
    stacked,
)
from joulepath_dashboards.tables import Column, merged

POWER = f"application:power_watts{{{TOPOLOGY}}}"
CO2 = f'application:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'
COLUMNS = (
    Column("Power", units.Watt, f"sum by (application) ({POWER})"),
    Column("CO2", GRAMS_PER_HOUR, f"3600 * sum by (application) ({CO2})"),
    Column("Energy in the range", units.WattHour, f"{in_range(POWER, 'application')} / 3600"),
    Column("CO2 in the range", units.Gram, in_range(CO2, "application")),
    Column("Known part of the range", units.PercentUnit, known_part(POWER, "application")),
)


MARGINAL = f"application:power_marginal_watts{{{TOPOLOGY}}}"
OWN = f'sum by (application) (application:power_watts{{{TOPOLOGY},application!="unattributed"}})'
BESIDE = (
    Column("Attributed", units.Watt, OWN),
    Column("Marginal", units.Watt, f"sum by (application) ({MARGINAL})"),
    Column("Lower end", units.Watt, f"sum by (application) (application:power_marginal_low_watts{{{TOPOLOGY}}})"),
    Column("Upper end", units.Watt, f"sum by (application) (application:power_marginal_high_watts{{{TOPOLOGY}}})"),
    Column(
        "Marginal part",
        units.PercentUnit,
        f"sum by (application) ({MARGINAL}) / on (application) ({OWN} > 0)",
    ),
)


def row() -> Row:
    """The row's heading."""
    return Row("Applications")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        merged(
            "Applications",
            "Power and CO2 of each application over its whole path, now and over the chosen time range, and the part "
            "of the range in which its power was known: an empty cell is a gap, and a gap adds nothing to the energy.",
            {"application": "Application"},
            COLUMNS,
            page="joulepath-path",
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(12)
    )

    yield stacked(
        "Power by application",
        "Watts of each application and of `unattributed`, stacked: together the power of all hosts. A gap means that "
        "a component on the application's path is not measured, and the stack is then lower by that application.",
        units.Watt,
    ).with_target(over_time(f"sum by (application) ({POWER})", "{{application}}"))

    yield merged(
        "Attributed beside marginal",
        "Watts that the policy gives each application, and those that its traffic adds at the meters, with the 95 % "
        "interval: so much less they would show without it, and the rest would count for others. An empty cell is a "
        "gap in its power, or means that the topology states no marginal watts, or no interval, for its components.",
        {"application": "Application"},
        BESIDE,
        page="joulepath-path",
    ).span(12)

    yield stacked(
        "CO2 by application",
        "Grams of CO2 per hour of each application and of `unattributed` (location-based), stacked. A gap means that a "
        "component on the application's path is not measured, or that one of its sites has no factor.",
        GRAMS_PER_HOUR,
    ).with_target(over_time(f"3600 * sum by (application) ({CO2})", "{{application}}"))
