# SPDX-License-Identifier: Apache-2.0
"""The types of PromQL in a topology; each is read by the parser as soon as the file is."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from joulepath_topology import promql
from joulepath_topology.common import ODD
from joulepath_topology.promql import quote

_PATTERN = rf"^[^{ODD}]+$"


def _text(value: Any) -> Any:
    """Numbers may stand without quotes; `true` is not a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _query(text: str) -> str:
    text = promql.closed(text)
    kind = promql.value_type(text)
    if kind == "matrix":
        raise ValueError("gives a range of values: take one value from it, such as rate(x_total[$window])")
    if kind == "string":
        raise ValueError("gives a string, not a number")
    # The rules sum every query, and PromQL cannot sum a plain number.
    return f"vector({text})" if kind == "scalar" else text


def _counter(text: str) -> str:
    text = promql.closed(text)
    if not promql.is_selector(text):
        raise ValueError(
            "must be a counter's name and labels: the rules add the range. Write a query in watts as `watts`"
        )
    return text


def _pods(text: str) -> str:
    namespaces, slash, names = text.partition("/")
    if not (slash and namespaces and names) or "/" in names:
        raise ValueError("must be NAMESPACE/POD, two regular expressions")
    for pattern in (namespaces, names):
        _pattern(pattern)
    return text


def _pattern(text: str) -> str:
    try:
        promql.parse(f"x{{a=~{quote(text)}}}")
    except promql.QueryError:
        raise ValueError(f"{text!r} is not a regular expression") from None
    return text


_PromQL = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=_PATTERN)]

Query = Annotated[
    _PromQL,
    AfterValidator(_query),
    BeforeValidator(_text),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "pattern": _PATTERN}, {"type": "number"}]}),
]
"""A PromQL expression, in which `$window` and `$interval` stand for the topology's durations, or a number."""

Counter = Annotated[_PromQL, AfterValidator(_counter)]
"""A PromQL selector of a counter, to which the rules add a range."""

Pods = Annotated[str, StringConstraints(max_length=200), AfterValidator(_pods)]
"""Pods of Kepler: regular expressions of their namespace and their name."""

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_pattern)]
"""A regular expression of Prometheus, which matches the whole of a label."""
