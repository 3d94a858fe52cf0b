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
