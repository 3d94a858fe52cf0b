# SPDX-License-Identifier: Apache-2.0
"""Cgroups of this machine's kernel, and programs that burn CPU time in them."""

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from joulepath.workload.cgroup import find

MOUNT = Path("/sys/fs/cgroup")
Version = Literal["v1", "v2"]

BURN = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass"


class RealCgroups:
    """The cgroups below one of our own, which are removed at the end."""

    def __init__(self, root: Path) -> None:
        self.name = f"/joulepath-test-{os.getpid()}"
        self._root = root
        self.make("")

    def make(self, path: str) -> None:
        """Makes a cgroup, `path` below ours."""
        folder = self._root / self.name.lstrip("/") / path.lstrip("/")
        folder.mkdir()

    def remove(self, path: str) -> None:
        """Removes a cgroup. Its last process may be on the way out."""
        folder = self._root / self.name.lstrip("/") / path.lstrip("/")
        end = time.monotonic() + 20
        while True:
            try:
                folder.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def start(self, path: str, *command: str, output: int | None = None) -> subprocess.Popen[bytes]:
        """Starts a program in a cgroup, which it is in before it begins."""
        procs = self._root / self.name.lstrip("/") / path.lstrip("/") / "cgroup.procs"
        words = ["sh", "-c", f'echo $$ >"{procs}" && exec "$@"', "sh", *command]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=output)

    def burn(self, path: str, seconds: float) -> subprocess.Popen[bytes]:
        """Starts a program that uses so much CPU time and ends."""
        return self.start(path, sys.executable, "-c", BURN, str(seconds))

    def remove_all(self) -> None:
        """Removes all of them."""
        top = self._root / self.name.lstrip("/")
        for folder, _, _ in os.walk(top, topdown=False):
            self.remove(os.path.relpath(folder, top) if folder != str(top) else "")


def root_of(version: Version) -> Path | None:
    """Where this machine has the hierarchy of a version; None if it has none."""
    tree = find(MOUNT, version)
    return None if tree is None else Path(tree.root)


@contextlib.contextmanager
def cgroups(root: Path) -> Iterator[RealCgroups]:
    """Cgroups for one test."""
    made = RealCgroups(root)
    try:
        yield made
    finally:
        made.remove_all()


def cpu_of(*started: subprocess.Popen[bytes]) -> float:
    """Waits for programs, and returns the CPU time of them and of all whom they waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for process in started:
        assert process.wait(120) == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
