# SPDX-License-Identifier: Apache-2.0
"""Mistakes of form in words: what YAML made of a value, and which key or word was probably meant."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from joulepath.config import message
from joulepath_rules.topology.model import Topology
from joulepath_rules.topology.problem import Place


def worded(item: Mapping[str, Any], place: Place) -> str:
    """The message for one of ValidationError.errors()."""
    kind, value = item["type"], item["input"]
    if kind == "string_type" and isinstance(value, bool):
        return f"must be a text, but YAML reads it as {str(value).lower()}: write it in quotes"
    if kind == "extra_forbidden":
        return f"unknown key {place[-1]!r}{_meant(str(place[-1]), keys(place[:-1]))}"
    if kind == "literal_error" and isinstance(value, str):
        words = [word.strip(" '") for word in item["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return message(item) + _meant(value, words)
    return message(item)


def _meant(word: str, words: list[str]) -> str:
    """The word that was probably meant, in brackets: the closest one, or the only one that contains it."""
    close = get_close_matches(word.lower(), words, n=1) or [one for one in words if len(word) > 2 and word in one]
    return f" (did you mean {close[0]}?)" if len(close) == 1 else ""


def keys(place: Place) -> list[str]:
    """The keys that may stand at a place, by the schema."""
    nodes = [_schema()]
    for step in place:
        nodes = [child for node in nodes for child in _children(node, step)]
    return [key for node in nodes for key in node.get("properties", {})]


def _children(node: Mapping[str, Any], step: str | int) -> list[Mapping[str, Any]]:
    child = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    child = child or (node.get("additionalProperties") if isinstance(step, str) else None)
    return _resolved(child) if isinstance(child, dict) else []


def _resolved(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A schema without references, or each of its alternatives."""
    if "$ref" in node:
        return _resolved(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    choices = node.get("anyOf") or node.get("oneOf")
    return [one for choice in choices for one in _resolved(choice)] if choices else [node]


@cache
def _schema() -> Mapping[str, Any]:
    return Topology.model_json_schema()
