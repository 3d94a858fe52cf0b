# SPDX-License-Identifier: Apache-2.0
"""Libraries that answer like those of GPU vendors, built from C: `joulepath gpu` reads them through the real bindings.

Each answers from a file of its own, which the environment variable STUB_STATE names (`gpu_libraries/state.h`).
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

SOURCES = Path(__file__).parent / "gpu_libraries"
STATE = "STUB_STATE"


def build(source: str, soname: str, folder: Path, *more: Path) -> Path:
    """Compiles `source`, a file of SOURCES, as the shared library `soname`. Raises LookupError without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise LookupError("no C compiler (cc): the GPU's library is built from C")
    library = folder / soname
    command = [compiler, "-shared", "-fPIC", "-w", "-O1", f"-I{SOURCES}", f"-Wl,-soname,{soname}", "-o", str(library)]
    subprocess.run([*command, str(SOURCES / source), *map(str, more)], check=True, timeout=60)
    return library


def publish(state: Path, answers: Mapping[str, Iterable[object]]) -> None:
    """Replaces all answers at once: by key, one line for each value."""
    fresh = state.with_suffix(".new")
    lines = (f"{key} {value}\n" for key, values in answers.items() for value in values)
    fresh.write_text("".join(lines), encoding="utf-8")
    fresh.replace(state)
