# SPDX-License-Identifier: Apache-2.0
"""Runs a program where folders that others may not enter do not hide its code: `python reach.py TREE... -- PROGRAM...`.

Run it as root in a mount namespace of its own (`unshare --mount`). A checkout or an interpreter may lie below a home
of mode 0700. Each such folder on the way to a tree is replaced, here alone, by one that shows just what the trees need.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

MAY_ENTER = 0o005
"""Others may list it and look into it."""


def open_up(trees: Iterable[Path]) -> None:
    """Makes these folders reachable for everybody."""
    wanted = {tree.resolve() for tree in trees}
    for folder in sorted({each for tree in wanted for each in (tree, *tree.parents)}, key=lambda each: len(each.parts)):
        if folder.stat().st_mode & MAY_ENTER != MAY_ENTER:
            below = {folder / tree.relative_to(folder).parts[0] for tree in wanted if folder in tree.parents}
            _replace(folder, sorted(folder.iterdir()) if folder in wanted else sorted(below))


def _replace(folder: Path, shown: Iterable[Path]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # there for everybody
        aside = {path: Path(name, str(number)) for number, path in enumerate(shown)}
        for path, stand_in in aside.items():
            _like(path, stand_in)
            subprocess.run(["mount", "--bind", path, stand_in], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", folder], check=True)
        for path, stand_in in aside.items():
            _like(stand_in, path)
            subprocess.run(["mount", "--move", stand_in, path], check=True)


def _like(path: Path, copy: Path) -> None:
    """Something of the same kind, to mount on."""
    if path.is_dir():
        copy.mkdir()
    else:
        copy.touch()


if __name__ == "__main__":
    end = sys.argv.index("--")
    open_up(map(Path, sys.argv[1:end]))
    # Its own folder may be one that has been replaced.
    os.chdir("/")
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])  # noqa: S606  # the test's own program
