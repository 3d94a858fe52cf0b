# SPDX-License-Identifier: Apache-2.0
"""Unpacks packages of the distribution into a folder without installing them: `packages.py FOLDER PACKAGE...`.

`--release NAME` takes them from another release of Debian: only for programs that need none of its libraries.
Needs the standard library alone, since it also fetches pip.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class PackageError(RuntimeError):
    """A package could not be had; the message says what to do."""


def unpack(folder: Path, packages: Sequence[str], release: str | None = None) -> None:
    """Downloads `packages` of the machine's own or another release with apt-get, and unpacks them below `folder`.

    Raises PackageError.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PackageError(f"this machine is not a Debian or Ubuntu: install {' and '.join(packages)} by hand")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        try:
            _download(packages, Path(downloads), release)
        except subprocess.CalledProcessError as error:
            words = " ".join(error.stderr.split())
            raise PackageError(f"apt-get cannot download {' '.join(packages)}: {words}") from None
        for package in Path(downloads).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)


def _download(packages: Sequence[str], folder: Path, release: str | None) -> None:
    """Uses the machine's package lists, else fresh ones that live in `folder`."""
    # As root apt drops to a user that may not write here; hashes are checked all the same.
    options = ["-qq", *(["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else [])]

    def apt_get(*words: str) -> None:
        subprocess.run(["apt-get", *options, *words], cwd=folder, check=True, capture_output=True, text=True)

    if release is None:
        with suppress(subprocess.CalledProcessError):
            apt_get("download", *packages)
            return
    else:
        sources = folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYS}] {MIRROR} {release} main\n", encoding="ascii")
        options += ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True)
    options += ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}"]
    apt_get("update")
    apt_get("download", *packages)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--release", help="for example forky; without it the machine's own")
    args = parser.parse_args()
    try:
        unpack(args.folder.resolve(), args.packages, args.release)
    except PackageError as fault:
        sys.exit(f"{fault}")


if __name__ == "__main__":
    main()
