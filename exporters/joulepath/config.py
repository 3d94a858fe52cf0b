# SPDX-License-Identifier: Apache-2.0
"""Reads a YAML file into a pydantic model and reports every mistake at once, each with its path."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from joulepath.errors import UsageError
from joulepath.files import Holds, text_of
from joulepath.meant import is_mapping, unknown_key


class Model(BaseModel):
    """Base of every configuration model: unknown keys are mistakes, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


M = TypeVar("M")


def _prefix(value: object) -> object:
    """Refuses what a network could be made of, and what no packet could have."""
    if not isinstance(value, str):
        raise ValueError("must be an IPv4 or IPv6 address or prefix")  # noqa: TRY004  # pydantic's validators
    try:
        network = ip_network(value)
    except ValueError:
        return value
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        raise ValueError(f"packets have IPv4 addresses as they are: write {mapped}/{network.prefixlen - 96}")
    if "%" in value:
        raise ValueError("packets do not carry the zone of an address: leave out % and what follows")
    return network


Prefix = Annotated[IPv4Network | IPv6Network, BeforeValidator(_prefix)]
"""Of addresses in packets."""


_MERGE = "tag:yaml.org,2002:merge"
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors of PyYAML's own constructors: a month 13, a number of 5000 digits, `!!int x`."""


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key written twice instead of keeping the last one silently."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # PyYAML's
        """The value of a node. Raises ConstructorError, which says the line."""
        try:
            return super().construct_object(node, deep)
        except _UNREADABLE:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"not a valid {kind}", node.start_mark) from None


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable):
            if key in seen:
                problem = f"the key {key!r} is written twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, holds: Holds = "data") -> Any:
    """The plain data of one YAML file. Raises UsageError when it cannot be read or is not YAML."""
    return parsed_yaml(path, text_of(path, holds))


def parsed_yaml(path: Path, text: str) -> Any:
    """The plain data of the text of one YAML file. Raises UsageError when it is not YAML."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader with one more check
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{path}{where}: is not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UsageError(f"{path}: lists stand in lists too deep") from None


def load(path: Path, model: type[M], text: str | None = None, *, empty: bool = False) -> M:
    """The file as `model`, one of pydantic's or a dataclass.

    Raises UsageError with one line per mistake: `FILE: key.path: what to do`. `text` is what was
    read of the file already. `empty=True` accepts a file without keys: every default applies.
    """
    data = read_yaml(path, "configuration") if text is None else parsed_yaml(path, text)
    if data is None and empty:
        data = {}
    if not isinstance(data, dict):
        content = "empty" if data is None else f"a {type(data).__name__}"
        raise UsageError(f"{path}: must be a mapping of keys, is {content}")
    try:
        return TypeAdapter(model).validate_python(data)
    except ValidationError as error:
        raise UsageError([f"{path}: {line}" for line in problems(error, model)]) from None


def problems(error: ValidationError, model: type[Any]) -> Iterable[str]:
    """Each mistake as `key.path: message`, in the order of the file, without values (they may be secrets)."""
    lines: dict[str, None] = {}  # where several types would do, pydantic names the mistake once for each
    errors = error.errors(include_url=False, include_input=False)
    renamed = misnamed(errors)
    for item in errors:
        if item["type"] == "missing" and item["loc"] in renamed:
            continue
        if item["type"] == "too_short" and any(_is_below(other["loc"], item["loc"]) for other in errors):
            continue  # of the entries of a list, pydantic counts those without a mistake
        place = tuple(part for part in item["loc"] if not _ADDED.fullmatch(str(part)))
        text = unknown_key(place, _schema(model)) if item["type"] in _UNKNOWN else message(item)
        where = _path(place, _schema(model))
        lines[f"{where}: {text}" if where else text] = None
    return lines


def misnamed(errors: Iterable[Mapping[str, Any]]) -> set[tuple[int | str, ...]]:
    """The places of missing keys in mappings with as many unknown ones: they are there, under another name.

    Takes ValidationError.errors(). The unknown key is the mistake to be told.
    """
    found: dict[tuple[int | str, ...], tuple[list[tuple[int | str, ...]], list[tuple[int | str, ...]]]] = {}
    for item in errors:
        if item["type"] == "missing" or item["type"] in _UNKNOWN:
            missing, unknown = found.setdefault(item["loc"][:-1], ([], []))
            (missing if item["type"] == "missing" else unknown).append(item["loc"])
    return {place for missing, unknown in found.values() if len(missing) <= len(unknown) for place in missing}


def _path(place: Sequence[int | str], schema: Mapping[str, Any]) -> str:
    """A place as text: `zones[0].name`."""
    steps = (
        f"[{step}]" if isinstance(step, int) and not is_mapping(schema, place[:depth]) else f".{step}"
        for depth, step in enumerate(place)
    )
    return _CONTROL.sub("?", "".join(steps).removeprefix("."))


def _is_below(place: tuple[int | str, ...], above: tuple[int | str, ...]) -> bool:
    return len(place) > len(above) and place[: len(above)] == above


def _schema(model: type[Any]) -> dict[str, Any]:
    try:
        return TypeAdapter(model).json_schema()
    except PydanticInvalidForJsonSchema:  # a type of our own: nothing to suggest
        return {}


def message(item: Mapping[str, Any]) -> str:
    """The mistake in one of ValidationError.errors(), in YAML's terms: pydantic speaks of inputs and tuples."""
    text: str = item["msg"]
    if item["type"] in _NETWORKS:
        either = any(_ADDED.fullmatch(str(part)) for part in item["loc"])
        kind = "IPv4 or IPv6" if either else _NETWORKS[item["type"]]
        return f"must be an {kind} address or prefix, with no bit set behind the prefix"
    return _WORDS.get(item["type"]) or text.removeprefix("Value error, ").replace("Input should", "must")


_CONTROL = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")
"""Not to be shown as they are: a key could end the line."""
_ADDED = re.compile(r"[a-z-]*\[.*\]")
"""The additions of pydantic to a path of keys: `[key]`, or which of several types it tried."""

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MAPPING = "must be a mapping of keys"
_LIST = "must be a list"
_NETWORKS = {"ip_v4_network": "IPv4", "ip_v6_network": "IPv6"}
_WORDS = {
    "missing": "is missing",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
    "too_short": "needs at least one entry",
    "string_type": "must be a string: put it in quotes",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "dataclass_type": _MAPPING,
}
