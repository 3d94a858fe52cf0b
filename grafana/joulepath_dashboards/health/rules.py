# SPDX-License-Identifier: Apache-2.0
"""The rules: how much of their interval they take, and what did not run. Prometheus counts it, if it scrapes itself."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, lines, over_time

RATE = "[$__rate_interval]"
NOT_SCRAPED = "a gap means that this Prometheus does not scrape itself."


def _by_group(expr: str) -> str:
    """The largest of each group. A group is named FILE;GROUP."""
    return f'max by (group) (label_replace({expr}, "group", "$1", "rule_group", ".*;(.+)"))'


def row() -> Row:
    """The row's heading."""
    return Row("Rules")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    duration, interval = "prometheus_rule_group_last_duration_seconds", "prometheus_rule_group_interval_seconds"
    yield (
        lines(
            "Time of the rules",
            f"Seconds that the last evaluation of each group of rules took; {NOT_SCRAPED}",
            units.Seconds,
        )
        .span(8)
        .with_target(over_time(_by_group(duration), "{{group}}"))
    )

    yield (
        lines(
            "Used part of the interval",
            "How much of its interval each group of rules takes: near 100 % it begins to miss evaluations, and figures "
            f"have gaps; {NOT_SCRAPED}",
            units.PercentUnit,
        )
        .span(8)
        .with_target(over_time(_by_group(f"{duration} / on (instance, job, rule_group) {interval}"), "{{group}}"))
    )

    yield (
        lines(
            "Missed and failed rules",
            "Evaluations per second that each group missed because the one before took too long, and rules that "
            f"failed: 0 while all is well; {NOT_SCRAPED}",
            units.CountsPerSecond,
        )
        .span(8)
        .with_target(
            over_time(_by_group(f"rate(prometheus_rule_group_iterations_missed_total{RATE})"), "{{group}} missed", "A")
        )
        .with_target(
            over_time(_by_group(f"rate(prometheus_rule_evaluation_failures_total{RATE})"), "{{group}} failed", "B")
        )
        .override_by_query("B", DASHED)
    )
