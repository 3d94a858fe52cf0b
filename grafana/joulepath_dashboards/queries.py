# SPDX-License-Identifier: Apache-2.0
"""What a dashboard asks Prometheus, with Grafana's variables filled in: for tests, and for asking a server by hand."""

import re
from collections.abc import Iterator
from typing import Any

# As Grafana fills them in at a time range of an hour, with every application selected.
VALUES = {"$__rate_interval": "1m", "$__interval": "30s", "$__range": "1h", "$application": ".+"}

LABEL_VALUES = re.compile(r"label_values\((?P<series>.+), *(?P<label>\w+)\)")


def queries(dashboard: dict[str, Any]) -> list[str]:
    """Every query of a dashboard's panels and variables as plain PromQL, each once, in the order of the page.

    `dashboard` is the content of a dashboard file. Where all is healthy, each of them has an answer.
    """
    return list(dict.fromkeys(filled(expr) for expr in (*_variables(dashboard), *_targets(dashboard))))


def filled(expr: str) -> str:
    """An expression with values in place of Grafana's variables."""
    for name in sorted(VALUES, key=len, reverse=True):
        expr = expr.replace(name, VALUES[name])
    return expr


def _targets(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def _variables(dashboard: dict[str, Any]) -> Iterator[str]:
    """label_values(SERIES, LABEL) is Grafana's; Prometheus knows the same as a grouping."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            if not (match := LABEL_VALUES.fullmatch(variable["query"])):
                raise ValueError(f"variable {variable['name']}: {variable['query']} is not label_values(series, label)")
            yield f"group by ({match['label']}) ({match['series']})"
