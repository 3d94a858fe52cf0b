# SPDX-License-Identifier: Apache-2.0
"""Mistakes of form in words: what YAML made of a value, which key or word was probably meant, and what stands there."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from joulepath.config import message
from joulepath.meant import did_you_mean, unknown_key
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place

EXAMPLES = {
    "burn": "[{part: 5%, within: 6h}]",
    "embodied": "{kilograms: 1200, years: 4}",
    "marginal": "[{per: bytes, joules: 2.0e-6}]",
    "market": "{grams_per_kwh: 48}, or location",
    "overhead": "1.3, or {query: 'pue{hall=\"1\"}'}",
    "price": "{currency: EUR, per_kwh: 0.21}",
    "supply": "[{share: 0.4, grams_per_kwh: 41}, {grams_per_kwh: 344}]",
}
"""A value for each key that is often written in another form."""

_FORMS = {"model_type", "dict_type", "list_type", "tuple_type"}


def worded(item: Mapping[str, Any], place: Place) -> str:
    """The message for one of ValidationError.errors()."""
    kind, value, key = item["type"], item["input"], str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        return unknown_key(place, _schema())
    if kind == "string_type" and isinstance(value, bool):
        return f"must be a string, but YAML reads it as {str(value).lower()}: put it in quotes"
    if key in EXAMPLES and kind == "literal_error":
        return f"must be {EXAMPLES[key]}"
    return message(item) + (_words(item, place) if kind == "literal_error" else _cure(item, key))


def _words(item: Mapping[str, Any], place: Place) -> str:
    """The word that was probably meant, in place of one that cannot stand there."""
    value = item["input"]
    if not isinstance(value, str):
        return ""
    if place[0] == "budgets" and re.fullmatch(r"\d+[hd]", value):
        return f"; a time such as {value} is a rolling window: write `window: {value}`"
    return did_you_mean(value, [word.strip(" '") for word in item["ctx"]["expected"].replace(" or ", ", ").split(",")])


def _cure(item: Mapping[str, Any], key: str) -> str:
    """The form of a value, and how to write a number that is a percentage, or only the part above the whole."""
    kind, value = item["type"], item["input"]
    if key in EXAMPLES and (kind in _FORMS or message(item) == "must be a number"):
        return f", such as {EXAMPLES[key]}"
    if kind == "less_than_equal" and key == "share" and value >= 2:
        return f": write {value:g} % as {value / 100:g}"
    if kind == "greater_than_equal" and key == "overhead" and value > 0:
        return f": write {1 + value:g} where cooling and losses add {value:g}"
    return ""


@cache
def _schema() -> Mapping[str, Any]:
    return Topology.model_json_schema()
