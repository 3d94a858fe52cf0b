# SPDX-License-Identifier: Apache-2.0
import re
import subprocess
import sys

import pytest

from joulepath import __version__

pytestmark = pytest.mark.unit


def joulepath(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "joulepath", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_version_is_printed() -> None:
    assert joulepath("--version").stdout == f"joulepath {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["rapl", "--nothing"], ["rapl", "--web.listen-address", "x"]])
def test_bad_arguments_exit_2_without_a_traceback(arguments: list[str]) -> None:
    result = joulepath(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    command = f"{sys.executable} -m joulepath rules schema | head -n 1"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert result.stdout == "{\n"
    assert result.stderr == ""


@pytest.mark.parametrize(("command", "action"), [("rules", "generate"), ("calibrate", "model-weights")])
def test_a_command_without_an_action_lists_its_actions(command: str, action: str) -> None:
    result = joulepath(command)
    assert result.returncode == 2
    assert re.search(rf"^    {action}\s+\w+", result.stderr, re.MULTILINE)
    assert result.stdout == ""


def test_without_a_command_all_of_them_are_listed() -> None:
    result = joulepath()
    assert result.returncode == 2
    assert "init " in result.stderr
    assert "looks at meters" in result.stderr
