# SPDX-License-Identifier: Apache-2.0
"""Which labels the result of a PromQL expression can have, as far as its text says it."""

from collections.abc import Callable, Iterable

import promql_parser as promql

Labels = frozenset[str] | None
"""None stands for a series of others, with whatever labels it has."""

_CHOOSE = {"bottomk", "limitk", "topk"}
EMPTY = ("MatchOp.Equal", "")
"""A matcher of series that lack the label."""


class Scalar(frozenset[str]):
    """No labels, and no vector either: what it is multiplied with keeps its own."""


Selected = Callable[[promql.VectorSelector], Labels]


def infer(expr: promql.Expr, selected: Selected) -> Labels:  # noqa: PLR0911  # one return for each kind
    """The labels, without the name; `selected` gives those of a selector.

    Raises AssertionError for a label that is grouped or joined by and that the operand cannot have, and for a kind of
    expression that is not known here.
    """

    def of(part: promql.Expr) -> Labels:
        return infer(part, selected)

    match expr:
        case promql.NumberLiteral() | promql.StringLiteral():
            return Scalar()
        case promql.VectorSelector():
            columns = selected(expr)
            _check_known({matcher.name for matcher in expr.matchers.matchers} - {"__name__"}, columns, expr)
            absent = {matcher.name for matcher in expr.matchers.matchers if (str(matcher.op), matcher.value) == EMPTY}
            return None if columns is None else columns - absent
        case promql.MatrixSelector():
            return of(expr.vector_selector)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            return of(expr.expr)
        case promql.AggregateExpr():
            return _aggregate(expr, of(expr.expr))
        case promql.BinaryExpr():
            return _binary(expr, of(expr.lhs), of(expr.rhs))
        case promql.Call():
            return _call(expr, of)
        case _:
            raise AssertionError(f"{type(expr).__name__} is not known here")


def _check_known(named: Iterable[str], there: Labels, expr: promql.Expr) -> None:
    unknown = set() if there is None else set(named) - there
    assert not unknown, f"there is no label {', '.join(sorted(unknown))} in {expr.prettify()}"


def _aggregate(expr: promql.AggregateExpr, inner: Labels) -> Labels:
    operator = str(expr.op)
    named = frozenset(expr.modifier.labels) if expr.modifier else frozenset()
    if expr.modifier and str(expr.modifier.type).endswith("Without"):
        return None if inner is None else inner - named
    _check_known(named, inner, expr)
    if operator in _CHOOSE:
        return inner
    if operator == "count_values":
        assert isinstance(expr.param, promql.StringLiteral)
        return named | {expr.param.val}
    return named


def _binary(expr: promql.BinaryExpr, left: Labels, right: Labels) -> Labels:
    operator, modifier = str(expr.op), expr.modifier
    matching = modifier.matching if modifier else None
    named = frozenset(matching.labels) if matching else frozenset()
    include = matching is not None and str(matching.type).endswith("Include")
    if include:
        _check_known(named, left, expr)
        _check_known(named, right, expr)
    if operator in {"and", "unless"}:
        return left
    if operator == "or":
        return None if left is None or right is None else left | right
    if isinstance(left, Scalar) or isinstance(right, Scalar):
        return right if isinstance(left, Scalar) else left
    cardinality = str(modifier.card) if modifier else ""
    if cardinality.endswith(("ManyToOne", "OneToMany")):
        many, one = (left, right) if cardinality.endswith("ManyToOne") else (right, left)
        included = frozenset(modifier.group_labels or ()) if modifier else frozenset()
        _check_known(included, one, expr)
        return None if many is None else many | included
    if include:
        return named
    return None if left is None else left - named


def _call(expr: promql.Call, of: Callable[[promql.Expr], Labels]) -> Labels:
    name, arguments = expr.func.name, expr.args
    if name in {"time", "scalar", "pi"}:
        return Scalar()
    if name in {"vector", "absent", "absent_over_time"}:
        return frozenset()
    if name in {"label_replace", "label_join"}:
        inner, target, value = of(arguments[0]), arguments[1], arguments[2]
        assert isinstance(target, promql.StringLiteral)
        assert isinstance(value, promql.StringLiteral)
        if inner is None:
            return None
        return inner - {target.val} if name == "label_replace" and not value.val else inner | {target.val}
    vectors = [columns for argument in arguments if not isinstance(columns := of(argument), Scalar)]
    return vectors[0] if vectors else frozenset()
