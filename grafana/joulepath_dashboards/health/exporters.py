# SPDX-License-Identifier: Apache-2.0
"""The exporters: do their targets answer, are devices read, and what a scrape costs."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import lines, over_time, stacked

RATE = "[$__rate_interval]"


def row() -> Row:
    """The row's heading."""
    return Row("Exporters")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Targets that answer",
            "The part of each job's targets that answered their last scrape; a gap means that the job has no target.",
            units.PercentUnit,
        )
        .max(1)
        .span(6)
        .with_target(over_time("sum by (job) (up) / count by (job) (up)", "{{job}}"))
    )

    yield (
        stacked(
            "Readings by result",
            "Readings of devices and counters per second by result: success, failure, or missed because the one before "
            "took too long. A gap means that no exporter reads anything.",
            units.CountsPerSecond,
        )
        .span(6)
        .with_target(over_time(f"sum by (result) (rate(joulepath_polls_total{RATE}))", "{{result}}"))
    )

    yield (
        lines(
            "Time of a reading",
            "Mean seconds that a reading took, failed ones included, by job; a gap means that nothing was read.",
            units.Seconds,
        )
        .span(6)
        .with_target(
            over_time(
                f"sum by (job) (rate(joulepath_poll_duration_seconds_sum{RATE}))"
                f" / on (job) (sum by (job) (rate(joulepath_poll_duration_seconds_count{RATE})) > 0)",
                "{{job}}",
            )
        )
    )

    yield (
        lines(
            "Samples of a scrape",
            "Samples that the targets of each job give at a scrape, together: the number of series to store. A gap "
            "means that no target of the job answers.",
            units.Short,
        )
        .span(6)
        .with_target(over_time("sum by (job) (scrape_samples_scraped)", "{{job}}"))
    )
