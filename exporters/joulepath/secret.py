# SPDX-License-Identifier: Apache-2.0
"""Passwords and the like, from a file or the environment. They stand in no message."""

import os
from collections.abc import Mapping
from pathlib import Path

from joulepath import files
from joulepath.errors import UsageError

MOST_OCTETS = 1 << 20


def of_file(path: Path, key: str) -> str:
    """The text of the file that `key` names, without surrounding space. Raises UsageError."""
    try:
        secret = files.read(path, "secret", MOST_OCTETS).decode("utf-8").strip()
    except OSError as error:
        raise UsageError(f"{key}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{key}: {path} is not UTF-8 text") from None
    if not secret:
        raise UsageError(f"{key}: {path} is empty")
    return secret


def of_environment(variable: str, key: str, environment: Mapping[str, str] = os.environ) -> str:
    """The value of the variable that `key` names. Raises UsageError."""
    secret = environment.get(variable, "")
    if not secret:
        raise UsageError(f"{key}: the environment variable {variable} is not set")
    return secret
