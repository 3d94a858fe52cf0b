# SPDX-License-Identifier: Apache-2.0
"""Unpacks packages of the distribution into a folder, without installing them: `packages.py FOLDER PACKAGE...`.

Needs the standard library alone, since it also fetches pip.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


class PackageError(RuntimeError):
    """A package could not be had; the message says what to do."""


def unpack(folder: Path, packages: Sequence[str]) -> None:
    """Downloads `packages` with apt-get and unpacks them below `folder`. Raises PackageError."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PackageError(f"this is no Debian or Ubuntu: install {' and '.join(packages)} by hand")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        try:
            _download(packages, Path(downloads))
        except subprocess.CalledProcessError as error:
            words = " ".join(error.stderr.split())
            raise PackageError(f"apt-get cannot download {' '.join(packages)}: {words}") from None
        for package in Path(downloads).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)


def _download(packages: Sequence[str], folder: Path) -> None:
    """With the machine's package lists, else with fresh ones that live in `folder`."""
    # As root apt drops to a user that may not write here; hashes are checked all the same.
    options = ["-qq", *(["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else [])]

    def apt_get(*words: str) -> None:
        subprocess.run(["apt-get", *options, *words], cwd=folder, check=True, capture_output=True, text=True)

    try:
        apt_get("download", *packages)
    except subprocess.CalledProcessError:
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True)
        options += ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}"]
        apt_get("update")
        apt_get("download", *packages)


if __name__ == "__main__":
    try:
        unpack(Path(sys.argv[1]).resolve(), sys.argv[2:])
    except PackageError as fault:
        sys.exit(f"{fault}")
