# SPDX-License-Identifier: Apache-2.0
"""Which workload a process belongs to."""

import os
from pathlib import Path
from typing import Protocol


class Naming(Protocol):
    """Names workloads."""

    def name_of(self, pid: int) -> str:
        """The workload of a process; empty where the process has ended or has none."""


class ProgramNaming:
    """Names a process after its program, as ps(1) does: `comm` where another user's /proc/PID/exe is closed."""

    def __init__(self, procfs: Path = Path("/proc")) -> None:
        self._root = procfs

    def name_of(self, pid: int) -> str:
        """The file name of the program."""
        folder = self._root / str(pid)
        try:
            return os.path.basename(os.readlink(folder / "exe")).removesuffix(" (deleted)")  # noqa: PTH115, PTH119
        except OSError:
            pass
        try:
            return (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
