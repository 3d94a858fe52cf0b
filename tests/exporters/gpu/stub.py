# SPDX-License-Identifier: Apache-2.0
"""Builds libraries that answer like the vendors', and says what they answer."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import joulepath_lab.devices

SOURCES = Path(joulepath_lab.devices.__file__).parent / "gpu_libraries"


def build(source: str, soname: str, folder: Path, *more: Path) -> Path:
    """Compiles `source` as the shared library `soname`."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler (cc)")
    library = folder / soname
    command = [compiler, "-shared", "-fPIC", "-w", "-O1", f"-I{SOURCES}", f"-Wl,-soname,{soname}", "-o", str(library)]
    subprocess.run([*command, str(SOURCES / source), *map(str, more)], check=True, timeout=60)
    return library


class Stub:
    """The answers of one library: `put` and `drop` change them at once."""

    def __init__(self, library: Path, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.library = library
        self.state = folder / f"{library.name}.state"
        environment.setenv("STUB_STATE", str(self.state))
        self._lines: dict[str, list[str]] = {}
        self.loaded = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        self._write()

    def put(self, key: str, *values: object) -> None:
        """Sets the values of a key, one line for each."""
        self._lines[key] = [f"{key} {value}\n" for value in values]
        self._write()

    def gpu(self, index: int, **values: object) -> None:
        """Sets the values of one GPU; None takes one away."""
        for name, value in values.items():
            key = f"gpu.{index}.{name}"
            if value is None:
                self._lines.pop(key, None)
            else:
                self._lines[key] = [f"{key} {value}\n"]
        self._write()

    def _write(self) -> None:
        fresh = self.state.with_suffix(".new")
        fresh.write_text("".join(line for lines in self._lines.values() for line in lines))
        os.replace(fresh, self.state)  # noqa: PTH105
