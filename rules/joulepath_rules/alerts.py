# SPDX-License-Identifier: Apache-2.0
"""The alerts of `alerts.yaml`, with a topology's name and interval."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import promql_parser as promql
import yaml

from joulepath_rules.constants import PREFIX
from joulepath_rules.rule import Alert, quote

PAGE = "docs/alerts.md"
"""Has a paragraph for each alert, under a heading that is the alert's name."""


def alerts(name: str, interval: float, recorded: Collection[str]) -> Iterator[Alert]:
    """The alerts of the topology `name`, evaluated every `interval` seconds.

    `recorded` names the series and constants that its rules write. An alert that needs others can never fire and is
    left out.
    """
    replacements = {'topology="example"': f"topology={quote(name)}", "* 15 <": f"* {interval:g} <"}
    pattern = re.compile("|".join(re.escape(text) for text in replacements))

    def own(text: str) -> str:
        return pattern.sub(lambda found: replacements[found[0]], text)

    for rule in shipped():
        if can_fire(promql.parse(rule["expr"]), recorded):
            annotations = {key: own(text) for key, text in rule["annotations"].items()}
            annotations["runbook"] = f"{PAGE}#{rule['alert'].lower()}"
            labels = {"topology": name, **rule["labels"]}
            yield Alert(rule["alert"], own(rule["expr"]), rule["for"], labels, annotations)


@cache
def shipped() -> Any:
    """The rules of `alerts.yaml`, as they stand there."""
    text = files("joulepath_rules").joinpath("alerts.yaml").read_text(encoding="utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    return group["rules"]


def can_fire(expr: promql.Expr, recorded: Collection[str]) -> bool:
    """Whether an expression can have a result where only `recorded` are written, beside what exporters publish."""
    needed: list[promql.Expr] = []
    match expr:
        case promql.VectorSelector():
            name = expr.name or ""
            return name in recorded or not (":" in name or name.startswith(PREFIX))
        case promql.MatrixSelector():
            needed = [expr.vector_selector]
        case promql.BinaryExpr() if str(expr.op) == "or":
            return can_fire(expr.lhs, recorded) or can_fire(expr.rhs, recorded)
        case promql.BinaryExpr():
            needed = [expr.lhs] if str(expr.op) == "unless" else [expr.lhs, expr.rhs]
        case promql.Call() if not expr.func.name.startswith("absent"):
            needed = expr.args
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            needed = [expr.expr]
    return all(can_fire(part, recorded) for part in needed)
