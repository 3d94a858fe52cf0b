# SPDX-License-Identifier: Apache-2.0
"""How rules are broken on purpose: each part of an expression, without making two changes of one."""

import pytest
from scripts.mutations import mutations

pytestmark = pytest.mark.unit


def change_expression(expr: str) -> dict[str, str]:
    """The changed forms of an expression, by the kind of change."""
    return {each.kind: " ".join(each.expr.split()) for each in mutations(expr)}


@pytest.mark.parametrize(
    ("expr", "kind", "expected"),
    [
        ("a + b * c", "+ becomes -", "a - b * c"),
        ("a - b", "- becomes +", "a + b"),
        ("a or b and c or d", "no and ...", "a or b or d"),
        ("sum(a or b) or c", "no ... or", "c"),
        ("a unless b or c", "no unless ...", "a or c"),
        ("f(a unless b, c)", "no unless ...", "f(a , c)"),
        ("a / (b > 0.5)", "threshold 0.6", "a / (b > 0.6)"),
        ("a >= 0 < Inf", "no threshold", "a >= 0"),
        ("a > b", "> the other way", "a < b"),
        ("clamp_min(a - b, 0)", "no clamp_min", "(a - b)"),
        ("sum by (x, y) (a)", "by without x", "sum by (y) (a)"),
        ("sum by (x) (a)", "sum becomes max", "max by (x) (a)"),
        ("rate(a[2m])", "range halved", "rate(a[60000ms])"),
        ("a offset 14s", "no offset", "a"),
        ('a{part="static",by="count"}', 'no part="static"', 'a{by="count"}'),
        ('last_over_time(a{topology="t",by="x"}[500ms])', "reads any topology", 'last_over_time(a{by="x"}[500ms])'),
        ('last_over_time(a{topology="t"}[500ms])', "reads what was", 'last_over_time(a{topology="t"}[5m])'),
    ],
)
def test_an_expression_is_changed_by_kind(expr: str, kind: str, expected: str) -> None:
    """One change of one kind."""
    assert change_expression(expr)[kind] == expected


def test_strings_and_signs_of_numbers_stay() -> None:
    """Text in a string is not an operator, and a minus before a number is not a difference."""
    kinds = change_expression('label_replace(a, "x", "$1 - $2", "y", "(.*) or [2m]") offset -5s').keys()
    assert kinds == {"no offset"}


def test_the_same_place_has_the_same_name() -> None:
    """In the rules of another topology, with other names and durations."""
    first, second = (
        {(each.kind, each.place) for each in mutations(f'sum(rate(x{{instance="{host}"}}[{window}])) > 0.5')}
        for host, window in (("h", "2m"), ("other", "30s"))
    )
    assert first == second
