# SPDX-License-Identifier: Apache-2.0
"""Closed hours: SCI, and CO2 as it was recorded beside what `joulepath carbon settle` made of it."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, TOPOLOGY, by_hour, closed_hour, lines, over_time

LOCATION = f'{TOPOLOGY},basis="location"'


def row() -> Row:
    """The row's heading."""
    return Row("Closed hours")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    recorded, settled = (
        f"sum by (application) ({closed_hour(f'application:{name}:1h', LOCATION)})"
        for name in ("co2_grams", "settled_co2_grams")
    )
    yield (
        lines(
            "Recorded against settled",
            "Grams of CO2 (location-based) of each application in each of the last 24 closed UTC hours: with the "
            "factors that were known then, and (dashed) with those that their sources have settled since. A gap means "
            "that less than half of the hour was known, or that `joulepath carbon settle` has not settled it.",
            units.Gram,
        )
        .interval("1h")
        .time_from("1d")
        .with_target(over_time(recorded, "{{application}}", "A"))
        .with_target(over_time(settled, "{{application}} settled", "B"))
        .override_by_query("B", DASHED)
    )

    yield by_hour(
        "SCI by hour",
        "Grams of CO2 of each application in each of the last 24 closed UTC hours, use and making together. A gap "
        "means that less than half of the hour was known, or that no hour has closed since the rules run.",
        units.Gram,
    ).with_target(
        over_time(f"sum by (application) ({closed_hour('application:sci_grams:1h', TOPOLOGY)})", "{{application}}")
    )
