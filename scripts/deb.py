# SPDX-License-Identifier: Apache-2.0
"""Builds Debian packages of a wheel into FOLDER: `deb.py WHEEL FOLDER`, for this machine and this version of Python.

`joulepath` has the exporters and rules with the libraries of MAIN; `joulepath-analysis` has those of the other extras.
debian/rules gets the libraries by the hashes of constraints.txt. Needs debhelper.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from email.utils import formatdate
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from scripts import manual
from scripts.constraints import FILE
from scripts.dependencies import EXTRAS, ROOT, installed, stated

MAIN = ("fast", "gpu")
"""Extras in the package of the exporters: both are small."""

INTERPRETER = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = "/usr/lib/joulepath"
FROM_CHECKOUT = {
    "/opt/joulepath/bin/joulepath": "/usr/bin/joulepath",
    "/etc/tmpfiles.d/joulepath-rapl.conf": f"{LIBRARY}/joulepath-rapl.conf",
}
"""Paths in the units of deploy/systemd, and those of the package in their place."""

PROGRAM = f"""\
#!{LIBRARY}/bin/python3 -I
import sys
from joulepath.cli import main
sys.exit(main())
"""


def build(wheel: Path, folder: Path, *, packages: Sequence[str] = (), compression: str = "zstd") -> Sequence[Path]:
    """Builds `packages`, or all, and returns their files. Raises CalledProcessError, after the program has said why."""
    with tempfile.TemporaryDirectory() as name:
        stage = Path(name) / "joulepath"
        lay(wheel, stage)
        options = "".join(f" -p{package}" for package in packages)
        environment = {
            **os.environ,
            "PYTHON": sys.executable,
            "INTERPRETER": INTERPRETER,
            "COMPRESS": compression,
            "DH_OPTIONS": options.strip(),
        }
        command = ["dpkg-buildpackage", "--build=binary", "--unsigned-changes", "--unsigned-buildinfo"]
        subprocess.run(command, cwd=stage, env=environment, check=True)  # noqa: S603  # Debian's own program
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(built, folder)) for built in sorted(stage.parent.glob("*.deb"))]


def lay(wheel: Path, stage: Path) -> None:
    """Puts together what debian/rules packages, in the folder `stage`."""
    deploy, debian = ROOT / "deploy", stage / "debian"
    shutil.copytree(deploy / "debian", debian)
    shutil.copy(wheel, stage)
    manual.write(stage)
    for name in ("examples", "docs"):
        shutil.copytree(ROOT / name, stage / name, ignore=shutil.ignore_patterns("conf.py", "redirect", "develop"))
    for name in ("prometheus", "alertmanager", "leaves"):
        shutil.copytree(deploy / name, stage / name)
    for name in ("dashboards", "provisioning"):
        shutil.copytree(ROOT / "grafana" / name, stage / "grafana" / name)
    for unit in sorted((deploy / "systemd").glob("*.service")):
        text = unit.read_text(encoding="utf-8")
        for old, new in FROM_CHECKOUT.items():
            text = text.replace(old, new)
        (debian / f"joulepath.{unit.name}").write_text(text, encoding="utf-8")
    shutil.copy(deploy / "systemd" / "joulepath.sysusers", debian)
    shutil.copy(deploy / "systemd" / "joulepath-rapl.tmpfiles", stage)
    (stage / "joulepath").write_text(PROGRAM, encoding="utf-8")
    (stage / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8")
    main = {canonicalize_name(one.metadata["Name"]) for one in installed(stated(MAIN))}
    everything = {canonicalize_name(one.metadata["Name"]) for one in installed(stated(EXTRAS))}
    (stage / "main.txt").write_text(pinned(main), encoding="utf-8")
    (stage / "analysis.txt").write_text(pinned(everything - main), encoding="utf-8")
    (debian / "changelog").write_text(changelog(wheel), encoding="utf-8")


def pinned(names: Collection[str]) -> str:
    """The entries of constraints.txt for packages. Raises ValueError where one has none."""
    entries = FILE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    chosen = [entry for entry in entries if entry.partition("==")[0] in names]
    if len(chosen) != len(names):
        raise ValueError(f"{FILE.name} lacks a package that is installed: run `make constraints`")
    return "".join(f"{entry}\n" for entry in chosen)


def changelog(wheel: Path) -> str:
    """The file from which dpkg takes the version; that says for which Python a package is."""
    _, version, _, _ = parse_wheel_filename(wheel.name)
    maintainer = next(
        line.partition(": ")[2]
        for line in (ROOT / "deploy" / "debian" / "control").read_text(encoding="utf-8").splitlines()
        if line.startswith("Maintainer: ")
    )
    number = INTERPRETER.removeprefix("python").replace(".", "")
    date = formatdate(float(os.environ.get("SOURCE_DATE_EPOCH", time.time())), localtime=False)
    return (
        f"joulepath ({version}-1+py{number}) unstable; urgency=medium\n\n"
        f"  * The changes are in CHANGELOG.md of the sources.\n\n -- {maintainer}  {date}\n"
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    if shutil.which("dpkg-buildpackage") is None or shutil.which("dh") is None:
        sys.exit("a Debian package needs debhelper, which is not installed: apt-get install debhelper")
    try:
        for built in build(args.wheel, args.folder):
            print(built)  # noqa: T201  # its result
    except subprocess.CalledProcessError as error:
        sys.exit(f"{shlex.join(error.cmd)} ended with {error.returncode}")


if __name__ == "__main__":
    main()
