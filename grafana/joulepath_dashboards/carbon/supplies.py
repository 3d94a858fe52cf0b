# SPDX-License-Identifier: Apache-2.0
"""The supplies of the sites: their shares, and the power and CO2 of each."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import GRAMS_PER_HOUR, TOPOLOGY, lines, over_time, stacked

SHARE = f"supply:share:ratio{{{TOPOLOGY}}}"
POWER = f"supply:power_watts{{{TOPOLOGY}}}"
CO2 = f'supply:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'
SUPPLY = "{{site}} {{supply}}"


def row() -> Row:
    """The row's heading."""
    return Row("Supplies")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Share of each supply",
            "The part of a site's power that each supply delivers, at sites with several: together 100 % of the site. "
            "A gap means that the meter of a supply of the site is not read, or that no site has several supplies.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(
            over_time(f"sum by (site, supply) ({SHARE}) and on (site) (count by (site) ({SHARE}) > 1)", SUPPLY)
        )
    )

    yield (
        stacked(
            "Power by supply",
            "Watts that each supply of a site delivers, with the overhead of the site, stacked. Sites with one factor "
            "are there if another one has a list of supplies. A gap means that a host, the meter of a supply or the "
            "overhead of the site is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (site, supply) ({POWER})", SUPPLY))
    )

    yield (
        stacked(
            "CO2 by supply",
            "Grams of CO2 per hour of each supply (location-based), stacked: together that of the sites. A gap means "
            "that a supply has no factor, or that its power is not known.",
            GRAMS_PER_HOUR,
        )
        .span(8)
        .with_target(over_time(f"3600 * sum by (site, supply) ({CO2})", SUPPLY))
    )
