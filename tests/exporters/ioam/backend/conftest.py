# SPDX-License-Identifier: Apache-2.0
"""The path on which backends count."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.exporters.ioam.sending import Path3


@pytest.fixture
def path(as_root: None) -> Iterator[Path3]:
    """Three hosts of this test's own."""
    with ExitStack() as stack:
        yield Path3(stack)
