# SPDX-License-Identifier: Apache-2.0
"""The application's power in other divisions, and what a unit of its work costs."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, lines, over_time, stacked


def row() -> Row:
    """The row's heading."""
    return Row("Divided otherwise, and by work")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        stacked(
            "Network against compute",
            "Watts by segment: network functions, models (compute), the device itself, and supporting functions; a gap "
            "means that a component on the path is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (segment) (application:power_watts{{{CHOSEN}}})", "{{segment}}"))
    )

    yield (
        stacked(
            "Static against dynamic",
            "Watts that are drawn at idle as well (static) and those that follow the work (dynamic), undivided where "
            "the topology does not say what a host draws at idle; a gap means that a component is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (part) (application:power_part_watts{{{CHOSEN}}})", "{{part}}"))
    )

    yield (
        lines(
            "Energy per megabit",
            "Joules that the network segment spends for a megabit of the application; a gap means a gap in its power, "
            "or that no bit flowed.",
            units.Joule,
        )
        .span(8)
        .with_target(
            over_time(f"1e6 * sum by (application) (application:joules_per_bit{{{CHOSEN}}})", "{{application}}")
        )
    )
