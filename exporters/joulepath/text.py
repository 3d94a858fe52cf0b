# SPDX-License-Identifier: Apache-2.0
"""The text of configuration files."""

from pathlib import Path

from joulepath import files
from joulepath.errors import UsageError
from joulepath.files import Holds


def text_of(path: Path, holds: Holds = "configuration") -> str:
    """The text of a configuration file. Raises UsageError."""
    try:
        return files.read(path, holds).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: byte {error.start}") from None
