# SPDX-License-Identifier: Apache-2.0
"""The cores of this folder, by the names of their files."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from joulepath.config import load
from joulepath_topology.cores.schema import Core


def read_folder(folder: Path) -> Mapping[str, Core]:
    """Every `NAME.yaml` of a folder. Raises UsageError with all mistakes of one file."""
    return {path.stem: load(path, Core) for path in sorted(folder.glob("*.yaml"))}


def _shipped() -> Mapping[str, Core]:
    with resources.as_file(resources.files("joulepath_topology.cores")) as folder:
        return read_folder(folder)


CORES = _shipped()

if TYPE_CHECKING:
    CoreName = str
else:
    CoreName = Literal[tuple(CORES)]
"""The name of one of them; a type checker does not read names out of a folder."""
