# SPDX-License-Identifier: Apache-2.0
"""The rendered chart, and the wheel."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.chart import Release, renderer


@pytest.fixture(scope="session")
def release(helm: Path) -> Callable[[str], Release]:
    """`release(name)`: the objects of the settings of that name."""
    return renderer(helm)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))
