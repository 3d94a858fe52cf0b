# SPDX-License-Identifier: Apache-2.0
"""Budgets of applications: how much is used, and whether it will last."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import bargauge, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, SELECTED, bars, limits, lines, now, over_time


def row() -> Row:
    """The row's heading."""
    return Row("Budgets")


def panels() -> Iterator[bargauge.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        bars(
            "Budgets now",
            "The used and the projected part of each budget of the applications in its running period: beyond 100 % "
            "the alerts EnergyBudgetExceeded and EnergyBudgetProjected fire; a gap means that the amount is not known.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .thresholds(limits(warning=0.8, critical=1))
        .with_target(now(f"budget:used:ratio{{{SELECTED}}}", "{{budget}} ({{application}}) used", "A"))
        .with_target(now(f"budget:projected:ratio{{{SELECTED}}}", "{{budget}} ({{application}}) projected", "B"))
    )

    yield (
        lines(
            "Energy against budget",
            "Joules used since the period of each energy budget began, and the limit; a gap means that a component on "
            "the path was not measured at all in that period.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(f"budget:energy_joules{{{SELECTED}}}", "{{budget}} ({{application}}) used", "A"))
        .with_target(over_time(f"budget:limit_joules{{{SELECTED}}}", "{{budget}} ({{application}}) limit", "B"))
        .override_by_query("B", DASHED)
    )

    yield (
        lines(
            "Budget coverage",
            "The known part of the time that has passed of each budget's period; gaps after the first measurement are "
            "charged with the mean of the known part. A gap means that the rules of budgets do not run.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(over_time(f"budget:coverage:ratio{{{SELECTED}}}", "{{budget}} ({{application}})"))
    )
