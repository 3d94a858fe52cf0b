# SPDX-License-Identifier: Apache-2.0
"""Does it add up: what the plugs say against the sum of what was given to applications."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, TOPOLOGY, lines, over_time


def row() -> Row:
    """The row's heading."""
    return Row("Does it add up?")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Measured against sum",
            "Watts at each host's plugs, and the sum over its applications with unattributed: the lines lie on each "
            "other unless a rule is wrong; a gap means that the host is not measured.",
            units.Watt,
        )
        .with_target(over_time(f"sum by (host) (host:power_watts{{{TOPOLOGY}}})", "{{host}} measured", "A"))
        .with_target(over_time(f"sum by (host) (application_component:power_watts{{{TOPOLOGY}}})", "{{host}} sum", "B"))
        .override_by_query("B", DASHED)
    )

    yield (
        lines(
            "Conservation error",
            "Recorded power minus the recorded sum one level down, per host and per component: rounding, far below a "
            "milliwatt; a gap means that the host is not measured.",
            units.Watt,
        )
        .with_target(over_time(f"host:conservation_error_watts{{{TOPOLOGY}}}", "{{host}}", "A"))
        .with_target(over_time(f"component:conservation_error_watts{{{TOPOLOGY}}}", "{{component}} on {{host}}", "B"))
    )
