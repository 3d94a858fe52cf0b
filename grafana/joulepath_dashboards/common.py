# SPDX-License-Identifier: Apache-2.0
"""Parts that all panels share: the data source, how a query is put, and how each kind of panel looks.

A gap in a series is information here, hence: lines are never drawn across one, and whatever shows a single value asks
for the present one only, so that it says "gap" instead of showing the last value there was.
"""

import re
from collections.abc import Mapping

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    BarGaugeDisplayMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
GRAMS_PER_HOUR = "suffix: g/h"  # Grafana has no unit for it
GRAMS_PER_KWH = "suffix: g/kWh"
PER_HOUR = "suffix: /h"  # of any currency
GAP = "gap"
DASHED = [DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})]  # one line must not hide another

RANGE_STEPS = 11000
"""Steps of a query over the whole range: 15 s each up to 45 hours, longer ones beyond."""
RANGE_STEP = "15s"

# Every selector of a recorded series has one of these, so that a page shows one topology: applications of two may have
# the same name.
# Grafana quotes a variable for a regular expression only where it may have several values. SELECTED is for pages with
# `applications()`, CHOSEN for those with `application()`: as a regular expression, cam.1 would be cam-1 as well.
TOPOLOGY = 'topology="$topology"'
SELECTED = f'{TOPOLOGY},application=~"$application"'
CHOSEN = f'{TOPOLOGY},application="$application"'
UNATTRIBUTED = f'{TOPOLOGY},application="unattributed"'


def in_range(series: str, by: str) -> str:
    """The integral over the dashboard's time range of a series that is a rate: W to J, g/s to g. Gaps add nothing.

    `max_data_points` and `interval` of the panel bound the steps: see `RANGE_STEPS`.
    """
    return f"sum by ({by}) (sum_over_time({series}[$__range:$__interval])) * $__interval_ms / 1000"


def known_part(series: str, by: str) -> str:
    """The part of the time range, as far as rules ran in it, in which a series was there."""
    ran = f"max(count_over_time(attribution:heartbeat{{{TOPOLOGY}}}[$__range:$__interval]))"
    return f"max by ({by}) (count_over_time({series}[$__range:$__interval])) / on () group_left () {ran}"


def over_time(expr: str, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """A query over the dashboard's time range."""
    return _query(expr, ref_id).legend_format(legend).range()


def now(expr: str, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """A query for the value at the end of the dashboard's time range."""
    return _query(expr, ref_id).legend_format(legend).instant()


def column(expr: str, ref_id: str) -> prometheus.Dataquery:
    """A query for one column of a table; its labels are the table's rows."""
    return _query(expr, ref_id).format(PromQueryFormat.TABLE).instant()


def _query(expr: str, ref_id: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).expr(expr).ref_id(ref_id)


def empty(description: str) -> str:
    """The sentence in a panel without data: what its description says of gaps. Raises ValueError if that is nothing."""
    said = r"[Aa] gap means (?:that )?(?P<reason>[^.;]+)|(?P<none>[Nn]othing [^.;]+ where there is no bar)"
    if not (found := re.search(said, description)):
        raise ValueError(f"{description!r} does not say what a gap means")
    return f"No data: {found['reason'] or found['none']}."


def lines(title: str, description: str, unit: str) -> timeseries.Panel:
    """Lines over time."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty(description))
        .span_nulls(False)
        .show_points(VisibilityMode.AUTO)
        .fill_opacity(0)
        .axis_soft_min(0)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .height(8)
        .span(12)
    )


def stacked(title: str, description: str, unit: str) -> timeseries.Panel:
    """Areas over time, one on another: only for parts of one whole."""
    return (
        lines(title, description, unit)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
        .fill_opacity(40)
    )


def by_hour(title: str, description: str, unit: str) -> timeseries.Panel:
    """Stacked bars of the closed UTC hours of the last day, whatever the dashboard's time range."""
    return (
        stacked(title, description, unit)
        .draw_style(GraphDrawStyle.BARS)
        .bar_alignment(BarAlignment.BEFORE)
        .fill_opacity(80)
        .interval("1h")
        .time_from("1d")
    )


def closed_hour(series: str, selector: str) -> str:
    """The record of the hour that ends at a full hour. Its sample is written some minutes later."""
    return f"last_over_time({series}{{{selector}}}[1h] offset -30m)"


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["last"])


def figure(title: str, description: str, unit: str) -> stat.Panel:
    """One present value, in large."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(GAP)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(_last())
        .thresholds(limits())
        .height(4)
        .span(4)
    )


def money(title: str, description: str, unit: str) -> stat.Panel:
    """Present amounts of money, each with its currency: a single value would have no name."""
    return figure(title, description, unit).text_mode(BigValueTextMode.VALUE_AND_NAME)


def bars(title: str, description: str, unit: str) -> bargauge.Panel:
    """Present values side by side, as bars."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty(description))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .thresholds(limits())  # without any, Grafana has red from 80 on, whatever the unit
        .reduce_options(_last())
        .orientation(VizOrientation.HORIZONTAL)
        .min(0)
        .height(8)
        .span(12)
    )


def rows(title: str, description: str, unit: str) -> table.Panel:
    """A table of present values."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(GAP)
        .height(8)
        .span(24)
    )


def states(title: str, description: str, names: Mapping[int, tuple[str, str]]) -> statetimeline.Panel:
    """States over time: each value by its name and colour, and a gap for none of them."""
    mapping = ValueMap(
        options={
            str(value): ValueMappingResult(text=name, color=colour, index=place)
            for place, (value, (name, colour)) in enumerate(names.items())
        }
    )
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(units.NoUnit)
        .no_value(empty(description))
        .mappings([mapping])
        .span_nulls(False)
        .show_value(VisibilityMode.AUTO)
        .merge_values(True)
        .legend(_legend())
        .height(8)
        .span(8)
    )


def limits(warning: float | None = None, critical: float | None = None) -> dashboard.ThresholdsConfig:
    """Green, orange from `warning` on, red from `critical` on."""
    steps = [(None, "green"), (warning, "orange"), (critical, "red")]
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value, colour) for value, colour in steps if value is not None or colour == "green"])
    )
