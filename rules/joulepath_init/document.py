# SPDX-License-Identifier: Apache-2.0
"""A YAML file with comments: sections of entries, each below its remarks."""

import json
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

GUESS, DECIDE = "guess:", "decide:"
"""The beginnings of remarks: what was concluded from names or watts, and what only a person knows."""
WIDTH = 120

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


@dataclass
class Entry:
    """One entry of a section."""

    name: str | int
    value: Any
    remarks: list[str] = field(default_factory=list)


@dataclass
class Section:
    """Entries under a key; with `listed` they are items of a list and have no names."""

    key: str
    entries: Sequence[Entry] = ()
    remarks: Sequence[str] = ()
    listed: bool = False


def written(head: Iterable[str], sections: Iterable[Section], facts: Mapping[str, Any] | None = None) -> str:
    """The text of the file: the remarks of its head, `facts` as keys with values, then the sections."""
    lines = [*_comments(head, 0), *(f"{key}: {flow(value)}" for key, value in (facts or {}).items())]
    for section in sections:
        if lines and (section.remarks or section.entries):
            lines.append("")
        lines += _comments(section.remarks, 0)
        if section.entries:
            lines.append(f"{section.key}:")
        for entry in section.entries:
            lines += _comments(entry.remarks, 2)
            lines += _entry("-" if section.listed else f"{flow(entry.name)}:", entry.value)
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    """An entry on one line, or with a line for each key where that would be too long."""
    line = f"  {name} {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping) or not value:
        yield line
        return
    pairs = [f"{flow(key)}: {flow(item)}" for key, item in value.items()]
    if name == "-":
        pairs[0] = f"  - {pairs[0]}"
    else:
        yield f"  {name}"
        pairs[0] = f"    {pairs[0]}"
    yield from (pairs[0], *(f"    {pair}" for pair in pairs[1:]))


def _comments(remarks: Iterable[str], indent: int) -> Iterator[str]:
    for remark in remarks:
        # A name in a remark is a device's own: it may hold line breaks and characters that YAML forbids.
        text = " ".join("".join(each if each.isprintable() else " " for each in remark).split())
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"{' ' * indent}# ",
            subsequent_indent=f"{' ' * indent}#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(name)}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
        if plain:
            return value
        # Single quotes where a query has double ones; they hide no escape.
        return f"'{value}'" if '"' in value and re.fullmatch(r"[ !-&(-~]+", value) else _quoted(value)
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """In double quotes, on one line, with what is not ASCII as an escape."""
    return yaml.safe_dump(text, default_style='"', width=math.inf).strip()
