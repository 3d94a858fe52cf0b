# SPDX-License-Identifier: Apache-2.0
"""Builds libraries that answer like the vendors', and says what they answer."""

import ctypes
from pathlib import Path

import pytest

from joulepath_lab.devices import gpu_library


def build(source: str, soname: str, folder: Path, *more: Path) -> Path:
    """Compiles `source` as the shared library `soname`; skips without a compiler."""
    try:
        return gpu_library.build(source, soname, folder, *more)
    except LookupError as fault:
        pytest.skip(str(fault))


class Stub:
    """The answers of one library: `put` and `gpu` change them at once."""

    def __init__(self, library: Path, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.library = library
        self.state = folder / f"{library.name}.state"
        environment.setenv(gpu_library.STATE, str(self.state))
        self._answers: dict[str, tuple[object, ...]] = {}
        self.loaded = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        self._publish()

    def put(self, key: str, *values: object) -> None:
        """Sets the values of a key, one line for each."""
        self._answers[key] = values
        self._publish()

    def gpu(self, index: int, **values: object) -> None:
        """Sets the values of one GPU; None takes one away."""
        for name, value in values.items():
            key = f"gpu.{index}.{name}"
            if value is None:
                self._answers.pop(key, None)
            else:
                self._answers[key] = (value,)
        self._publish()

    def _publish(self) -> None:
        gpu_library.publish(self.state, self._answers)
