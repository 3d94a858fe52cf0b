# SPDX-License-Identifier: Apache-2.0
"""Prometheus and Alertmanager: those installed, else the distribution's packages unpacked into the checkout's cache."""

import os
import shutil
import sys
from pathlib import Path

from joulepath_lab.packages import PackageError, unpack

CACHE = Path(os.environ.get("JOULEPATH_CACHE", ".cache")).resolve()
FOLDER = CACHE / "programs" / "usr" / "bin"
PACKAGES = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
}


def find(program: str) -> Path | None:
    """Where a program is: JOULEPATH_PROMETHEUS_DIR, the PATH, or the cache; None if nowhere."""
    places = [os.environ.get("JOULEPATH_PROMETHEUS_DIR", ""), os.environ.get("PATH", ""), str(FOLDER)]
    found = shutil.which(program, path=os.pathsep.join(place for place in places if place))
    return Path(found) if found else None


def required(program: str) -> Path:
    """Where a program is. Raises LookupError, which says how to get it."""
    found = find(program)
    if found is None:
        raise LookupError(f"{program} is not installed; run `make programs`")
    return found


def obtained(package: str) -> Path:
    """The program of a package of the same name: the installed one, else unpacked into the cache.

    Raises PackageError.
    """
    if find(package) is None:
        unpack(CACHE / "programs", [package])
    found = find(package)
    if found is None:
        raise PackageError(f"the package {package} has no program of that name")
    return found


def with_templates(command: list[str]) -> list[str]:
    """Alertmanager's command, wrapped where Debian's build would miss its templates below /usr/share.

    The wrapper mounts the unpacked package's /usr/share over the machine's, in a mount namespace of the server's own.
    """
    unpacked = Path(command[0]).parent.parent / "share"
    template = Path("prometheus", "alertmanager", "default.tmpl")
    if (Path("/usr/share") / template).exists() or not (unpacked / template).exists():
        return command
    script = f'mount --bind "{unpacked}" /usr/share && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "alertmanager", *command]


def fetch() -> None:
    """Unpacks the packages of the programs that are missing. Raises PackageError."""
    missing = [package for package, names in PACKAGES.items() if not all(find(name) for name in names)]
    if missing:
        print(f"unpacking {' and '.join(missing)} into {CACHE / 'programs'}", flush=True)  # noqa: T201  # progress
        unpack(CACHE / "programs", missing)


if __name__ == "__main__":
    try:
        fetch()
    except PackageError as fault:
        sys.exit(f"{fault}; or name the folder that has them in JOULEPATH_PROMETHEUS_DIR")
