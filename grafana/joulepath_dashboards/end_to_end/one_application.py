# SPDX-License-Identifier: Apache-2.0
"""Where one application's watts go: a row for each one selected, since a sum over several would hide the gap of one."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import SELECTED, over_time, stacked


def row() -> Row:
    """The row's heading; Grafana repeats the row for each selected application."""
    return Row("$application").repeat("application")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        stacked(
            "$application: network against compute",
            "Watts by segment: network functions, models (compute), the device itself, and what supports them; a gap "
            "means that a component on the path is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (segment) (application:power_watts{{{SELECTED}}})", "{{segment}}"))
    )

    yield (
        stacked(
            "$application: static against dynamic",
            "Watts that are drawn at idle as well (static) and those that follow the work (dynamic), undivided where "
            "the topology does not say what a host draws at idle; a gap means that a component is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (part) (application:power_part_watts{{{SELECTED}}})", "{{part}}"))
    )

    yield (
        stacked(
            "$application: by component",
            "Watts at each component of the path as far as they are measured; a component that is missing here is the "
            "gap in the other panels.",
            units.Watt,
        )
        .span(8)
        .with_target(
            over_time(
                f"sum by (component, host) (application_component:power_watts{{{SELECTED}}})",
                "{{component}} on {{host}}",
            )
        )
    )
