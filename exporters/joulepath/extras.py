# SPDX-License-Identifier: Apache-2.0
"""Extras of the installation: modules that need their packages are imported when a command needs them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution

from joulepath.errors import UsageError

EXTRAS = {
    "calibrate": ("numpy", "scipy"),
    "parquet": ("pyarrow",),
    "report": ("jinja2", "vl_convert"),
}
"""Top modules of the packages that each brings."""


def installer() -> str:
    """The program that installed this, as the installation says (PEP 627); empty where it says nothing."""
    try:
        return (distribution("joulepath").read_text("INSTALLER") or "").strip()
    except PackageNotFoundError:  # run from its sources
        return ""


@contextmanager
def needed(extra: str, installer: Callable[[], str] = installer) -> Iterator[None]:
    """Around an import of what needs an extra. Raises UsageError with the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS[extra]:
            raise
        # The Debian package of scripts/deb.py has every other extra in a second one.
        command = f"pip install 'joulepath[{extra}]'" if installer() != "dpkg" else "apt-get install joulepath-analysis"
        raise UsageError(f"needs the Python package {error.name}: {command}") from None
