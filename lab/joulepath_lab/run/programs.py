# SPDX-License-Identifier: Apache-2.0
"""Prometheus and Alertmanager: those installed, else the distribution's packages unpacked into the checkout's cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from joulepath_lab.run.packages import PackageError, unpack

CACHE = Path(os.environ.get("JOULEPATH_CACHE", ".cache")).resolve()
FOLDER = CACHE / "programs" / "usr" / "bin"
PACKAGES = {
    "prometheus": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "amtool"),
}
OPTIONAL = {"victoria-metrics": ("victoria-metrics", "vmalert")}
"""Not every release of the distribution has them: tests that need them are skipped there."""

PAGES = (
    "libjs-jquery", "libjs-popper.js", "libjs-bootstrap4", "libjs-d3", "libjs-rickshaw", "libjs-moment",
    "libjs-eonasdan-bootstrap-datetimepicker", "libjs-mustache", "fonts-glyphicons-halflings",
)  # fmt: skip
"""The scripts that Debian's Prometheus refers to; libjs-moment-timezone is left out: 200 MB, and no page calls it."""

NEXT = CACHE / "prometheus-next" / "usr" / "bin"
"""Prometheus and promtool of the next major version, beside those of the distribution."""
NEXT_RELEASE = "forky"  # whichever version of Prometheus 3 it has today


def find(program: str) -> Path | None:
    """Where a program is: JOULEPATH_PROMETHEUS_DIR, the PATH, or the cache; None if nowhere."""
    places = [os.environ.get("JOULEPATH_PROMETHEUS_DIR", ""), os.environ.get("PATH", ""), str(FOLDER)]
    path = shutil.which(program, path=os.pathsep.join(place for place in places if place))
    return Path(path) if path else None


def require(program: str) -> Path:
    """Where a program is. Raises LookupError, which says how to get it."""
    path = find(program)
    if path is None:
        raise LookupError(f"{program} is not installed; run `make programs`")
    return path


def obtain(package: str) -> Path:
    """The program of a package of the same name: the installed one, else unpacked into the cache.

    Raises PackageError.
    """
    if find(package) is None:
        unpack(CACHE / "programs", [package])
    path = find(package)
    if path is None:
        raise PackageError(f"the package {package} has no program of that name")
    return path


def next_prometheus() -> Path:
    """Prometheus of the next major version: in JOULEPATH_PROMETHEUS_NEXT_DIR, else unpacked into the cache.

    promtool lies beside it. Raises PackageError.
    """
    path = find_next()
    if path is None:
        print(f"unpacking prometheus of Debian {NEXT_RELEASE} into {NEXT}", flush=True)  # noqa: T201  # progress
        unpack(NEXT.parent.parent, ["prometheus", "promtool"], NEXT_RELEASE)
        path = find_next()
    if path is None:
        raise PackageError(f"Debian {NEXT_RELEASE} has no prometheus and promtool in the packages of these names")
    return path


def find_next() -> Path | None:
    """Where the next major version of Prometheus is, with promtool beside it; None if nowhere."""
    for folder in (os.environ.get("JOULEPATH_PROMETHEUS_NEXT_DIR"), str(NEXT)):
        if folder and all(shutil.which(name, path=folder) for name in ("prometheus", "promtool")):
            return Path(folder) / "prometheus"
    return None


def version(program: Path) -> str:
    """The version of a program of Prometheus, such as 2.42.0+ds."""
    result = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
    return (result.stdout + result.stderr).split()[2].rstrip(",")


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


def pages_of(prometheus: Path) -> Path | None:
    """The pages of Debian's Prometheus where it is unpacked and not installed: it looks for them below /usr/share.

    None for one that finds its pages by itself.
    """
    unpacked = prometheus.parent.parent / "share" / "prometheus" / "web"
    base = Path("templates", "_base.html")
    installed = Path("/usr/share/prometheus/web") / base
    return unpacked if (unpacked / base).exists() and not installed.exists() else None


def fetch_pages() -> None:
    """Unpacks what the pages of Prometheus refer to, where it is unpacked itself. Raises PackageError."""
    prometheus = find("prometheus")
    pages = pages_of(prometheus) if prometheus else None
    if pages is not None and not (pages / "static" / "jquery" / "jquery.min.js").exists():
        print(f"unpacking scripts of Prometheus' pages into {CACHE / 'programs'}", flush=True)  # noqa: T201  # progress
        unpack(pages.parents[3], PAGES)


def fetch() -> None:
    """Unpacks the packages of the missing programs. Raises PackageError for one that is not optional."""
    _fetch(PACKAGES)
    try:
        _fetch(OPTIONAL)
    except PackageError as fault:
        print(f"{fault}; tests that need it are skipped")  # noqa: T201  # progress


def _fetch(packages: Mapping[str, Sequence[str]]) -> None:
    missing = [package for package, names in packages.items() if not all(find(name) for name in names)]
    if missing:
        print(f"unpacking {' and '.join(missing)} into {CACHE / 'programs'}", flush=True)  # noqa: T201  # progress
        unpack(CACHE / "programs", missing)


if __name__ == "__main__":
    try:
        if "--next" in sys.argv[1:]:
            path = next_prometheus()
            print(f"{path}: {version(path)}")  # noqa: T201  # which one it is today
        else:
            fetch()
    except PackageError as fault:
        sys.exit(f"{fault}; or name the folder that has them in JOULEPATH_PROMETHEUS_DIR")
