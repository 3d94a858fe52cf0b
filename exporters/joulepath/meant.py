# SPDX-License-Identifier: Apache-2.0
"""Finds the key or word that was probably meant in place of an unknown one."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

Schema = Mapping[str, Any]


def unknown_key(place: tuple[str | int, ...], schema: Schema) -> str:
    """The message for the unknown key at the end of `place` in a file of this JSON schema."""
    word, known = str(place[-1]), keys(schema, place[:-1])
    meant = did_you_mean(word, known)
    others = f": the keys are {', '.join(known)}" if known and not meant else ""
    return f"unknown key {word!r}{meant}{others}"


def did_you_mean(word: str, words: list[str]) -> str:
    """The word that was probably meant, in brackets: the closest one, or the only one that contains it."""
    lower = {one.lower(): one for one in words}
    close = get_close_matches(word.lower(), lower, n=1) or [
        one for one in lower if len(word) > 2 and word.lower() in one
    ]
    return f" (did you mean {lower[close[0]]}?)" if len(close) == 1 else ""


def keys(schema: Schema, place: Iterable[str | int]) -> list[str]:
    """The keys that may stand at a place, by the schema."""
    return [key for node in _at(schema, place) for key in node.get("properties", {})]


def is_mapping(schema: Schema, place: Iterable[str | int]) -> bool:
    """Whether a mapping with any keys stands at a place, by the schema, and not a list: its keys may be numbers."""
    nodes = _at(schema, place)
    return any(node.get("additionalProperties") for node in nodes) and not any("items" in node for node in nodes)


def _at(schema: Schema, place: Iterable[str | int]) -> list[Schema]:
    nodes = _resolved(schema, schema)
    for step in place:
        nodes = [child for node in nodes for child in _children(schema, node, step)]
    return nodes


def _children(schema: Schema, node: Schema, step: str | int) -> list[Schema]:
    child = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    child = child or node.get("additionalProperties")
    return _resolved(schema, child) if isinstance(child, dict) else []


def _resolved(schema: Schema, node: Schema) -> list[Schema]:
    """A schema without references, or each of its alternatives."""
    if "$ref" in node:
        return _resolved(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    choices = node.get("anyOf") or node.get("oneOf")
    return [one for choice in choices for one in _resolved(schema, choice)] if choices else [node]
