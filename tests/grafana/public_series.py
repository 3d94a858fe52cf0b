# SPDX-License-Identifier: Apache-2.0
"""The series that dashboards may read, with their labels, and which labels an expression over them keeps."""

from collections.abc import Iterator

import promql_parser as promql
from scripts.generate import modules

from joulepath.metrics import Metric
from joulepath_rules import series
from joulepath_rules.constants import PREFIX, constants
from joulepath_topology import read
from tests.conftest import ROOT

PUBLIC: dict[str, set[str]] = {each.name: {*each.labels, "topology"} for each in series.PUBLIC}
CONSTANTS: dict[str, set[str]] = {}
for constant in constants(read(ROOT / "tests" / "rules" / "topologies" / "everything.yaml")):
    CONSTANTS.setdefault(constant.name, {*constant.labels, "topology"}).intersection_update(
        {*constant.labels, "topology"}
    )

# Prometheus writes these of each target, of each alert, and of itself.
TARGET = {"job", "instance"}
PROMETHEUS = {
    "up": TARGET,
    "scrape_samples_scraped": TARGET,
    "prometheus_rule_group_last_duration_seconds": TARGET | {"rule_group"},
    "prometheus_rule_group_interval_seconds": TARGET | {"rule_group"},
    "prometheus_rule_group_iterations_missed_total": TARGET | {"rule_group"},
    "prometheus_rule_evaluation_failures_total": TARGET | {"rule_group"},
    "ALERTS": {"alertname", "alertstate", "severity"},
}


def _exported(metric: Metric) -> Iterator[str]:
    suffixes = {"summary": ("_sum", "_count"), "histogram": ("_sum", "_count", "_bucket")}
    for suffix in suffixes.get(metric.kind, ("",)):
        yield metric.name + suffix


EXPORTED = {
    name: {*metric.labels, *TARGET} for _, metrics in modules() for metric in metrics for name in _exported(metric)
}
KNOWN = {**PUBLIC, **CONSTANTS, **PROMETHEUS, **EXPORTED}


def has_topology(name: str) -> bool:
    """Whether a series belongs to a topology: a recorded one or a constant."""
    return ":" in name or name.startswith(PREFIX)


def labels(expr: promql.Expr) -> set[str]:
    """The labels that the result of `expr` is sure to have, without the name.

    Raises AssertionError for a series that dashboards may not read and for a matcher, grouping or join by a label it
    lacks.
    """
    match expr:
        case promql.VectorSelector():
            return _selected(expr)
        case promql.AggregateExpr():
            kept = set() if expr.modifier is None else set(expr.modifier.labels)
            return _within(kept, labels(expr.expr))
        case promql.BinaryExpr():
            return _binary(expr)
        case (
            promql.MatrixSelector(vector_selector=inner)
            | promql.ParenExpr(expr=inner)
            | promql.SubqueryExpr(expr=inner)
        ):
            return labels(inner)
        case promql.Call():
            return _call(expr)
        case promql.NumberLiteral():
            return set()
        case _:
            raise AssertionError(f"{type(expr).__name__} is not known here")


def _selected(expr: promql.VectorSelector) -> set[str]:
    matched = {matcher.name for matcher in expr.matchers.matchers}
    if expr.name is None:  # by a pattern: what all recorded series have
        return _within(matched, {"__name__", "topology"}, whole=True)
    label, _, rest = expr.name.partition(":")
    general = f"LABEL:{rest}"
    known = {each.replace("LABEL", label) for each in KNOWN[general]} if general in KNOWN else KNOWN.get(expr.name)
    assert known, f"{expr.name} is not a public series"
    return _within(matched, known, whole=True)


def _call(expr: promql.Call) -> set[str]:
    """label_join(value, new, between, sources...) and label_replace(value, new, text, source, pattern) add a label."""
    if expr.func.name not in {"label_join", "label_replace"}:
        return set().union(*map(labels, expr.args))
    value, new, _, *read = expr.args
    if expr.func.name == "label_replace":
        del read[1:]
    return _within({each.val for each in read}, labels(value), whole=True) | {new.val}


def _within(named: set[str], there: set[str], *, whole: bool = False) -> set[str]:
    assert named <= there, f"{named - there} are no labels here"
    return there if whole else named


def _binary(expr: promql.BinaryExpr) -> set[str]:
    left, right = labels(expr.lhs), labels(expr.rhs)
    if isinstance(expr.lhs, promql.NumberLiteral) or str(expr.lhs) == "time()":
        return right
    if isinstance(expr.rhs, promql.NumberLiteral):
        return left
    on = set(expr.modifier.matching.labels) if expr.modifier and expr.modifier.matching else None
    if on is not None:
        _within(on, left)
        _within(on, right)
    operator = str(expr.op)
    if operator == "or":
        return left & right
    many = expr.modifier is not None and "ManyToOne" in str(expr.modifier.card)
    if operator in {"and", "unless"} or on is None or many:
        return left
    return on
