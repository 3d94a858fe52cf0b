# SPDX-License-Identifier: Apache-2.0
"""Libraries of the extra `report`: modules that need them are imported when such a file is written."""

from collections.abc import Iterator
from contextlib import contextmanager

from joulepath.errors import UsageError

LIBRARIES = ("jinja2", "pyarrow", "vl_convert")


@contextmanager
def needed() -> Iterator[None]:
    """Around an import of a module that needs LIBRARIES. Raises UsageError with the command that installs them."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        raise UsageError(f"needs the Python package {error.name}: pip install 'joulepath[report]'") from None
