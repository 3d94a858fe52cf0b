# SPDX-License-Identifier: Apache-2.0
"""The units that operators copy: systemd takes them, and the rights they give are enough for what they start."""

import configparser
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import ROOT
from tests.exporters.ioam.netns import NetworkNamespace

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
NOBODY = "65534"

pytestmark = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(unit)
    return parser["Service"]


@pytest.mark.unit
def test_systemd_takes_it(unit: Path, tmp_path: Path, absent: Callable[[str, str], NoReturn]) -> None:
    program = shutil.which("systemd-analyze") or absent("systemd", "systemd-analyze is not installed")
    installed = tmp_path / unit.name
    installed.write_text(unit.read_text().replace("/opt/joulepath/bin/joulepath", sys.executable))
    done = subprocess.run([program, "verify", installed], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that nobody may look into, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        made.chmod(0o755)
        yield made


@pytest.mark.kernel
def test_its_rights_are_enough(unit: Path, folder: Path, as_root: None) -> None:
    """`--once` of what it starts, by an ordinary user with its capabilities alone. Most have none."""
    settings = service(unit)
    words = shlex.split(settings["ExecStart"])
    name = words[1]
    if name in ("pdu", "bmc", "rapl"):
        assert settings["CapabilityBoundingSet"] == ""
        return
    configs = {
        "ioam": "nodes: [{node_id: 4, interfaces: {lo: uplink}}]\nbackend: ebpf\n",
        "tag": f"interfaces: [va]\nflows: {{a: {{destination: 'fd01::2', ioam_namespace: 123, id: '{'ab' * 16}'}}}}\n",
    }
    config = folder / f"{name}.yaml"
    config.write_text(configs.get(name, ""))
    arguments = [str(config) if word.endswith(".yaml") else word for word in words[1:]]
    ambient = settings["AmbientCapabilities"].lower().replace("cap_", "+").replace(" ", ",")
    sets = [f"--{each}=-all,{ambient}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"]
    with NetworkNamespace() as namespace, NetworkNamespace() as peer:
        namespace.link("va", "fd01::1", peer, "vb", "fd01::2")
        command = namespace.command("setpriv", *user, *sets, sys.executable, "-m", "joulepath", *arguments, "--once")
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=30)
    assert done.returncode == 0, done.stderr
    shown = {"ioam": 'ioam_capture_info{backend="ebpf"', "tag": "ioam_tag_"}
    assert f"\n{shown[name]}" in done.stdout
