# SPDX-License-Identifier: Apache-2.0
"""Loads a vendor's shared library from another place than the loader's search path."""

import ctypes
from pathlib import Path

from joulepath.errors import UsageError


def preload(path: Path) -> None:
    """Makes later loads of this library's name (its SONAME) find the file at `path`: ld.so(8) keeps one of a name.

    Raises UsageError.
    """
    try:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise UsageError(f"{path}: is not a library that can be loaded: {error}") from None
