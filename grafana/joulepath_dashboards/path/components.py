# SPDX-License-Identifier: Apache-2.0
"""The application at each component of its path."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import bargauge, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, TOPOLOGY, bars, lines, now, over_time, stacked, states

WATTS = f"sum by (component, host) (application_component:power_watts{{{CHOSEN}}})"
PLACE = "{{component}} on {{host}}"


def row() -> Row:
    """The row's heading."""
    return Row("Component by component")


def panels() -> Iterator[bargauge.Panel | timeseries.Panel | statetimeline.Panel]:
    """The row's panels, from left to right."""
    yield (
        bars(
            "Power at each component now",
            "Watts of the application at each component of its path, largest first; a gap means that its share is not "
            "known at any of them.",
            units.Watt,
        )
        .span(8)
        .with_target(now(f"sort_desc({WATTS})", PLACE))
    )

    yield (
        stacked(
            "Power at each component",
            "Watts of the application at each component, stacked; a gap means that its share is not known there.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(WATTS, PLACE))
    )

    yield (
        lines(
            "Its part of each component",
            "The application's part of what each component draws on a host; a gap means that its share is not known "
            "there, or that the component draws nothing.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(
            over_time(
                f"{WATTS} / on (component, host) (sum by (component, host) (component:power_watts{{{TOPOLOGY}}}) > 0)",
                PLACE,
            )
        )
    )

    yield (
        states(
            "Missing components",
            "At which component the application's share was not known, and when: why its total is a gap; nothing is "
            "missing where there is no bar.",
            {1: ("missing", "red")},
        )
        .span(24)
        .height(6)
        .with_target(over_time(f"group by (component, host) (application:missing:info{{{CHOSEN}}})", PLACE))
    )

    yield (
        states(
            "How it is counted",
            "The ways in which the application is told from others, and the components that count it: by its IOAM "
            "traces, its flows, a query, or requests; a gap means that the rules did not run.",
            {1: ("counted", "blue")},
        )
        .span(24)
        .height(5)
        .with_target(
            over_time(f"group by (counter, way) (application:counted:info{{{CHOSEN}}})", "{{way}} at {{counter}}")
        )
    )
