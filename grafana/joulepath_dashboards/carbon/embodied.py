# SPDX-License-Identifier: Apache-2.0
"""Embodied emissions of hosts and applications, and the Software Carbon Intensity (ISO/IEC 21031)."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    TOPOLOGY,
    bars,
    by_hour,
    closed_hour,
    now,
    over_time,
    stacked,
)
from joulepath_dashboards.tables import Column, merged

CO2 = f'application:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'


def row() -> Row:
    """The row's heading."""
    return Row("Embodied emissions and SCI")


def panels() -> Iterator[bargauge.Panel | table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield merged(
        "Software Carbon Intensity",
        "CO2 of each application by location, with overhead, and embodied emissions by its part of the power of the "
        "hosts: together the SCI (ISO/IEC 21031), of an hour and for one unit of its work. An empty cell is a gap: a "
        "factor is not known, a host on the path has no stated emissions, or nothing was counted.",
        {"application": "Application"},
        [
            Column("CO2", GRAMS_PER_HOUR, f"3600 * sum by (application) ({CO2})"),
            Column("Embodied", GRAMS_PER_HOUR, f"3600 * {_sum('embodied_grams_per_second')}"),
            Column("SCI", GRAMS_PER_HOUR, f"3600 * {_sum('sci_grams_per_second')}"),
            Column("SCI per request", units.Gram, _sum("sci_grams_per_inference")),
            Column("SCI per token", units.Gram, _sum("sci_grams_per_token")),
            Column("SCI per megabit", units.Gram, f"1e6 * {_sum('sci_grams_per_bit')}"),
        ],
    )

    yield (
        bars(
            "Embodied emissions of hosts",
            "Grams of CO2 per hour of making each host with its GPUs, spread evenly over its life. A gap means that "
            "the topology states them for no host.",
            GRAMS_PER_HOUR,
        )
        .span(8)
        .with_target(now(f"sort_desc(3600 * sum by (host) (host:embodied_grams_per_second{{{TOPOLOGY}}}))", "{{host}}"))
    )

    yield (
        stacked(
            "SCI by application",
            "Grams of CO2 per hour of each application and of `unattributed`, use and making together, stacked. A gap "
            "means that its CO2 is not known, or that a host on its path has no stated emissions.",
            GRAMS_PER_HOUR,
        )
        .span(8)
        .with_target(over_time(f"3600 * {_sum('sci_grams_per_second')}", "{{application}}"))
    )

    yield (
        by_hour(
            "SCI by hour",
            "Grams of CO2 of each application in each of the last 24 closed UTC hours, use and making together. A gap "
            "means that less than half of the hour was known, or that no hour has closed since the rules run.",
            units.Gram,
        )
        .span(8)
        .with_target(
            over_time(f"sum by (application) ({closed_hour('application:sci_grams:1h', TOPOLOGY)})", "{{application}}")
        )
    )


def _sum(figure: str) -> str:
    return f"sum by (application) (application:{figure}{{{TOPOLOGY}}})"
