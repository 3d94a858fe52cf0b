# SPDX-License-Identifier: Apache-2.0
"""The queries of a dashboard, with Grafana's variables filled in: for tests, and for asking a server by hand."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# As Grafana fills them in at a time range of an hour.
VALUES = {"$__rate_interval": "1m", "$__interval": "30s", "$__interval_ms": "30000", "$__range": "1h"}

LABEL_VALUES = re.compile(r"label_values\((?P<series>.+), *(?P<label>\w+)\)")


def queries(
    dashboard: dict[str, Any], applications: str = ".+", topology: str = "joulepath", model: str = "qwen2.5-vl-7b"
) -> list[str]:
    """Every query of a dashboard's panels and variables as plain PromQL, each once, in the order of the page.

    `dashboard` is the content of a dashboard file; `applications` a regular expression of those selected, such as
    "inspection|assembly-line", where ".+" takes the rows of `unattributed` with them. Where there are budgets,
    inferences and tokens, each query has an answer: those of `:missing:info` while something is missing, those of
    closed hours (`:1h`) after the first of them, those of servers (`bmc_`) and of sources (`carbon_`) where one is
    read, all others while all is healthy.
    """
    expressions = (*_variables(dashboard), *_targets(dashboard))
    return list(dict.fromkeys(filled(expr, applications, topology, model) for expr in expressions))


def filled(expr: str, applications: str = ".+", topology: str = "joulepath", model: str = "qwen2.5-vl-7b") -> str:
    """An expression with values in place of Grafana's variables: `applications` also where a page has one at a time."""
    expr = expr.replace('application="$application"', 'application=~"$application"')
    chosen = {"$topology": topology, "$application": applications, "$device": ".+", "$label": "team", "$model": model}
    return substitute(expr, {**VALUES, **chosen})


def substitute(expr: str, values: Mapping[str, str]) -> str:
    """An expression with these values in place of the variables, as strings of PromQL write them."""
    for name in sorted(values, key=len, reverse=True):
        expr = expr.replace(name, values[name].replace("\\", "\\\\"))
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
