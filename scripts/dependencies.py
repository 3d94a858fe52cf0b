# SPDX-License-Identifier: Apache-2.0
"""Finds the requirements of Joulepath at run time, and the installed packages that they come to."""

import tomllib
from collections.abc import Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("fast", "gpu", "calibrate", "report", "parquet")
"""Extras that a command uses; the others are for tests and the demo."""


def stated(extras: Sequence[str] = EXTRAS, pyproject: Path = ROOT / "pyproject.toml") -> Sequence[str]:
    """The requirements of an installation with `extras`, as pyproject.toml has them."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]


def building(pyproject: Path = ROOT / "pyproject.toml") -> Sequence[str]:
    """The requirements of a build of the wheel."""
    requirements: Sequence[str] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["build-system"]["requires"]
    return requirements


def installed(requirements: Sequence[str]) -> Sequence[Distribution]:
    """The installed packages that requirements come to on this machine, by name.

    Raises PackageNotFoundError for one that is not installed.
    """
    distributions: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    wanted = [Requirement(one) for one in requirements]
    while wanted:
        requirement = wanted.pop()
        for extra in ("", *sorted(requirement.extras)):
            name = canonicalize_name(requirement.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            distributions[name] = distribution(requirement.name)
            inner = (Requirement(one) for one in distributions[name].requires or ())
            wanted += [one for one in inner if one.marker is None or one.marker.evaluate({"extra": extra})]
    return [distributions[name] for name in sorted(distributions)]
