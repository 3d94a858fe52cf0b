# SPDX-License-Identifier: Apache-2.0
"""Libraries of the extra `calibrate`: modules that need them are imported when a calibration runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from joulepath.errors import UsageError

LIBRARIES = ("numpy", "scipy")


@contextmanager
def needed() -> Iterator[None]:
    """Around an import of a module that needs LIBRARIES. Raises UsageError with the command that installs them."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        raise UsageError(f"needs the Python package {error.name}: pip install 'joulepath[calibrate]'") from None
