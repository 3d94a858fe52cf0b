# SPDX-License-Identifier: Apache-2.0
"""The units that operators copy: systemd takes them, and the rights they give are enough for what they start."""

import configparser
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath_lab.network.chain import two_hosts
from tests.conftest import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
NOBODY = "65534"

every_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)  # DeviceAllow stands several times
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(unit)
    return parser["Service"]


@every_unit
@pytest.mark.unit
def test_systemd_accepts_each_unit(unit: Path, tmp_path: Path, absent: Callable[[str, str], NoReturn]) -> None:
    program = shutil.which("systemd-analyze") or absent("systemd", "systemd-analyze is not installed")
    installed = tmp_path / unit.name
    installed.write_text(unit.read_text().replace("/opt/joulepath/bin/joulepath", sys.executable))
    done = subprocess.run([program, "verify", installed], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.unit
def test_systemd_accepts_the_settings_for_hardware_counters(
    tmp_path: Path, absent: Callable[[str, str], NoReturn]
) -> None:
    """Those of docs/guides/workload.md, in a file beside the unit as `systemctl edit` writes it."""
    program = shutil.which("systemd-analyze") or absent("systemd", "systemd-analyze is not installed")
    page = (ROOT / "docs" / "guides" / "workload.md").read_text()
    (block,) = [block.partition("```")[0] for block in page.split("```text\n")[1:] if block.startswith("[Service]")]
    installed = tmp_path / "joulepath-workload.service"
    text = (ROOT / "deploy" / "systemd" / installed.name).read_text()
    folder = tmp_path / f"{installed.name}.d"
    folder.mkdir()
    for file, content in ((installed, text), (folder / "override.conf", block)):
        file.write_text(content.replace("/opt/joulepath/bin/joulepath", sys.executable))
    done = subprocess.run([program, "verify", installed], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "perf_event_open" in block
    assert "AmbientCapabilities=CAP_PERFMON" in block


def reaching(*program: str) -> list[str]:
    """The program where an ordinary user can read this code, wherever the checkout and the interpreter are."""
    trees = {str(ROOT), sys.prefix, sys.base_prefix}
    return ["unshare", "--mount", sys.executable, str(Path(__file__).with_name("reach.py")), *trees, "--", *program]


@every_unit
@pytest.mark.kernel
def test_the_rights_of_a_unit_are_enough(unit: Path, open_folder: Path, as_root: None) -> None:
    """`--once` of what it starts, by an ordinary user with its capabilities alone. Most have none."""
    settings = service(unit)
    words = shlex.split(settings["ExecStart"])
    name = words[1]
    if name in ("pdu", "bmc", "carbon", "rapl", "workload", "gpu", "rules"):
        assert settings["CapabilityBoundingSet"] == ""
        return
    configs = {
        "ioam": "nodes: [{node_id: 4, interfaces: {lo: uplink}}]\nbackend: ebpf\n",
        "pfcp": "interfaces: [va]\n",
        "tag": f"interfaces: [va]\nflows: {{a: {{destination: 'fd01::2', ioam_namespace: 123, id: '{'ab' * 16}'}}}}\n",
    }
    config = open_folder / f"{name}.yaml"
    config.write_text(configs.get(name, ""))
    arguments = [str(config) if word.endswith(".yaml") else word for word in words[1:]]
    ambient = settings["AmbientCapabilities"].lower().replace("cap_", "+").replace(" ", ",")
    sets = [f"--{each}=-all,{ambient}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"]
    with two_hosts() as (namespace, _):
        started = ["setpriv", *user, *sets, sys.executable, "-m", "joulepath", *arguments, "--once"]
        command = namespace.command(*reaching(*started))
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=30)
    assert done.returncode == 0, done.stderr
    shown = {"ioam": 'ioam_capture_info{backend="ebpf"', "tag": "ioam_tag_", "pfcp": 'pfcp_capture_info{interface="va"'}
    assert f"\n{shown[name]}" in done.stdout


@pytest.mark.kernel
def test_code_below_a_users_own_folder_can_be_reached(open_folder: Path, as_root: None) -> None:
    """As below /root or many homes; nothing of it is changed for others."""
    home = open_folder / "home"
    code = home / "work" / "code"
    code.mkdir(parents=True)
    (code / "file").write_text("found")
    (home / "secret").write_text("not needed")
    for hidden in (home, code):
        hidden.chmod(0o700)
    as_nobody = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "cat"]
    plain = subprocess.run([*as_nobody, code / "file"], capture_output=True, text=True, check=False)
    assert "Permission denied" in plain.stderr
    reach = ["unshare", "--mount", sys.executable, str(Path(__file__).with_name("reach.py")), str(code), "--"]
    there = subprocess.run([*reach, *as_nobody, code / "file"], capture_output=True, text=True, check=False)
    assert (there.stdout, there.stderr) == ("found", "")
    assert sorted(path.name for path in home.iterdir()) == ["secret", "work"]
    assert {path.stat().st_mode & 0o777 for path in (home, code)} == {0o700}
