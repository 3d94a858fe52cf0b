# SPDX-License-Identifier: Apache-2.0
"""The rendered chart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.chart import Release, renderer


@pytest.fixture(scope="session")
def release(helm: Path) -> Callable[[str], Release]:
    """`release(name)`: the objects of the settings of that name."""
    return renderer(helm)
