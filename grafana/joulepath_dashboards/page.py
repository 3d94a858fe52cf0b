# SPDX-License-Identifier: Apache-2.0
"""A page: its head, its variables, links to the other pages, and rows of panels. Each dashboard is one call."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.builders.dashboard import DashboardLink, DatasourceVariable, QueryVariable, Row
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from joulepath_dashboards.common import DATASOURCE, TOPOLOGY

TAG = "joulepath"
"""Of every page. The links of a page lead to all pages that have it."""


class Module(Protocol):
    """A module that is one row."""

    def row(self) -> Row:
        """The row's heading."""

    def panels(self) -> Iterator[Any]:
        """The row's panels, from left to right; each is a builder of a panel."""


Variable = DatasourceVariable | QueryVariable


def page(
    name: str, question: str, variables: Iterable[Variable], rows: Iterable[Module], tags: Iterable[str] = ()
) -> Dashboard:
    """The dashboard "Joulepath: NAME" with `question` as its description. The data source is its first variable."""
    builder = (
        Builder(f"Joulepath: {name}")
        .uid(uid(name))
        .description(question)
        .tags([TAG, "energy", *tags])
        .link(
            DashboardLink("Joulepath")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .readonly()  # it is generated: a change made in Grafana would be lost
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .variables([DatasourceVariable("datasource").label("Data source").type("prometheus"), *variables])
    )
    for module in rows:
        builder = builder.with_row(module.row())
        for panel in module.panels():
            builder = builder.with_panel(panel)
    return builder.build()


def uid(name: str) -> str:
    """The id of a page, which its address has."""
    return f"joulepath-{name.lower().replace(' ', '-')}"


def topology() -> QueryVariable:
    """One at a time, at first the first: each adds up to its own meters, and names may recur in another."""
    return _labels("topology", "Topology", "label_values(attribution:heartbeat, topology)")


def applications() -> QueryVariable:
    """Several or all."""
    variable = application().multi(True).include_all(True)
    return variable.current(VariableOption(selected=True, text=["All"], value=["$__all"]))


def application() -> QueryVariable:
    """All that is covered, not only all that is complete: an application with a gap must be there to be looked into."""
    covered = f'application:power_covered_watts{{{TOPOLOGY},application!="unattributed"}}'
    return _labels("application", "Application", f"label_values({covered}, application)")


def model() -> QueryVariable:
    """One at a time: a curve is of one model."""
    return _labels("model", "Model", f"label_values(component:tokens:rate{{{TOPOLOGY}}}, component)")


def label() -> QueryVariable:
    """One label of applications and components: the first word of series, such as `team:application_power_watts`."""
    series = f'{{__name__=~".+:(application|component)_power_watts",{TOPOLOGY}}}'
    named = _labels("label", "Label", f"label_values({series}, __name__)")
    return named.regex("/(.+):(?:application|component)_power_watts/")


def devices() -> QueryVariable:
    """PDUs: several or all."""
    variable = _labels("device", "PDU", "label_values(pdu_up, instance)").multi(True).include_all(True)
    return variable.current(VariableOption(selected=True, text=["All"], value=["$__all"]))


def _labels(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(False)
        .include_all(False)
    )
