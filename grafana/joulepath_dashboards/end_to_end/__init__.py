# SPDX-License-Identifier: Apache-2.0
"""The dashboard "end to end": from the plugs to the applications, and whether it adds up. One module per row."""

from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from joulepath_dashboards.common import DATASOURCE, TOPOLOGY
from joulepath_dashboards.end_to_end import applications, budgets, conservation, gaps, one_application, overview

DESCRIPTION = (
    "Energy and CO2 of applications along their path: network functions, supporting functions, models. "
    "A gap means that something on the way was not measured; it is never drawn as 0."
)
ROWS = (overview, applications, one_application, gaps, conservation, budgets)


def dashboard() -> Dashboard:
    """The whole page."""
    page = (
        Builder("Joulepath: end to end")
        .uid("joulepath-end-to-end")
        .description(DESCRIPTION)
        .tags(["joulepath", "energy", "co2"])
        .readonly()  # it is generated: a change made in Grafana would be lost
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .variables([_datasource(), _topology(), _application()])
    )
    for row in ROWS:
        page = page.with_row(row.row())
        for panel in row.panels():
            page = page.with_panel(panel)
    return page.build()


def _datasource() -> DatasourceVariable:
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def _topology() -> QueryVariable:
    """One at a time, at first the first: each adds up to its own meters, and names may recur in another."""
    return (
        QueryVariable("topology")
        .label("Topology")
        .datasource(DATASOURCE)
        .query("label_values(attribution:heartbeat, topology)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(False)
        .include_all(False)
    )


def _application() -> QueryVariable:
    """All that is covered, not only all that is complete: an application with a gap must be there to be looked into."""
    return (
        QueryVariable("application")
        .label("Application")
        .datasource(DATASOURCE)
        .query(f'label_values(application:power_covered_watts{{{TOPOLOGY},application!="unattributed"}}, application)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
