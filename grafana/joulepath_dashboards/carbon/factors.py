# SPDX-License-Identifier: Apache-2.0
"""The factors that count now: of each supply, with its source and age, and of a kWh at each site."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, GRAMS_PER_KWH, TOPOLOGY, lines, over_time
from joulepath_dashboards.tables import Column, merged

INFO = f"supply:factor:info{{{TOPOLOGY}}}"
INTENSITY = f"supply:co2_grams_per_kilowatt_hour{{{TOPOLOGY}}}"
MARKET = r"/\(market\)$/"
"""The lines by contract, which are often those by place, too."""
KEYS = {
    "site": "Site",
    "supply": "Supply",
    "basis": "Basis",
    "factor": "Factor",
    "source": "Source",
    "grid_zone": "Zone",
    "boundary": "Boundary",
    "state": "State",
}
# An exporter names the kind of a live value, which the rules call the factor.
UPDATED = (
    "max by (grid_zone, source, boundary, state, factor) (label_replace("
    'grid_carbon_intensity_updated_timestamp_seconds, "factor", "$1", "kind", "(.*)"))'
)


def row() -> Row:
    """The row's heading."""
    return Row("Factors")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    keys = ", ".join(KEYS)
    yield merged(
        "Factors in use",
        "The factor that each supply of each site has now, by place (location) and by contract (market): a constant of "
        "the topology, or the average or marginal value of a zone with its source, boundary and state. The age is that "
        "of a live value; constants and averages of a year have none. An empty cell means that the factor has no such "
        "label, and a missing row that the supply has no factor now.",
        KEYS,
        [
            Column(
                "Intensity",
                GRAMS_PER_KWH,
                f"sum by ({keys}) ({INFO} * on (site, supply, basis) group_left () {INTENSITY})",
            ),
            Column(
                "Age",
                units.Seconds,
                f"sum by ({keys}) ({INFO} * on (grid_zone, source, boundary, state, factor) group_left () "
                f"(time() - {UPDATED}))",
                none="none",
            ),
        ],
    ).height(10)

    yield (
        lines(
            "Intensity of each supply",
            "Grams of CO2 for a kWh of each supply, by place (location) and by contract (market, dashed), as the rules "
            "use them. A gap means that a source gives no value that counts, or that the topology states no factors.",
            GRAMS_PER_KWH,
        )
        .with_target(over_time(f"sum by (site, supply, basis) ({INTENSITY})", "{{site}} {{supply}} ({{basis}})"))
        .override_by_regexp(MARKET, DASHED)
    )

    yield (
        lines(
            "Intensity of each site",
            "Grams of CO2 for a kWh of each site, of all of its supplies in their shares, by place (location) and by "
            "contract (market, dashed). A gap means that a supply that delivers something has no factor, that a host "
            "of the site is not measured, or that the site takes nothing.",
            GRAMS_PER_KWH,
        )
        .with_target(over_time(SITES, "{{site}} ({{basis}})"))
        .override_by_regexp(MARKET, DASHED)
    )


SITES = (
    f"3.6e6 * sum by (site, basis) (site:co2_grams_per_second{{{TOPOLOGY}}})"
    f" / on (site) group_left () (sum by (site) (site:facility_power_watts{{{TOPOLOGY}}}) > 0)"
)
"""Grams for a kWh with the overhead of the site."""
