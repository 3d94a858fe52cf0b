# SPDX-License-Identifier: Apache-2.0
"""CO2 by place and by contract beside each other, and the overhead of the sites."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.carbon.factors import MARKET, SITES
from joulepath_dashboards.common import (
    DASHED,
    GRAMS_PER_HOUR,
    GRAMS_PER_KWH,
    RANGE_STEP,
    RANGE_STEPS,
    TOPOLOGY,
    in_range,
    lines,
    over_time,
)
from joulepath_dashboards.tables import Column, merged

CO2 = f"site:co2_grams_per_second{{{TOPOLOGY}}}"


def row() -> Row:
    """The row's heading."""
    return Row("By place and by contract")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        merged(
            "Sites by basis",
            "CO2 of each site now and over the chosen time range, by place (location) and by contract (market): two "
            "answers to two questions, never to be added. An empty cell is a gap: a factor is not known, or a host of "
            "the site is not measured.",
            {"site": "Site", "basis": "Basis"},
            [
                Column("Intensity", GRAMS_PER_KWH, SITES),
                Column("CO2", GRAMS_PER_HOUR, f"3600 * sum by (site, basis) ({CO2})"),
                Column("CO2 in the range", units.Gram, in_range(CO2, "site, basis")),
            ],
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(8)
    )

    yield (
        lines(
            "CO2 of each site by basis",
            "Grams of CO2 per hour of each site, by place (location) and by contract (market, dashed). A gap means "
            "that a host of the site is not measured, or that a supply has no factor.",
            GRAMS_PER_HOUR,
        )
        .span(8)
        .with_target(over_time(f"3600 * sum by (site, basis) ({CO2})", "{{site}} ({{basis}})"))
        .override_by_regexp(MARKET, DASHED)
    )

    yield (
        lines(
            "Overhead of each site",
            "Joules of the site for each joule of its hosts (PUE), which CO2 and costs include; at least 1. A gap "
            "means that its query gives nothing, a number below 1, or several that differ.",
            units.Short,
        )
        .span(8)
        .with_target(over_time(f"sum by (site) (site:overhead:ratio{{{TOPOLOGY}}})", "{{site}}"))
    )
