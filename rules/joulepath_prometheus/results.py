# SPDX-License-Identifier: Apache-2.0
"""Results of queries: samples and series with floats.

NaN and infinity are values like others. A server leaves stale samples out, so that a series that has ended is missing.
Native histograms are not floats: they are counted and left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from joulepath_prometheus.answer import Answered, List, Map

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|Inf)|NaN", re.ASCII)


class Point(NamedTuple):
    """A value and its time: Unix seconds."""

    at: float
    value: float


@dataclass(frozen=True)
class Sample:
    """One value of one series; `at` are Unix seconds."""

    labels: Mapping[str, str]
    at: float
    value: float


@dataclass(frozen=True)
class Series:
    """The points of one series, in the order of time."""

    labels: Mapping[str, str]
    points: Sequence[Point]


def _float(value: Any) -> float:
    """Go writes values of samples as strings: `1e+06`, `NaN`, `+Inf`."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ValueError("must be a number in a string")
    return float(value)


_Time = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Value = tuple[_Time, Annotated[float, BeforeValidator(_float)]]


class _Instant(Answered):
    metric: Map[str]
    value: _Value | None = None
    histogram: Any = None


class _Range(Answered):
    metric: Map[str]
    values: List[_Value] = ()
    histograms: List[Any] = ()


class Vector(Answered):
    """The samples of one instant."""

    result_type: Literal["vector"]
    result: List[_Instant]


class Matrix(Answered):
    """Several points of each series."""

    result_type: Literal["matrix"]
    result: List[_Range]


class Scalar(Answered):
    """One number without labels."""

    result_type: Literal["scalar"]
    result: _Value


Instant = Annotated[Vector | Scalar, Field(discriminator="result_type")]


def samples(data: Vector | Scalar) -> Iterator[Sample]:
    """The floats of an instant."""
    if isinstance(data, Scalar):
        yield Sample({}, *data.result)
        return
    for row in data.result:
        if row.value is not None:
            yield Sample(row.metric, *row.value)


def series(data: Matrix) -> Iterator[Series]:
    """The series that have floats."""
    for row in data.result:
        if row.values:
            yield Series(row.metric, [Point(*value) for value in row.values])


def histograms(data: Vector | Matrix | Scalar) -> int:
    """How many series have native histograms."""
    if isinstance(data, Scalar):
        return 0
    if isinstance(data, Vector):
        return sum(row.histogram is not None for row in data.result)
    return sum(bool(row.histograms) for row in data.result)
