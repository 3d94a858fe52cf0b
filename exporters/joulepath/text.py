# SPDX-License-Identifier: Apache-2.0
"""The text of configuration files."""

from pathlib import Path

from joulepath.errors import UsageError


def text_of(path: Path) -> str:
    """The text of a configuration file. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: byte {error.start}") from None
