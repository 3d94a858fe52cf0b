# SPDX-License-Identifier: Apache-2.0
"""The Debian package: its contents, and its work in a bare Debian."""

import os
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from scripts import deb

from joulepath import __version__
from joulepath.cli import COMMANDS
from joulepath_lab.run.waiting import until
from tests.conftest import ROOT

Absent = Callable[[str, str], NoReturn]

SYSTEMD = ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
TOPOLOGY = "/usr/share/doc/joulepath/examples/minimal.yaml"
UNSAFE_IO = "force-unsafe-io"  # the tree is thrown away: no file has to be on the disk before the next


@pytest.fixture(scope="module")
def stage(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage") / "joulepath"
    deb.lay(wheel, folder)
    return folder


@pytest.mark.unit
def test_a_packaged_unit_differs_from_ours_in_its_paths_alone(stage: Path) -> None:
    packaged = {path.name.removeprefix("joulepath."): path for path in (stage / "debian").glob("*.service")}
    assert packaged.keys() == {unit.name for unit in UNITS}
    for unit in UNITS:
        text = packaged[unit.name].read_text("utf-8")
        assert not re.search(r"/opt/|/etc/(?!joulepath/)", text)
        assert re.search(r"^ExecStart=/usr/bin/joulepath ", text, re.MULTILINE)
        for old, new in deb.FROM_CHECKOUT.items():
            text = text.replace(new, old)
        assert text == unit.read_text("utf-8")


@pytest.mark.unit
def test_the_files_that_the_pages_copy_are_examples(stage: Path) -> None:
    words = (stage / "debian" / "joulepath.examples").read_text("utf-8").split()
    found = [path for word in words for path in stage.glob(word)]
    assert len(found) >= len(words)
    shipped = {file.name for path in found for file in [path, *path.rglob("*")]}
    wanted = [*(ROOT / "grafana" / "dashboards").iterdir(), *(ROOT / "deploy" / "leaves").iterdir()]
    assert {path.name for path in wanted} | {"prometheus.yml", "joulepath.yml", "alertmanager.yml"} <= shipped


@pytest.mark.unit
def test_each_library_is_in_one_package_with_its_hash(stage: Path) -> None:
    lists = [(stage / name).read_text("utf-8").splitlines() for name in ("main.txt", "analysis.txt")]
    names = [[line.partition("==")[0] for line in lines] for lines in lists]
    assert {"aiohttp", "pydantic", "pysnmp", "nvidia-ml-py"} <= set(names[0])
    assert {"numpy", "scipy", "pyarrow", "jinja2", "vl-convert-python"} <= set(names[1])
    assert not set(names[0]) & set(names[1])
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for lines in lists for line in lines)
    with pytest.raises(ValueError, match="run `make constraints`"):
        deb.pinned({"aiohttp", "absent"})


