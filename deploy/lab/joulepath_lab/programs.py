# SPDX-License-Identifier: Apache-2.0
"""Prometheus and Alertmanager: those installed, else the distribution's packages unpacked into the checkout's cache."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("JOULEPATH_CACHE", ".cache")).resolve()
_FOLDER = CACHE / "programs" / "usr" / "bin"
PACKAGES = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
}


def find(program: str) -> Path | None:
    """Where a program is: JOULEPATH_PROMETHEUS_DIR, the PATH, or the cache; None if nowhere."""
    places = [os.environ.get("JOULEPATH_PROMETHEUS_DIR", ""), os.environ.get("PATH", ""), "/usr/sbin", str(_FOLDER)]
    found = shutil.which(program, path=os.pathsep.join(place for place in places if place))
    return Path(found) if found else None


def fetch() -> None:
    """Unpacks the packages of the programs that are missing. Raises RuntimeError with what to do."""
    missing = [package for package, names in PACKAGES.items() if not all(find(name) for name in names)]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise RuntimeError(f"install {' and '.join(missing)}, or name their folder in JOULEPATH_PROMETHEUS_DIR")
    _FOLDER.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _download(missing, Path(folder))
        except subprocess.CalledProcessError as error:
            raise RuntimeError(
                f"apt-get download {' '.join(missing)} failed ({error.stderr.strip()}); install them by hand, "
                "or name their folder in JOULEPATH_PROMETHEUS_DIR"
            ) from None
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, CACHE / "programs"], check=True)


def _download(packages: list[str], folder: Path) -> None:
    """`apt-get download`, with package lists of the cache's own where the machine has none yet."""
    command = ["apt-get", "-qq", *_sandbox_options(), "download", *packages]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError:
        lists = CACHE / "apt"
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (lists / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::lists={lists / 'lists'}", "-o", f"Dir::Cache={lists / 'cache'}"]
        update = ["apt-get", "-qq", *_sandbox_options(), *own, "update"]
        subprocess.run(update, check=True, capture_output=True, text=True)
        subprocess.run(
            [*command[: -len(packages)][:-1], *own, "download", *packages],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )


def _sandbox_options() -> list[str]:
    """As root apt drops to a user that may not write here; the files are checked by their hashes all the same."""
    return ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []


if __name__ == "__main__":
    try:
        fetch()
    except RuntimeError as fault:
        sys.exit(f"programs: {fault}")
