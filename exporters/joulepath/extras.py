# SPDX-License-Identifier: Apache-2.0
"""Extras of the installation: modules that need their packages are imported when a command needs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from joulepath.errors import UsageError

EXTRAS = {
    "calibrate": ("numpy", "scipy"),
    "parquet": ("pyarrow",),
    "report": ("jinja2", "vl_convert"),
}
"""Top modules of the packages that each brings."""


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Around an import of what needs an extra. Raises UsageError with the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS[extra]:
            raise
        raise UsageError(f"needs the Python package {error.name}: pip install 'joulepath[{extra}]'") from None