@pytest.mark.unit
def test_dpkg_reads_the_version_and_the_python_of_a_package(stage: Path, absent: Absent) -> None:
    program = shutil.which("dpkg-parsechangelog") or absent("dpkg", "dpkg-dev is not installed")
    command = [program, "-l", str(stage / "debian" / "changelog"), "-S", "Version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert shown == f"{__version__}-1+py{sys.version_info.major}{sys.version_info.minor}"


@dataclass(frozen=True)
class Tree:
    """A bare Debian in a folder, with the package installed."""

    folder: Path

    def command(self, *words: str, user: str = "root") -> list[str]:
        """The command line that runs `words` in it, with a /proc."""
        script = 'mount --rbind /proc "$0/proc" && exec chroot --userspec="$1" "$0" "${@:2}"'
        return ["unshare", "--mount", "bash", "-c", script, str(self.folder), user, *words]

    def run(self, *words: str, user: str = "root") -> str:
        """Runs `words` in it and returns their output. Fails where they fail."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        command = self.command(*words, user=user)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def tree(wheel: Path, absent: Absent, as_root: None) -> Iterator[Tree]:
    """Has the essential packages of Debian, those that the package depends on, and no others."""
    for program, package in (("dh", "debhelper"), ("mmdebstrap", "mmdebstrap")):
        if shutil.which(program) is None:
            absent(package, f"{package} is not installed")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # apt's own user may not look into pytest's
        folder = Path(name)
        folder.chmod(0o755)
        (built,) = deb.build(wheel, folder, packages=["joulepath"], compression="none")
        fields = ["dpkg-deb", "--field", str(built), "Depends"]
        depends = subprocess.run(fields, capture_output=True, text=True, check=True).stdout
        needed = ",".join(re.sub(r"[ (|].*", "", one.strip()) for one in depends.split(","))
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        root = folder / "tree"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=essential",
            f"--dpkgopt={UNSAFE_IO}",
            f"--include={needed}",
            release,
            str(root),
        ]
        subprocess.run(command, check=True, env={**os.environ, "TMPDIR": name})
        shutil.copy(built, root / "joulepath.deb")
        here = Tree(root)
        here.run("dpkg", f"--{UNSAFE_IO}", "--install", "/joulepath.deb")
        yield here


@pytest.mark.long
def test_the_package_makes_its_user_and_its_folder(tree: Tree) -> None:
    assert tree.run("stat", "--format=%U:%G %a", "/etc/joulepath") == "root:joulepath 750\n"
    assert "/usr/sbin/nologin" in tree.run("getent", "passwd", "joulepath")
    assert tree.run("joulepath", "--version", user="joulepath") == f"joulepath {__version__}\n"
    assert tree.run("find", "/etc/systemd/system", "-name", "joulepath*") == ""


@pytest.mark.long
def test_each_command_of_the_package_finds_its_libraries(tree: Tree) -> None:
    for command in COMMANDS:
        assert f"joulepath {command}" in tree.run("joulepath", command, "--help", user="joulepath")
        assert tree.run("test", "-s", f"/usr/share/man/man1/joulepath-{command}.1.gz") == ""
    tree.run("/usr/lib/joulepath/bin/python3", "-c", "from joulepath.bpf.libbpf import library; library()")
    libraries = tree.run("sh", "-c", "find /usr/lib/joulepath -name '*.so*' -exec ldd {} + 2>&1")
    assert "libc.so.6" in libraries
    assert "not found" not in libraries


@pytest.mark.long
def test_an_absent_library_is_in_the_second_package(tree: Tree) -> None:
    words = ["calibrate", "static", TOPOLOGY, "upf-1", "--prometheus", "http://[::1]:9"]
    done = subprocess.run(tree.command("joulepath", *words), capture_output=True, text=True, check=False)
    assert "apt-get install joulepath-analysis" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("unit", "metric"), [("workload", "workload_host_cpu_seconds_total"), ("rules", "joulepath_rules_constants{")]
)
def test_the_program_of_a_unit_answers_a_scrape(tree: Tree, unit: str, metric: str) -> None:
    """As systemd starts it: the command line of the installed unit, by the user of the package."""
    shutil.copy(f"{tree.folder}{TOPOLOGY}", tree.folder / "etc/joulepath/topology.yaml")
    text = (tree.folder / f"lib/systemd/system/joulepath-{unit}.service").read_text("utf-8")
    (start,) = re.findall(r"^ExecStart=(.*)", text, re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*shlex.split(start), "--web.listen-address", address]
    with subprocess.Popen(tree.command(*words, user="joulepath")) as process:
        try:
            until(lambda: f"\n{metric}" in scrape(address))
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def scrape(address: str) -> str:
    """The metrics at an address, empty while nothing answers there."""
    with suppress(OSError), urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return str(answer.read().decode())
    return ""


@pytest.mark.long
def test_removal_leaves_the_configuration_alone(tree: Tree) -> None:
    kept = tree.folder / "etc/joulepath/kept.yaml"
    kept.touch()
    tree.run("dpkg", f"--{UNSAFE_IO}", "--remove", "joulepath")
    assert not (tree.folder / "usr/lib/joulepath").exists()
    assert not (tree.folder / "usr/bin/joulepath").is_symlink()
    tree.run("dpkg", f"--{UNSAFE_IO}", "--purge", "joulepath")
    assert kept.exists()
    tree.run("dpkg", f"--{UNSAFE_IO}", "--install", "/joulepath.deb")
    assert tree.run("stat", "--format=%U:%G %a", "/etc/joulepath") == "root:joulepath 750\n"
