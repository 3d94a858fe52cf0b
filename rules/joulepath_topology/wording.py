# SPDX-License-Identifier: Apache-2.0
"""Mistakes of form in words: what YAML made of a value, and which key or word was probably meant."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from joulepath.config import message
from joulepath.meant import did_you_mean, unknown_key
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place


def worded(item: Mapping[str, Any], place: Place) -> str:
    """The message for one of ValidationError.errors()."""
    kind, value = item["type"], item["input"]
    if kind == "string_type" and isinstance(value, bool):
        return f"must be a string, but YAML reads it as {str(value).lower()}: put it in quotes"
    if kind == "extra_forbidden":
        return unknown_key(place, _schema())
    if kind == "literal_error" and isinstance(value, str):
        words = [word.strip(" '") for word in item["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return message(item) + did_you_mean(value, words)
    return message(item)


@cache
def _schema() -> Mapping[str, Any]:
    return Topology.model_json_schema()
