# SPDX-License-Identifier: Apache-2.0
"""Where a report goes: the terminal and files. Mistakes are told before the server is asked, which may take minutes."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from joulepath.errors import UsageError
from joulepath.extras import EXTRAS, needed

STDOUT = Path("-")

_EXTRAS = {"html": "report", "parquet": "parquet"}
"""The extra that brings the packages of a format."""


def check(wanted: Mapping[str, Path]) -> None:
    """Whether each format can be made, and its file be written. Raises UsageError."""
    for name, path in wanted.items():
        if list(wanted.values()).count(path) > 1:
            raise UsageError(f"--{name}: {path} is named for another format, too")
        if path != STDOUT:
            _check_file(path)
        if name in _EXTRAS:
            with needed(_EXTRAS[name]):
                for package in EXTRAS[_EXTRAS[name]]:
                    import_module(package)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: cannot be written: Is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{path}: cannot be written: Permission denied")


def write(path: Path, contents: str | bytes) -> None:
    """Raises UsageError for a file that cannot be written."""
    data = contents.encode() if isinstance(contents, str) else contents
    if path == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def show(text: str) -> None:
    """Prints a text, before anything that can still fail."""
    print(within(text, sys.stdout.encoding or "utf-8"), flush=True)  # noqa: T201  # the command's output


def within(text: str, encoding: str) -> str:
    """The text with a question mark for each sign that the terminal does not have."""
    return text.encode(encoding, "replace").decode(encoding)
