# SPDX-License-Identifier: Apache-2.0
"""Declared hosts and components, each with the part of the time range in which it was measured: 0 % never was."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import common, statetimeline, table
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import RANGE_STEP, RANGE_STEPS, TOPOLOGY, over_time, states
from joulepath_dashboards.declared import measured_components, measured_hosts
from joulepath_dashboards.tables import Column, merged

PART = "Measured part of the range"


def row() -> Row:
    """The row's heading."""
    return Row("Declared, and measured")


def panels() -> Iterator[table.Panel | statetimeline.Panel]:
    """The row's panels, from left to right."""
    yield _ranged(
        merged(
            "Declared hosts",
            "Every host of the topology, with the part of the chosen time range in which its power was measured: 0 % "
            "is a host that never was. A missing row means that the topology's constants are not in this Prometheus.",
            {"host": "Host"},
            [Column(PART, units.PercentUnit, measured_hosts())],
        )
    )

    yield _ranged(
        merged(
            "Declared components",
            "Every component of the topology on each of its hosts, with the part of the chosen time range in which its "
            "share was measured: 0 % is one that never was. A missing row means that the topology's constants are not "
            "in this Prometheus.",
            {"component": "Component", "host": "Host"},
            [Column(PART, units.PercentUnit, measured_components())],
        )
    )

    yield states(
        "Missing readings",
        "Which source of which tier of a host was not read, and when; nothing is missing where there is no bar.",
        {1: ("missing", "red")},
    ).with_target(
        over_time(
            f"group by (host, tier, source) (host:missing:info{{{TOPOLOGY}}})",
            "{{host}} tier {{tier}} source {{source}}",
        )
    )


def _ranged(panel: table.Panel) -> table.Panel:
    """With that on top which was measured least."""
    least_first = common.TableSortByFieldState().display_name(PART).desc(False)
    return panel.sort_by([least_first]).interval(RANGE_STEP).max_data_points(RANGE_STEPS).span(8)
