# SPDX-License-Identifier: Apache-2.0
"""The recorded series that dashboards may read, with their labels, and which labels an expression over them keeps."""

import promql_parser as promql

from joulepath_rules import series

PUBLIC: dict[str, set[str]] = {each.name: {*each.labels, "topology"} for each in series.PUBLIC}


def labels(expr: promql.Expr) -> set[str]:
    """The labels that the result of `expr` is sure to have, without the name.

    Raises AssertionError for a series that is not public and for a matcher, grouping or join by a label it lacks.
    """
    match expr:
        case promql.VectorSelector():
            assert expr.name in PUBLIC, f"{expr.name} is not a public series"
            return _within({matcher.name for matcher in expr.matchers.matchers}, PUBLIC[expr.name], whole=True)
        case promql.AggregateExpr():
            kept = set() if expr.modifier is None else set(expr.modifier.labels)
            return _within(kept, labels(expr.expr))
        case promql.BinaryExpr():
            return _binary(expr)
        case promql.ParenExpr():
            return labels(expr.expr)
        case promql.Call():
            ranges = promql.MatrixSelector
            vectors = [each.vector_selector if isinstance(each, ranges) else each for each in expr.args]
            return set().union(*map(labels, vectors))
        case promql.NumberLiteral():
            return set()
        case _:
            raise AssertionError(f"{type(expr).__name__} is not known here")


def _within(named: set[str], there: set[str], *, whole: bool = False) -> set[str]:
    assert named <= there, f"{named - there} are no labels here"
    return there if whole else named


def _binary(expr: promql.BinaryExpr) -> set[str]:
    left, right = labels(expr.lhs), labels(expr.rhs)
    if isinstance(expr.lhs, promql.NumberLiteral):
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
    if operator in {"and", "unless"} or on is None:
        return left
    return on
