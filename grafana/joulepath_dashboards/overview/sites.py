# SPDX-License-Identifier: Apache-2.0
"""The sites: power over time, and power and energy of each."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import RANGE_STEP, RANGE_STEPS, TOPOLOGY, in_range, over_time, stacked
from joulepath_dashboards.declared import SOURCES
from joulepath_dashboards.tables import Column, merged

HOSTS = f"host:power_watts{{{TOPOLOGY}}}"
# The sum over a site's hosts, only while each declared one is there.
COMPLETE = (
    f"sum by (site) ({HOSTS}) and on (site) "
    f"(count by (site) ({HOSTS}) == on (site) count by (site) (group by (host, site) ({SOURCES})))"
)
COLUMNS = (
    Column("Power", units.Watt, COMPLETE),
    Column("Energy in the range", units.WattHour, f"{in_range(HOSTS, 'site')} / 3600"),
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
            "Power of each site, energy over the chosen time range as far as its hosts were measured, and how many of "
            "its hosts are; an empty cell means that a host of the site is not measured.",
            {"site": "Site"},
            COLUMNS,
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(12)
    )

    yield stacked(
        "Power by site",
        "Watts of each site, stacked; a gap means that a host of the site is not measured.",
        units.Watt,
    ).with_target(over_time(COMPLETE, "{{site}}"))
