# SPDX-License-Identifier: Apache-2.0
"""One dashboard as HTML: its panels in Grafana's grid of 24 columns, each by its kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from joulepath_dashboards.preview import kinds
from joulepath_dashboards.preview.answers import Period, lines, variables
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import RejectedQueryError

HERE = Path(__file__).parent
COLUMNS, CELL, GAP = 24, 30, 8
"""Grafana's grid: a panel of height h has h cells of 30 pixels, and the gaps of 8 among them."""
HEAD = 56


def height(dashboard: Mapping[str, Any]) -> int:
    """Pixels of the whole page."""
    cells = max((_bottom(panel) for panel in dashboard["panels"]), default=0)
    return HEAD + int(cells * (CELL + GAP)) + GAP


def page(
    dashboard: Mapping[str, Any], server: Prometheus, period: Period, chosen: Mapping[str, str], width: int = 1400
) -> str:
    """The page, `width` pixels wide. `chosen` are values of variables. Raises PrometheusError, ValueError."""
    values = variables(dashboard, server, period, chosen)
    names: dict[str, str] = {}
    drawn = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        column = (width - GAP) / COLUMNS
        box = {
            "left": round(GAP + place["x"] * column),
            "top": HEAD + place["y"] * (CELL + GAP),
            "width": round(place["w"] * column - GAP),
            "height": place["h"] * (CELL + GAP) - GAP,
        }
        title = panel["title"]
        for name, each in values.items():
            title = title.replace(f"${name}", " + ".join(each))
        inner = Markup()
        if panel["type"] != "row":
            try:
                found = lines(panel, server, period, values)
            except RejectedQueryError as error:
                inner = kinds.sentence(str(error))
            else:
                inner = kinds.drawn(panel, found, names, period, (box["width"] - 16, box["height"] - 40))
        drawn.append({"title": title, "kind": panel["type"], "inner": inner, **box})
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    labels = {each["name"]: each.get("label", each["name"]) for each in dashboard["templating"]["list"]}
    text: str = environment.get_template("page.html.jinja").render(
        title=dashboard["title"],
        panels=drawn,
        width=width,
        height=height(dashboard),
        variables=[(labels[name], " + ".join(each)) for name, each in values.items()],
    )
    return text


def _bottom(panel: Mapping[str, Any]) -> int:
    return int(panel["gridPos"]["y"] + panel["gridPos"]["h"])
