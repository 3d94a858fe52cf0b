# SPDX-License-Identifier: Apache-2.0
"""Answers of a Prometheus to a dashboard: values of its variables, and the results of each panel's queries."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from joulepath_dashboards.queries import LABEL_VALUES, substitute
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.results import Point

POINTS = 300
"""Points of a line, about as many as Grafana asks for in a panel of a third of the page."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Line(NamedTuple):
    """One series of a panel: `ref` is its query, and an instant query gives one point."""

    name: str
    labels: Mapping[str, str]
    ref: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Period:
    """The time range in Unix seconds, and the interval of scrapes [s], which no step is shorter than."""

    begin: float
    end: float
    interval: float

    def of(self, panel: Mapping[str, Any]) -> "tuple[Period, float]":
        """The time range of a panel, which may have its own, and its step [s]."""
        begin = self.end - seconds(panel["timeFrom"]) if "timeFrom" in panel else self.begin
        shortest = max(seconds(panel["interval"]) if "interval" in panel else 0, self.interval)
        points = panel.get("maxDataPoints", POINTS)
        step = max(shortest, math.ceil((self.end - begin) / points))
        return Period(begin // step * step, self.end // step * step, self.interval), step


def seconds(text: str) -> float:
    """A duration as Grafana and Prometheus write it: 90s, 15m, 1h, 1d. Raises ValueError."""
    if not (found := re.fullmatch(r"(\d+)([smhd])", text)):
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m or 1h")
    return int(found[1]) * _UNITS[found[2]]


def variables(
    dashboard: Mapping[str, Any], server: Prometheus, period: Period, chosen: Mapping[str, str]
) -> dict[str, Sequence[str]]:
    """The values of each variable: that which is chosen, or all where the dashboard begins with all, or the first."""
    values: dict[str, Sequence[str]] = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        name = variable["name"]
        if not (found := LABEL_VALUES.fullmatch(variable["query"])):
            raise ValueError(f"variable {name}: {variable['query']} is not label_values(series, label)")
        series = substitute(found["series"], _matchers(values))
        offered = sorted(server.label_values(found["label"], series, begin=period.begin, end=period.end))
        if "regex" in variable:  # as Grafana does: what its first group matches, each once
            pattern = re.compile(variable["regex"].strip("/"))
            offered = sorted({match[1] for each in offered if (match := pattern.search(each))})
        if name in chosen:
            offered = [chosen[name]]
        values[name] = offered if variable.get("current", {}).get("value") == ["$__all"] else offered[:1]
    return values


def lines(
    panel: Mapping[str, Any], server: Prometheus, period: Period, values: Mapping[str, Sequence[str]]
) -> list[Line]:
    """The series of a panel. Raises PrometheusError."""
    own, step = period.of(panel)
    times = {
        "$__rate_interval": f"{int(max(step + period.interval, 4 * period.interval))}s",
        "$__interval": f"{int(step)}s",
        "$__interval_ms": str(int(step * 1000)),
        "$__range": f"{int(period.end - period.begin)}s",
    }
    found = []
    for target in panel.get("targets", ()):
        expr = substitute(target["expr"], {**times, **_matchers(values)})
        if target.get("instant"):
            answer = [(one.labels, [Point(one.at, one.value)]) for one in server.query(expr, period.end)]
        else:
            answer = [(one.labels, list(one.points)) for one in server.query_range(expr, own.begin, own.end, step)]
        found += [Line(_legend(target, labels), labels, target["refId"], points) for labels, points in answer]
    return found


def _matchers(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """As Grafana fills them in: quoted for a regular expression where a variable may have several values.

    Those are the variables that stand behind `=~`.
    """
    found = {}
    for name, each in values.items():
        quoted = "|".join(map(re.escape, each))
        found[f'=~"${name}"'] = f'=~"{quoted}"' if len(each) < 2 else f'=~"({quoted})"'
        found[f"${name}"] = "|".join(each)
    return found


def _legend(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), target.get("legendFormat", ""))
