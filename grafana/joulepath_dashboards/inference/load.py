# SPDX-License-Identifier: Apache-2.0
"""Curves of the selected application: what a unit of its work costs, against how much of it there is."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import xychart
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.xychart import SeriesMapping, XYShowMode

from joulepath_dashboards.common import CHOSEN, DATASOURCE, empty, over_time


def row() -> Row:
    """The row's heading."""
    return Row("$application against load")


def panels() -> Iterator[xychart.Panel]:
    """The row's panels, from left to right."""
    yield _curve(
        "Energy per token against tokens",
        "Joules of the whole path for a generated token, over generated tokens per second: a point for each step of "
        "the time range. It falls with load while power is drawn at idle, too. A gap means that nothing was generated.",
        (f"sum(application:tokens:rate{{{CHOSEN}}})", "tokens/s", units.CountsPerSecond),
        (f"sum(application:joules_per_token{{{CHOSEN}}})", "J per token"),
    )
    yield _curve(
        "Energy per request against requests",
        "Joules of the whole path for a request, over requests per second: a point for each step of the time range. It "
        "falls with load while power is drawn at idle, too. A gap means that nothing was asked.",
        (f"sum(application:inferences:rate{{{CHOSEN}}})", "requests/s", units.RequestsPerSecond),
        (f"sum(application:joules_per_inference{{{CHOSEN}}})", "J per request"),
    )


def _curve(title: str, description: str, load: tuple[str, str, str], cost: tuple[str, str]) -> xychart.Panel:
    """Points of two queries at the same times: load along the axis, cost up."""
    (load_expr, load_name, load_unit), (cost_expr, cost_name) = load, cost
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
        .with_target(over_time(load_expr, load_name, "A"))
        .with_target(over_time(cost_expr, cost_name, "B"))
        .with_transformation(DataTransformerConfig("joinByField", options={"byField": "Time", "mode": "inner"}))
        .with_transformation(DataTransformerConfig("organize", options={"excludeByName": {"Time": True}}))
        .override_by_name(load_name, [DynamicConfigValue("unit", load_unit)])
        .override_by_name(cost_name, [DynamicConfigValue("unit", units.Joule)])
        .height(8)
        .span(12)
    )
