# SPDX-License-Identifier: Apache-2.0
"""The wheel: it has each file that its commands read, and pip installs it into a fresh environment."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from joulepath import __version__
from joulepath.cli import COMMANDS
from tests.conftest import ROOT

FROM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from joulepath import cli; "
WALK = "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.4.6\n"  # a sysObjectID of APC, and nothing else


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return folder


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["pdu", "--check-profile", "apc-rpdu2", "--walk", "device.walk"], "apc-rpdu2"),
        (["rules", "generate", str(ROOT / "examples" / "minimal.yaml"), "-o", "."], "joulepath.rules.yaml"),
        (["schema", "pdu"], '"title"'),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_command_of_the_wheel_finds_its_files(unpacked: Path, tmp_path: Path, words: list[str], shown: str) -> None:
    (tmp_path / "device.walk").write_text(WALK)
    command = [sys.executable, "-c", f"{FROM} sys.exit(cli.main())", str(unpacked), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert shown in done.stdout + done.stderr


@pytest.mark.unit
def test_every_command_can_be_imported_from_the_wheel(unpacked: Path) -> None:
    script = f"{FROM} print(cli.__file__, *cli.build_parser()[1])"
    done = subprocess.run([sys.executable, "-c", script, unpacked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(unpacked / "joulepath" / "cli.py"), *COMMANDS]


@pytest.mark.unit
def test_the_page_of_installation_names_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "guides" / "installing.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [extra for extra in extras if not any(f"`{extra}`" in row.split("|")[1] for row in rows)] == []


@pytest.mark.long
def test_a_fresh_environment_takes_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Fetches what the wheel needs, and no extra: its commands say which one they lack."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    pip = [str(tmp_path / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True)
    joulepath = str(tmp_path / "venv" / "bin" / "joulepath")
    shown = subprocess.run([joulepath, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown == f"joulepath {__version__}\n"
    example = str(ROOT / "examples" / "minimal.yaml")
    lacking = [joulepath, "calibrate", "static", example, "upf-1", "--prometheus", "http://[::1]:9"]
    done = subprocess.run(lacking, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""})
    assert (done.returncode, "pip install 'joulepath[calibrate]'" in done.stderr) == (2, True)
