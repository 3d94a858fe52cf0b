# SPDX-License-Identifier: Apache-2.0
"""The key tables of the docs, from the models of the configuration files: between markers that name the model.

`<!-- keys: MODULE:CLASS; ... -->` has the keys of a model and of all models in it, `<!-- own keys: ... -->` its own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from joulepath.schema import model

Schema = Mapping[str, Any]

_MARKED = re.compile(r"(<!-- (own )?keys: ([\w.]+:\w+);[^\n]*-->\n).*?(?=<!-- end -->)", re.DOTALL)
_NAMES = {"object": "mapping", "path": "path", "ipv6network": "IPv6 prefix", "ipv4network": "IPv4 prefix"}
_ENTRY = {"array": "[]", "object": ".NAME"}


def with_keys(page: str) -> str:
    """The page with its key tables written anew."""
    return _MARKED.sub(lambda match: match[1] + table(match[3], nested=not match[2]), page)


def places(page: str) -> list[str]:
    """The models that have a key table on the page."""
    return [match[3] for match in _MARKED.finditer(page)]


def table(place: str, *, nested: bool) -> str:
    """The table of the model at MODULE:CLASS; with the keys of the models in it if `nested`."""
    schema = model(place).model_json_schema()
    rows = "".join(
        f"| `{key}` | {value} | {default} | {_cell(meaning)} |\n"
        for key, value, default, meaning in _rows(schema, schema.get("$defs", {}), "", nested=nested)
    )
    return f"| key | value | default | meaning |\n|---|---|---|---|\n{rows}"


def _rows(schema: Schema, models: Schema, path: str, *, nested: bool) -> Iterator[tuple[str, str, str, str]]:
    for key, item in schema.get("properties", {}).items():
        required = key in schema.get("required", ())
        yield f"{path}{key}", _value(item, models), _default(item, required=required), item["description"]
        for step, inner in _models(item, models, "") if nested else ():
            yield from _rows(inner, models, f"{path}{key}{step}.", nested=True)


def _models(item: Schema, models: Schema, step: str) -> Iterable[tuple[str, Schema]]:
    """The models that may stand behind a key, each with the steps to it: `[]` of a list, `.NAME` of a mapping."""
    if "$ref" in item:
        yield step, models[item["$ref"].rpartition("/")[2]]
    for choice in item.get("anyOf", ()):
        yield from _models(choice, models, step)
    for key in ("items", "additionalProperties"):
        if isinstance(item.get(key), dict):
            yield from _models(item[key], models, step + _ENTRY[item["type"]])


def _value(item: Schema, models: Schema) -> str:
    """The type in words, with its limits."""
    if "$ref" in item:
        target = models[item["$ref"].rpartition("/")[2]]
        return _value(target, models) if "anyOf" in target else "mapping"
    if choices := item.get("anyOf") or item.get("oneOf"):
        return " or ".join(dict.fromkeys(_value(each, models) for each in choices if each.get("type") != "null"))
    if "const" in item or "enum" in item:
        return ", ".join(f"`{each}`" for each in item.get("enum", [item.get("const")]))
    if item.get("type") == "array":
        return f"list of {_value(item['items'], models)}" if "items" in item else "list"
    return _plain(item)


def _plain(item: Schema) -> str:
    if "examples" in item:
        return f"such as `{item['examples'][0]}`"
    name = item.get("format", item.get("type"))
    return _NAMES.get(name, str(item.get("type", "any"))) + _limits(item)


def _limits(item: Schema) -> str:
    if "minimum" in item and "maximum" in item:
        return f", {item['minimum']} to {item['maximum']}"
    limits = {
        "at least": item.get("minimum"),
        "above": item.get("exclusiveMinimum"),
        "at most": item.get("maximum"),
        "below": item.get("exclusiveMaximum"),
    }
    return "".join(f", {word} {limit}" for word, limit in limits.items() if limit is not None)


def _default(item: Schema, *, required: bool) -> str:
    default = item.get("default")
    if required:
        return "required"
    if default in (None, "", []) or isinstance(default, dict):
        return ""
    unit = "s" if item.get("type") == "string" else ""  # a duration is written with its unit and kept in seconds
    if isinstance(default, float):
        return f"`{default:g}{unit}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
