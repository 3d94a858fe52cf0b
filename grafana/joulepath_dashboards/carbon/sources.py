# SPDX-License-Identifier: Apache-2.0
"""The sources of live factors as `joulepath carbon` shows them: their values, their age, and whether they answer."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import GRAMS_PER_KWH, lines, over_time, states

VALUE = "{{grid_zone}} {{source}} {{boundary}} {{state}}"
BY = "grid_zone, source, boundary, state"
UPDATED = "grid_carbon_intensity_updated_timestamp_seconds"


def row() -> Row:
    """The row's heading."""
    return Row("Sources")


def panels() -> Iterator[statetimeline.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    for kind, meaning in (
        ("average", "of the mean of all generation"),
        ("marginal", "of the power stations that follow one kWh more or less"),
    ):
        yield (
            lines(
                f"{kind.capitalize()} intensity by zone",
                f"Grams of CO2 for a kWh {meaning}, as each source says it. A `forecast` is shown and never counts. A "
                f"gap means that no exporter shows {kind} factors, or that a value is older than its source allows.",
                GRAMS_PER_KWH,
            )
            .span(8)
            .with_target(over_time(f"max by ({BY}) (grid_carbon_intensity_{kind}_grams_per_kilowatt_hour)", VALUE))
        )

    yield (
        lines(
            "Age of live values",
            "Time since the end of the interval that a value is of. The exporter withdraws a value after the limit "
            "of its source. A gap means that no exporter shows live values; an average of a year has no age.",
            units.Minutes,
        )
        .span(8)
        .with_target(over_time(f"clamp_min(time() - max by ({BY}, kind) ({UPDATED}), 0) / 60", f"{VALUE} {{{{kind}}}}"))
    )

    yield (
        states(
            "Answers of sources",
            "Whether the last request for a zone succeeded: while one fails, its last value stays until the limit of "
            "the source. A gap means that `joulepath carbon` is not scraped, or asks no source on the Internet.",
            {1: ("answers", "green"), 0: ("fails", "red")},
        )
        .span(24)
        .height(5)
        .with_target(over_time("min by (grid_zone, source, boundary) (carbon_up)", "{{source}} {{grid_zone}}"))
    )
