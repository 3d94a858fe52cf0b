# SPDX-License-Identifier: Apache-2.0
"""Writes numbers of one entry into the topology file. All that a person wrote there stays as it is."""

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from joulepath.config import parsed_yaml
from joulepath.errors import UsageError
from joulepath.files import text_of
from joulepath_topology import read

Value = float | Mapping[str, float] | Sequence[Mapping[str, float | str]]
Numbers = Mapping[str, Value]
"""A number by key, a mapping of numbers, or a list of mappings, which takes the place of the one that is there."""


def write(path: Path, place: tuple[str, str], numbers: Numbers, remark: str) -> None:
    """Replaces the file in one step, with the numbers and a comment above them.

    `place` is a section and the name of an entry in it. Raises UsageError where the entry is not written there in full,
    where the topology would not be valid with the numbers, or for a fault of the file system.
    """
    text = text_of(path)
    wanted = parsed_yaml(path, text)
    written = changed(text, place, numbers, remark)
    if written is not None:
        for key, value in numbers.items():
            entry = wanted[place[0]][place[1]]
            entry[key] = {**(entry.get(key) or {}), **value} if isinstance(value, Mapping) else value
    if written is None or parsed_yaml(path, written) != wanted:
        by_hand = ", ".join(f"{key}: {flow(value)}" for key, value in numbers.items())
        raise UsageError(f"{path}: {'.'.join(place)}: cannot be changed in place: write {by_hand} there by hand")
    _replace(path, written)


def changed(text: str, place: Sequence[str], numbers: Numbers, remark: str) -> str | None:
    """The text with the numbers. None for an entry in a range, or one that is an alias."""
    for key, value in numbers.items():
        found = _entry_of(text, place)
        if found is None:
            return None
        name, entry = found
        before = _pair(entry, key)
        top = name if entry.flow_style else (before or entry.value[0])[0]
        text = _with_value(text, entry, before, key, value)
        text = _with_comment(text, top.start_mark, f"# {key}: calibrated ", remark)
    return text


def minute(at: float) -> str:
    """A moment in Unix seconds, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def _entry_of(text: str, place: Sequence[str]) -> tuple[yaml.Node, yaml.MappingNode] | None:
    """The nodes of the name and of the entry."""
    node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    name = node
    for key in place:
        pair = _pair(node, key)
        if pair is None or pair[1].start_mark.index < pair[0].end_mark.index:
            return None
        name, node = pair
    return (name, node) if name is not None and isinstance(node, yaml.MappingNode) and node.value else None


def _pair(mapping: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The nodes of a key and of its value."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == key), None)


def _with_value(
    text: str,
    entry: yaml.MappingNode,
    before: tuple[yaml.Node, yaml.Node] | None,
    key: str,
    value: Value,
) -> str:
    if before is None:
        first = entry.value[0][0].start_mark
        separator = ", " if entry.flow_style else f"\n{' ' * first.column}"
        return f"{text[: first.index]}{key}: {flow(value)}{separator}{text[first.index :]}"
    pairs: list[tuple[yaml.Node, Value]]
    if isinstance(value, Mapping) and isinstance(before[1], yaml.MappingNode):
        pairs = [(pair[1], value[pair[0].value]) for pair in before[1].value if pair[0].value in value]
    else:
        pairs = [(before[1], value)]
    for node, one in reversed(pairs):
        text = f"{text[: node.start_mark.index]}{flow(one)}{text[node.end_mark.index :]}"
    return text


def _with_comment(text: str, mark: yaml.Mark, head: str, remark: str) -> str:
    """The text with a comment of one line above a mark, in place of an earlier one."""
    lines = text.splitlines(keepends=True)
    own = slice(mark.line, mark.line)
    if mark.line and lines[mark.line - 1].lstrip().startswith(head):
        own = slice(mark.line - 1, mark.line)
    lines[own] = [f"{' ' * mark.column}{head}{remark}\n"]
    return "".join(lines)


def flow(value: Value | Mapping[str, float | str] | str) -> str:
    """The value as YAML on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(number)}' for key, number in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(flow(each) for each in value)}]"
    text = f"{value:g}"
    # YAML 1.1 reads a number with an exponent and without a point as text.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _replace(path: Path, text: str) -> None:
    """Puts the text in the place of the file, once it is a valid topology."""
    target = path.resolve()
    new: Path | None = None
    try:
        status = target.stat()
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=target.parent, suffix=".yaml", delete=False
        ) as file:
            new = Path(file.name)
            file.write(text)
        new.chmod(status.st_mode & 0o7777)
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, status.st_uid, status.st_gid)
        try:
            read(new)
        except UsageError as error:
            messages = [message.replace(str(new), str(path)) for message in error.messages]
            raise UsageError([f"{message} (nothing was written)" for message in messages]) from None
        new.replace(target)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        if new is not None:
            with contextlib.suppress(OSError):
                new.unlink()
