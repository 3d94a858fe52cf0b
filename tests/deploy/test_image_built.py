# SPDX-License-Identifier: Apache-2.0
"""The image is built by buildah, which needs no daemon, and its commands start. Takes minutes, and fetches packages."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath import __version__
from joulepath.cli import COMMANDS
from joulepath_lab.run.ports import free_port
from tests.conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("as_root")]

BASE = "docker.io/library/debian:12-slim"
CERTIFICATES = "/authorities.pem"


class Builder:
    """buildah with a store of its own, and without the isolation that needs a kernel's full set of namespaces."""

    def __init__(self, folder: Path) -> None:
        self._store = ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]

    def __call__(self, *words: str) -> str:
        command = ["buildah", *self._store, *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()


@pytest.fixture(scope="module")
def container(
    tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str, str], NoReturn]
) -> Iterator[Callable[..., str]]:
    """Runs a command line in the built image, as its user."""
    for program in ("buildah", "mmdebstrap"):
        shutil.which(program) or absent("buildah", f"{program} is not installed")
    folder = tmp_path_factory.mktemp("image")
    builder = Builder(folder)
    # Instead of the registry's base image: the same distribution from its packages.
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", folder / "base.tar"], check=True)
    base = builder("from", "scratch")
    builder("add", base, str(folder / "base.tar"), "/")
    if authorities := os.environ.get("PIP_CERT"):
        builder("add", base, authorities, CERTIFICATES)
        builder("config", "--env", f"PIP_CERT={CERTIFICATES}", base)
    builder("commit", "--quiet", "--rm", base, BASE)
    words = ["--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker"]
    builder("bud", *words, "--tag", "joulepath", ".")
    name = builder("from", "--pull-never", "localhost/joulepath")
    yield lambda *line: builder("run", "--isolation", "chroot", "--user", "10471:10471", name, "--", *line)
    builder("rm", "--all")


def test_every_command_starts_in_the_image(container: Callable[..., str]) -> None:
    assert container("joulepath", "--version") == f"joulepath {__version__}"
    assert container("id", "-u") == "10471"
    for command in COMMANDS:
        assert container("joulepath", command, "--help").startswith(f"usage: joulepath {command}")
    for module in ("pdu.command", "bmc.command", "bpf.libbpf", "gpu.command"):
        container("python3", "-c", f"import joulepath.{module}")
    container("python3", "-c", "import gufo.snmp, pynvml, aiohttp, pysnmp, pyghmi.ipmi.command, redfish")
    assert container("python3", "-c", "import platform; print(platform.machine())") == platform.machine()


def test_an_exporter_in_the_image_is_healthy(container: Callable[..., str]) -> None:
    """By the health check's own file. It looks for no process here: this build shares the machine's processes."""
    words = ["workload", "--web.listen-address", f"127.0.0.1:{free_port()}"]
    ask = "import sys; sys.path.insert(0, '/usr/local/lib/joulepath'); import healthy; "
    ask += f"sys.exit(not healthy.healthy({words}))"
    script = """
        joulepath "$@" & exporter=$!
        for second in $(seq 60); do python3 -c "$ASK" && break; sleep 1; done
        kill $exporter && wait $exporter
        python3 -c "$ASK" || echo "healthy for $second s, then ended"
    """
    assert container("env", f"ASK={ask}", "sh", "-c", script, "sh", *words).endswith("then ended")
