# SPDX-License-Identifier: Apache-2.0
"""A command that lacks a package says what to install; a mistake of ours stays a traceback."""

import tomllib

import pytest

from joulepath.errors import UsageError
from joulepath.extras import EXTRAS, needed
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("extra", "package"), [(extra, package) for extra, all_ in EXTRAS.items() for package in all_])
def test_an_absent_package_is_named_with_its_extra(extra: str, package: str) -> None:
    with pytest.raises(UsageError, match=rf"{package}: pip install 'joulepath\[{extra}\]'"), needed(extra):
        raise ModuleNotFoundError(name=package)


def test_the_debian_package_names_its_second_package() -> None:
    absent = ModuleNotFoundError(name="scipy")
    with (
        pytest.raises(UsageError, match="scipy: apt-get install joulepath-analysis"),
        needed("calibrate", lambda: "dpkg"),
    ):
        raise absent


def test_a_mistake_of_ours_is_not_taken_for_an_absent_package() -> None:
    with pytest.raises(ModuleNotFoundError), needed("report"):
        raise ModuleNotFoundError(name="joulepath_report.absent")


def test_every_extra_exists_with_its_packages() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        names = " ".join(stated[extra]).replace("-", "_")
        assert [package for package in packages if package not in names] == []
