# SPDX-License-Identifier: Apache-2.0
"""The recorded series that dashboards may read, with their labels, and which labels an expression over them keeps."""

import promql_parser as promql

HOST = {"host", "site"}
COMPONENT = {"component", "host", "site", "segment"}
SEGMENT = {"application", "segment"}
BUDGET = {"application", "budget", "per"}

PUBLIC: dict[str, set[str]] = {
    "attribution:heartbeat": set(),
    "host:power_watts": HOST,
    "host:power_source:info": {"host", "tier", "method"},
    "host:conservation_error_watts": {"host"},
    "component:power_watts": COMPONENT | {"part"},
    "component:unmeasured:info": {"component", "host"},
    "component:conservation_error_watts": {"component", "host"},
    "application_component:power_watts": COMPONENT | {"application"},
    "application:power_watts": SEGMENT,
    "application:power_part_watts": SEGMENT | {"part"},
    "application:power_covered_watts": SEGMENT,
    "application:co2_grams_per_second": SEGMENT | {"basis"},
    "application:bits:rate": {"application"},
    "application:inferences:rate": {"application"},
    "application:tokens:rate": {"application"},
    "application:joules_per_bit": {"application"},
    "application:joules_per_inference": {"application"},
    "application:joules_per_token": {"application"},
    "application:network_power:ratio": {"application"},
    "application:network_co2:ratio": {"application"},
    "application:power_modelled:ratio": {"application"},
    "budget:energy_joules": BUDGET,
    "budget:limit_joules": BUDGET,
    "budget:projected_joules": BUDGET,
}


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
            return set().union(*(labels(argument) for argument in expr.args))
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
