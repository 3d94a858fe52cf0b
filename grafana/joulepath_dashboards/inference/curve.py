# SPDX-License-Identifier: Apache-2.0
"""Curves: a cost over a load, a point for each step of the time range."""

from typing import NamedTuple

from grafana_foundation_sdk.builders import xychart
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.xychart import SeriesMapping, XYShowMode

from joulepath_dashboards.common import DATASOURCE, empty, over_time


class Axis(NamedTuple):
    """The query of one axis, and its name and unit."""

    expr: str
    name: str
    unit: str = units.Joule


def curve(title: str, description: str, load: Axis, cost: Axis) -> xychart.Panel:
    """Points of two queries at the same times: load along the axis, cost up."""
    return (
        xychart.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(units.Joule)
        .no_value(empty(description))
        .mapping(SeriesMapping.AUTO)
        .show(XYShowMode.POINTS)
        .axis_soft_min(0)
        .with_target(over_time(load.expr, load.name, "A"))
        .with_target(over_time(cost.expr, cost.name, "B"))
        .with_transformation(DataTransformerConfig("joinByField", options={"byField": "Time", "mode": "inner"}))
        .with_transformation(DataTransformerConfig("organize", options={"excludeByName": {"Time": True}}))
        .override_by_name(load.name, [DynamicConfigValue("unit", load.unit)])
        .override_by_name(cost.name, [DynamicConfigValue("unit", cost.unit)])
        .height(8)
        .span(12)
    )
