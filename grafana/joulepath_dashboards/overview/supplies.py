# SPDX-License-Identifier: Apache-2.0
"""The supplies of the sites, and the Software Carbon Intensity of applications with embodied emissions."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import GRAMS_PER_HOUR, TOPOLOGY, over_time, stacked
from joulepath_dashboards.tables import Column, merged

POWER = f"supply:power_watts{{{TOPOLOGY}}}"
CO2 = f'supply:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'
SUPPLY = "{{site}} {{supply}}"


def row() -> Row:
    """The row's heading."""
    return Row("Supplies and SCI")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        stacked(
            "Power by supply",
            "Watts that each supply of a site delivers, with the overhead of the site, stacked. Sites with one factor "
            "are there if another one has a list of supplies. A gap means that a host, the meter of a supply or the "
            "overhead of the site is not measured.",
            units.Watt,
        )
        .span(6)
        .with_target(over_time(f"sum by (site, supply) ({POWER})", SUPPLY))
    )

    yield (
        stacked(
            "CO2 by supply",
            "Grams of CO2 per hour of each supply (location-based), stacked: together that of the sites. A gap means "
            "that a supply has no factor, or that its power is not known.",
            GRAMS_PER_HOUR,
        )
        .span(6)
        .with_target(over_time(f"3600 * sum by (site, supply) ({CO2})", SUPPLY))
    )

    yield merged(
        "Software Carbon Intensity",
        "Embodied emissions of each application, by its part of the power of the hosts, and SCI (ISO/IEC 21031): CO2 "
        "by location with overhead, and embodied emissions, of all and for one unit. An empty cell is a gap: a factor "
        "is not known, a host on the path has no stated emissions, or nothing was counted.",
        {"application": "Application"},
        [
            Column("Embodied", GRAMS_PER_HOUR, f"3600 * {_sum('embodied_grams_per_second')}"),
            Column("SCI", GRAMS_PER_HOUR, f"3600 * {_sum('sci_grams_per_second')}"),
            Column("Per request", units.Gram, _sum("sci_grams_per_inference")),
            Column("Per token", units.Gram, _sum("sci_grams_per_token")),
            Column("Per bit", units.Gram, _sum("sci_grams_per_bit")),
        ],
    ).span(12)


def _sum(figure: str) -> str:
    return f"sum by (application) (application:{figure}{{{TOPOLOGY}}})"
