# SPDX-License-Identifier: Apache-2.0
"""Sums by one label of applications and components, such as a team: now, over the time range, and over time."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    PER_HOUR,
    RANGE_STEP,
    RANGE_STEPS,
    TOPOLOGY,
    in_range,
    known_part,
    lines,
    over_time,
    stacked,
)
from joulepath_dashboards.tables import Column, merged

# The name of a series begins with the label: `team:application_power_watts{team="vision"}`.
POWER = f"$label:application_power_watts{{{TOPOLOGY}}}"
CO2 = f'$label:application_co2_grams_per_second{{{TOPOLOGY},basis="location"}}'
COMPONENTS = f"$label:component_power_watts{{{TOPOLOGY}}}"


COST = f"$label:application_cost_per_hour{{{TOPOLOGY}}}"
SCI = f"$label:application_sci_grams_per_second{{{TOPOLOGY}}}"


def _named(sums: str, by: str = "value") -> str:
    """Sums by the label, with its values in the label `value`: columns of a table have fixed names."""
    return f'sum by ({by}) (label_replace({sums}, "value", "$1", "$label", "(.*)"))'


COLUMNS = (
    Column("Power", units.Watt, _named(POWER)),
    Column("CO2", GRAMS_PER_HOUR, f"3600 * {_named(CO2)}"),
    Column("Energy in the range", units.WattHour, f"{_named(in_range(POWER, '$label'))} / 3600"),
    Column("CO2 in the range", units.Gram, _named(in_range(CO2, "$label"))),
    Column("Known part of the range", units.PercentUnit, _named(known_part(POWER, "$label"))),
)


def row() -> Row:
    """The row's heading."""
    return Row("By label: $label")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        merged(
            "Applications by $label",
            "Power and CO2 of the applications with each value of the label, now and over the chosen time range; "
            "`unlabelled` are those without it. An empty cell means that one of these applications is not known, or "
            "that no application has the label.",
            {"value": "Value"},
            COLUMNS,
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(12)
    )

    yield stacked(
        "Power of applications by $label",
        "Watts of the applications with each value of the label, stacked with `unlabelled` and `unattributed`: "
        "together the power of all hosts. A gap means that one of these applications is not known, or that no "
        "application has the label.",
        units.Watt,
    ).with_target(over_time(_named(POWER), "{{value}}"))

    yield stacked(
        "CO2 of applications by $label",
        "Grams of CO2 per hour (location-based) of the applications with each value of the label, stacked. A gap means "
        "that one of these applications is not known, that a site has no grid intensity, or that no application has "
        "the label.",
        GRAMS_PER_HOUR,
    ).with_target(over_time(f"3600 * {_named(CO2)}", "{{value}}"))

    yield lines(
        "Cost of applications by $label",
        "The cost of an hour of the applications with each value of the label, in each currency. A gap means that one "
        "of these applications is not known, that one of its sites has no price, or that no application has the label.",
        PER_HOUR,
    ).with_target(over_time(_named(COST, "value, currency"), "{{value}} ({{currency}})"))

    yield stacked(
        "SCI of applications by $label",
        "Grams of CO2 per hour, use and making together, of the applications with each value of the label, stacked. A "
        "gap means that the SCI of one of these applications is not known, or that no application has the label.",
        GRAMS_PER_HOUR,
    ).with_target(over_time(f"3600 * {_named(SCI)}", "{{value}}"))

    yield stacked(
        "Power of components by $label",
        "Watts of the components with each value of the label, whoever uses them, stacked with `unlabelled` and "
        "`unattributed`: together the power of all hosts. A gap means that one of these components is not known, or "
        "that no component has the label.",
        units.Watt,
    ).with_target(over_time(_named(COMPONENTS), "{{value}}"))
