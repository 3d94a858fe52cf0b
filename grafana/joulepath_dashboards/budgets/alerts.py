# SPDX-License-Identifier: Apache-2.0
"""The alerts that the rules of topologies raise. Prometheus records them as ALERTS."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, statetimeline, table
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, figure, limits, now, over_time, states
from joulepath_dashboards.tables import Column, merged

OURS = 'alertname=~"Energy.*"'
FIRING = f'ALERTS{{{OURS},alertstate="firing"'
SEVERITIES = {
    "critical": limits(critical=1),
    "warning": limits(warning=1),
    "info": limits(),
}


def row() -> Row:
    """The row's heading."""
    return Row("Alerts")


def panels() -> Iterator[stat.Panel | table.Panel | statetimeline.Panel]:
    """The row's panels, from left to right."""
    for severity, thresholds in SEVERITIES.items():
        yield (
            figure(
                f"Firing: {severity}",
                f"How many alerts of severity {severity} fire; a gap means that the rules do not run here.",
                units.Short,
            )
            .thresholds(thresholds)
            .span(8)
            .with_target(
                now(
                    f'count({FIRING},severity="{severity}"}}) or 0 * group(attribution:heartbeat{{{TOPOLOGY}}})',
                    severity,
                )
            )
        )

    yield merged(
        "Firing alerts",
        "How often each alert fires now: once for each host, application or budget that it is about. A missing row "
        "means that the alert does not fire.",
        {"alertname": "Alert", "severity": "Severity"},
        [Column("Firing", units.Short, f"count by (alertname, severity) ({FIRING}}})")],
    ).span(8)

    yield (
        states(
            "Alerts over time",
            "When each alert was pending and when it fired; a gap means that it did neither.",
            {2: ("firing", "red"), 1: ("pending", "orange")},
        )
        .span(16)
        .with_target(
            over_time(
                f"2 * group by (alertname) ({FIRING}}})"
                f' or group by (alertname) (ALERTS{{{OURS},alertstate="pending"}})',
                "{{alertname}}",
            )
        )
    )
