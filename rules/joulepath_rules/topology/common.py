# SPDX-License-Identifier: Apache-2.0
"""Types that every part of the topology shares: names, durations, energies, queries."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from joulepath_rules import promql

UNATTRIBUTED = "unattributed"

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ENERGY = re.compile(r"(\d+(?:\.\d+)?)\s*(J|kJ|MJ|GJ|Wh|kWh|MWh)")
_JOULES = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9, "Wh": 3.6e3, "kWh": 3.6e6, "MWh": 3.6e9}


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", name):
        raise ValueError(f"{name!r} is no name: letters, digits and . _ - / : only, starting with a letter or digit")
    if name == UNATTRIBUTED:
        raise ValueError(f"{UNATTRIBUTED!r} is what the rules call the rest: choose another name")
    return name


def _file_name(name: str) -> str:
    if "/" in name:
        raise ValueError(f"{name!r} names the rule file, too: leave out the /")
    return name


def _seconds(value: object) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not int(found[1]):
        raise ValueError("must be a duration such as 15s, 2m or 500ms")
    return int(found[1]) * _SECONDS[found[2]]


def _joules(value: object) -> float:
    found = _ENERGY.fullmatch(value) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("must be an energy with its unit, such as 2kWh, 500kJ or 1MJ")
    return float(found[1]) * _JOULES[found[2]]


def _query(text: str) -> str:
    kind = promql.value_type(text)
    if kind == "matrix":
        raise ValueError("gives a range of values: take one value from it, such as rate(x_total[$window])")
    if kind == "string":
        raise ValueError("gives a text, not a number")
    # Every query is summed, and PromQL cannot sum a plain number.
    return f"vector({text})" if kind == "scalar" else text


def _counter(text: str) -> str:
    if not promql.is_selector(text):
        raise ValueError(
            "must be a counter's name with its labels: the range is added; a query in watts is for `watts`"
        )
    return text


def _text_schema(example: str, pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$", "examples": [example]})


Name = Annotated[str, AfterValidator(_name), StringConstraints(max_length=200)]
"""A name that stands in a label: of a site, host, component, application or budget."""

FileName = Annotated[Name, AfterValidator(_file_name)]
"""A name that names a file, too: of a topology."""

Seconds = Annotated[float, BeforeValidator(_seconds), _text_schema("15s", _DURATION)]
"""A duration, written as Prometheus writes it; in seconds."""

Joules = Annotated[float, BeforeValidator(_joules), _text_schema("2kWh", _ENERGY)]
"""An energy with its unit; in joules."""

# No control characters and none of Unicode's line breaks, on which readers of YAML disagree.
_ODD = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=rf"^[^{_ODD}\t\n]+$")]
"""The value of a label that somebody else chose: an exporter's instance, an outlet, a trace."""

_PromQL = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=rf"^[^{_ODD}]+$")]

Query = Annotated[_PromQL, AfterValidator(_query)]
"""A PromQL expression, in which `$window` and `$interval` stand for the topology's durations."""

Counter = Annotated[_PromQL, AfterValidator(_counter)]
"""A PromQL selector of a counter, to which the generator adds a range."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes them, in the largest unit that needs no fraction."""
    milliseconds = round(seconds * 1000)
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"


def exactly_one(present: Iterable[str], allowed: Iterable[str]) -> str:
    """The one key that is there. Raises ValueError, naming the choice, when there is none or more than one."""
    found = list(present)
    choice = ", ".join(allowed)
    if not found:
        raise ValueError(f"needs one of {choice}")
    if len(found) > 1:
        raise ValueError(f"has {' and '.join(found)}: only one of {choice} can stand in one entry")
    return found[0]
