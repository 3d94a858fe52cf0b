# SPDX-License-Identifier: Apache-2.0
"""The sites: power over time, and power and energy of each."""

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
    over_time,
    stacked,
)
from joulepath_dashboards.declared import SOURCES
from joulepath_dashboards.tables import Column, merged

HOSTS = f"host:power_watts{{{TOPOLOGY}}}"
CO2 = f'site:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'
# The sum over a site's hosts, only while each declared one is there.
COMPLETE = (
    f"sum by (site) ({HOSTS}) and on (site) "
    f"(count by (site) ({HOSTS}) == on (site) count by (site) (group by (host, site) ({SOURCES})))"
)
COLUMNS = (
    # Of the same evaluation as those with overhead, which may be one later than that of hosts.
    Column(
        "Power",
        units.Watt,
        f"sum by (site) (site:facility_power_watts{{{TOPOLOGY}}}"
        f" / on (topology, site) site:overhead:ratio{{{TOPOLOGY}}})",
    ),
    Column("Overhead", units.Short, f"sum by (site) (site:overhead:ratio{{{TOPOLOGY}}})"),
    Column("With overhead", units.Watt, f"sum by (site) (site:facility_power_watts{{{TOPOLOGY}}})"),
    Column("CO2", GRAMS_PER_HOUR, f"3600 * sum by (site) ({CO2})"),
    Column("Energy in the range", units.WattHour, f"{in_range(HOSTS, 'site')} / 3600"),
    Column("CO2 in the range", units.Gram, in_range(CO2, "site")),
    Column("Measured hosts", units.Short, f"count by (site) ({HOSTS})"),
    Column("Declared hosts", units.Short, f"count by (site) (group by (host, site) ({SOURCES}))"),
)


def row() -> Row:
    """The row's heading."""
    return Row("Sites")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        merged(
            "Sites",
            "Power of the hosts of each site, its overhead (PUE) and power with it, CO2, energy and CO2 over the "
            "chosen time range as far as they were known, and how many of its hosts are measured; an empty cell means "
            "that a host of the site is not measured, or that the site has no grid intensity.",
            {"site": "Site"},
            COLUMNS,
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .height(6)
    )

    yield (
        stacked(
            "Power by site",
            "Watts of each site, stacked; a gap means that a host of the site is not measured.",
            units.Watt,
        )
        .span(12)
        .with_target(over_time(COMPLETE, "{{site}}"))
    )

    yield (
        stacked(
            "CO2 by site",
            "Grams of CO2 per hour of each site (location-based), stacked; a gap means that a host of the site is not "
            "measured, or that the site has no grid intensity.",
            GRAMS_PER_HOUR,
        )
        .span(12)
        .with_target(over_time(f"3600 * sum by (site) ({CO2})", "{{site}}"))
    )
