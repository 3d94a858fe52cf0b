# SPDX-License-Identifier: Apache-2.0
"""Reads PromQL with promql-parser: is a query well formed, and what does it select?

The parser follows Prometheus 2.45 and accepts a little more than 2.42, such as functions of Prometheus 3; promtool has
the last word. The queries of a topology may contain `$window` and `$interval`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import promql_parser as parser

ValueType = Literal["scalar", "vector", "matrix", "string"]

PLACEHOLDERS = ("$window", "$interval")
_PLACEHOLDER = re.compile(r"\$(window|interval)\b")

# In this order, so that a `$` in a string or a comment is not taken for a placeholder: label_replace needs "$1".
_TOKEN = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|(?P<unknown>\$\{?\w*\}?)""", re.DOTALL)

# Stand-ins while a query is only looked at.
_WINDOW, _INTERVAL = "2m", "15s"


class QueryError(ValueError):
    """A query that cannot be read; the message says why."""


def timed(expr: str, window: str, interval: str) -> str:
    """The query with both durations, such as `2m`, in place of `$window` and `$interval` as whole words."""
    values = {"window": window, "interval": interval}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], expr)


def closed(expr: str) -> str:
    """The query with an end of line after a comment at its end, which would hide what a rule writes behind it."""
    last = max((token.end() for token in _TOKEN.finditer(expr) if token[0].startswith("#")), default=-1)
    return f"{expr}\n" if last == len(expr) else expr


def quote(text: str) -> str:
    """A PromQL string literal."""
    return json.dumps(text, ensure_ascii=False)


def literal(text: str) -> str:
    """A regular expression that matches exactly this text."""
    return re.escape(text)


def parse(expr: str) -> parser.Expr:
    """The syntax tree. Raises QueryError for a mistake, an unknown placeholder, or a matcher that only others know."""
    text = _TOKEN.sub(_readable, timed(expr, _WINDOW, _INTERVAL))
    try:
        tree = parser.parse(text)
    except ValueError as error:
        raise QueryError(f"is not valid PromQL: {' '.join(str(error).split())}") from None
    if any(selector.matchers.or_matchers for selector in _selectors(tree)):
        raise QueryError("is not valid PromQL: Prometheus has no `or` between label matchers")
    return tree


def _readable(token: re.Match[str]) -> str:
    if token["unknown"]:
        raise QueryError(f"there is no {token['unknown']}: a query may contain {' and '.join(PLACEHOLDERS)}")
    # The parser looks for escapes within backquotes, where Prometheus knows none.
    return quote(token[0][1:-1]) if token[0].startswith("`") else token[0]


def selectors(expr: str) -> list[str]:
    """The vector selectors of a query, each as PromQL without its range, offset and `@`. Raises QueryError."""
    return [_text(selector) for selector in _selectors(parse(expr))]


@dataclass(frozen=True)
class Matcher:
    """A condition on one label: `=`, `!=`, `=~` or `!~`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quote(self.value)}"


def matchers(selector: str) -> list[Matcher]:
    """The conditions of one vector selector; its name is one of `__name__`, the first. Raises QueryError."""
    tree = parse(selector)
    if not isinstance(tree, parser.VectorSelector):
        raise QueryError("is not a selector")
    named = [Matcher("__name__", "=", tree.name)] if tree.name else []
    return [*named, *_matchers(tree)]


def counters(expr: str) -> list[str]:
    """The vector selectors that the query reads by rate, irate or increase. Raises QueryError."""
    calls = (node for node in _nodes(parse(expr)) if isinstance(node, parser.Call))
    read = (call.args[0] for call in calls if call.func.name in {"rate", "irate", "increase"})
    return [_text(each.vector_selector) for each in read if isinstance(each, parser.MatrixSelector)]


def ranges(expr: str) -> list[tuple[str, float]]:
    """The selectors that the query reads over a range, each with that range in seconds. Raises QueryError."""
    read = (node for node in _nodes(parse(expr)) if isinstance(node, parser.MatrixSelector))
    return [(_text(each.vector_selector), each.range.total_seconds()) for each in read]


def is_constant(expr: str) -> bool:
    """Whether the query reads no series at all, as `vector(65)`. Raises QueryError."""
    return not selectors(expr)


def is_selector(expr: str) -> bool:
    """Whether the query is one vector selector without an offset or `@`, to which a range can be added."""
    tree = parse(expr)
    return isinstance(tree, parser.VectorSelector) and tree.offset is None and tree.at is None


def has_range(expr: str) -> bool:
    """Whether the query looks back over a range, by a matrix selector or a subquery. Raises QueryError."""
    return any(isinstance(node, parser.MatrixSelector | parser.SubqueryExpr) for node in _nodes(parse(expr)))


def normal(expr: str) -> str:
    """The query as the parser writes it: two spellings of one query become the same text. Raises QueryError."""
    return parse(expr).prettify()


def is_label(name: str) -> bool:
    """Whether PromQL can group by the label: `inf`, `nan` and `without` are words of its own."""
    try:
        parser.parse(f"sum by ({name}) (x)")
    except ValueError:
        return False
    return True


def value_type(expr: str) -> ValueType:
    """The type of a query's result. Raises QueryError."""
    return _type(parse(expr))


def experimental(expr: str) -> list[str]:
    """The functions in a query that Prometheus refuses without a feature flag. Raises QueryError."""
    calls = (node.func for node in _nodes(parse(expr)) if isinstance(node, parser.Call))
    return [function.name for function in calls if function.experimental]


def _nodes(tree: parser.Expr) -> list[parser.Expr]:
    found: list[parser.Expr] = []
    parser.walk(tree, found.append)
    return found


def _selectors(tree: parser.Expr) -> Iterator[parser.VectorSelector]:
    # The walk enters a matrix selector, so this finds its vector selector too.
    return (node for node in _nodes(tree) if isinstance(node, parser.VectorSelector))


def _text(selector: parser.VectorSelector) -> str:
    """The parser's own text keeps the offset, and its str() does not escape quotes."""
    written = ",".join(map(str, _matchers(selector)))
    return f"{selector.name or ''}{{{written}}}" if written else selector.name or ""


def _matchers(selector: parser.VectorSelector) -> list[Matcher]:
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return [
        Matcher(matcher.name, operators[str(matcher.op).rpartition(".")[2]], matcher.value)
        for matcher in selector.matchers.matchers
    ]


def _type(node: parser.Expr) -> ValueType:
    match node:
        case parser.ParenExpr() | parser.UnaryExpr():
            found = _type(node.expr)
        case parser.NumberLiteral():
            found = "scalar"
        case parser.StringLiteral():
            found = "string"
        case parser.MatrixSelector() | parser.SubqueryExpr():
            found = "matrix"
        case parser.Call():
            found = "scalar" if node.func.return_type == parser.ValueType.Scalar else "vector"
        case parser.BinaryExpr():
            found = "scalar" if _type(node.lhs) == _type(node.rhs) == "scalar" else "vector"
        case _:
            found = "vector"
    return found
