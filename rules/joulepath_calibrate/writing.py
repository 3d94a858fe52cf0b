# SPDX-License-Identifier: Apache-2.0
"""Writes `static_watts` of a host into the topology file. All that a person wrote there stays as it is."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from joulepath.config import parsed_yaml
from joulepath.errors import UsageError
from joulepath.files import text_of

if TYPE_CHECKING:
    from joulepath_calibrate.idle import Idle

KEY = "static_watts"
MARK = "# calibrated"


def remark(idle: "Idle", now: float) -> str:
    """The comment beside the number: when, the interval, and which windows."""
    begin, end = (_day(idle.windows[place].at) for place in (0, -1))
    return (
        f"{_day(now)} ({idle.method}): {idle.watts.low:.1f} to {idle.watts.high:.1f} W (95 %), "
        f"{len(idle.windows)} windows from {begin} to {end}"
    )


def write(path: Path, host: str, idle: "Idle", now: float) -> None:
    """Replaces the file in one step. Raises UsageError where the host has no entry of its own, or for a fault."""
    text = text_of(path)
    wanted = parsed_yaml(path, text)
    value = round(idle.watts.value, 1)
    written = changed(text, host, value, f"{MARK} {remark(idle, now)}")
    if written is not None:
        wanted["hosts"][host][KEY] = value
    if written is None or parsed_yaml(path, written) != wanted:
        raise UsageError(f"{path}: hosts.{host}: cannot be changed in place: write {KEY}: {value} there by hand")
    _replace(path, written)


def changed(text: str, host: str, value: float, comment: str) -> str | None:
    """The text with the number in it, and the comment on a line above. None for an entry in a range, or an alias."""
    hosts = _entry(yaml.compose(text, yaml.SafeLoader), "hosts")
    found = _entry(hosts[1], host) if hosts is not None else None
    if found is None or not isinstance(found[1], yaml.MappingNode) or not found[1].value:
        return None
    if found[1].start_mark.index < found[0].end_mark.index:
        return None
    key, entry = found[0], found[1]
    before = _entry(entry, KEY)
    if before is not None:
        place, end, words = before[1].start_mark.index, before[1].end_mark.index, str(value)
    elif entry.flow_style:
        place = end = entry.value[0][0].start_mark.index
        words = f"{KEY}: {value}, "
    else:
        place = end = entry.value[0][0].start_mark.index
        words = f"{KEY}: {value}\n{' ' * entry.value[0][0].start_mark.column}"
    text = text[:place] + words + text[end:]
    at = key.start_mark if entry.flow_style else (before[0] if before is not None else entry.value[0][0]).start_mark
    lines = text.splitlines(keepends=True)
    own = slice(at.line, at.line)
    if at.line and lines[at.line - 1].lstrip().startswith(MARK):
        own = slice(at.line - 1, at.line)
    lines[own] = [f"{' ' * at.column}{comment}\n"]
    return "".join(lines)


def _entry(mapping: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The nodes of a key and of its value."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == key), None)


def _replace(path: Path, text: str) -> None:
    target = path.resolve()
    try:
        mode = target.stat().st_mode
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
            file.write(text)
        Path(file.name).chmod(mode & 0o7777)
        os.replace(file.name, target)  # noqa: PTH105  # names both
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
