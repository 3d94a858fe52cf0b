# SPDX-License-Identifier: Apache-2.0
"""Parts of a package without its `__init__`, which runs as soon as it is needed."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from joulepath import lean

pytestmark = pytest.mark.unit


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yields the name of a package that imports all its modules in `__init__`."""
    name = f"package{uuid4().hex}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from .large import THING\nfrom . import small\nVERSION = 3\n")
    (folder / "large.py").write_text("from .small import PART\nTHING = PART + 1\n")
    (folder / "small.py").write_text("from . import other\nPART = other.BASE\n")
    (folder / "other.py").write_text("BASE = 40\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for each in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[each]


def test_a_part_is_imported_alone(package: str) -> None:
    lean.late(package)
    assert importlib.import_module(f"{package}.small").PART == 40
    assert f"{package}.large" not in sys.modules


def test_the_package_itself_is_imported_when_it_is_needed(package: str) -> None:
    lean.late(package)
    part = importlib.import_module(f"{package}.small")
    module = importlib.import_module(package)
    assert f"{package}.large" not in sys.modules
    assert (module.VERSION, module.THING) == (3, 41)
    assert module.small is part
    with pytest.raises(AttributeError):
        _ = module.nothing


def test_a_package_that_is_imported_already_stays(package: str) -> None:
    module = importlib.import_module(package)
    lean.late(package)
    assert sys.modules[package] is module


def test_a_package_that_is_not_installed_is_left_to_its_importer() -> None:
    lean.late("no_such_package_anywhere")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package_anywhere")
