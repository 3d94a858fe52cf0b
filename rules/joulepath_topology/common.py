# SPDX-License-Identifier: Apache-2.0
"""Types that every part of the topology shares: names, texts, numbers, durations, energies."""

import re
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from joulepath.config import Model
from joulepath_topology.durations import seconds

UNATTRIBUTED = "unattributed"

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_ENERGY = re.compile(r"(\d+(?:\.\d+)?)\s*(J|kJ|MJ|GJ|Wh|kWh|MWh)")
_POWER = re.compile(r"(\d+(?:\.\d+)?)\s*(mW|W|kW|MW)")
_WATTS = {"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6}
_JOULES = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9, "Wh": 3.6e3, "kWh": 3.6e6, "MWh": 3.6e9}


class Entry(Model):
    """Base of every entry. A key with nothing behind it counts as not written: that is how a file begins."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class Choice(Entry):
    """An entry of one of several kinds: exactly one of the keys in `kinds` stands in it."""

    kinds: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        found = [kind for kind in self.kinds if getattr(self, kind) is not None]
        choice = ", ".join(self.choices)
        if not found and not self.optional:
            raise ValueError(f"needs one of {choice}")
        if len(found) > 1:
            raise ValueError(f"has {' and '.join(found)}: only one of {choice} can stand in one entry")
        return self

    @property
    def choices(self) -> tuple[str, ...]:
        """The kinds that an entry like this may have, for the message."""
        return self.kinds

    @property
    def optional(self) -> bool:
        """Whether an entry like this needs no kind."""
        return False

    @property
    def kind(self) -> str:
        """The key that stands in it."""
        return next(kind for kind in self.kinds if getattr(self, kind) is not None)


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", name):
        raise ValueError(f"{name!r} is not a name: letters, digits and . _ - / : only, starting with a letter or digit")
    if name == UNATTRIBUTED:
        raise ValueError(f"{UNATTRIBUTED!r} is what the rules call the rest: choose another name")
    return name


def _file_name(name: str) -> str:
    if "/" in name:
        raise ValueError(f"{name!r} names the rule file, too: leave out the /")
    return name


def without_unit(value: Any) -> Any:
    """The value, which must not be a power with its unit. Raises ValueError with the number of watts."""
    if isinstance(value, str) and (found := _POWER.fullmatch(value.strip())):
        raise ValueError(f"must be in watts, without the unit: write {float(found[1]) * _WATTS[found[2]]:.12g}")
    return value


def _number(value: Any) -> Any:
    without_unit(value)
    if isinstance(value, bool):
        raise ValueError(f"must be a number, is {str(value).lower()}")  # noqa: TRY004  # pydantic wants a ValueError
    if isinstance(value, str):
        raise ValueError(f"must be a number{_cure(value.strip())}")  # noqa: TRY004
    return value


def _cure(text: str) -> str:
    """How to write the number that the text has."""
    if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?|0x[0-9a-f]+", text, re.IGNORECASE):
        return ": leave out the quotes"
    if re.fullmatch(r"\d+,\d+", text):
        return f": write {text.replace(',', '.')}, with a point and without quotes"
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text)
    return f": write {text} as {float(found[1]) / 100:g}" if found else ""


def _seconds(value: object) -> float:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        with suppress(ValueError):
            return seconds(value)
    raise ValueError("must be a duration such as 15s, 2m or 500ms")


def _joules(value: object) -> float:
    found = _ENERGY.fullmatch(value) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("must be an energy with its unit, such as 2kWh, 500kJ or 1MJ")
    return float(found[1]) * _JOULES[found[2]]


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
ODD = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=rf"^[^{ODD}\t\n]+$")]
"""The value of a label that somebody else chose: an exporter's instance, an outlet."""

Whole = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
