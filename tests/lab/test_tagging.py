# SPDX-License-Identifier: Apache-2.0
"""The lab's cgroups: what a killed lab left is removed, what another lab has made is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joulepath_lab.run.tagging import Cgroups
from joulepath_lab.scenarios.streams import UPLINKS

pytestmark = pytest.mark.unit

TAGGED = UPLINKS[:2]


def test_two_labs_that_start_together_do_not_disturb_each_other(tmp_path: Path) -> None:
    first = Cgroups(TAGGED, tmp_path)
    second = Cgroups(TAGGED, tmp_path)
    for lab in (first, second):
        assert {path.name for path in lab.folder.iterdir()} == {stream.name for stream in TAGGED}
    first.remove()
    assert sorted(tmp_path.iterdir()) == [second.folder]
    second.remove()
    assert not list(tmp_path.iterdir())


def test_the_next_start_removes_the_remains_of_a_killed_lab(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    program = (
        "import os, sys; from pathlib import Path; from joulepath_lab.run.tagging import Cgroups\n"
        "from joulepath_lab.scenarios.streams import UPLINKS\n"
        "kept = Cgroups(UPLINKS[:2], Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    lab = Cgroups(TAGGED, tmp_path)
    assert set(tmp_path.iterdir()) == {lab.folder, tmp_path / "another"}
    lab.remove()


def test_labs_that_start_at_once_each_get_their_own_cgroups(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from joulepath_lab.run.tagging import Cgroups\n"
        "from joulepath_lab.scenarios.streams import UPLINKS\n"
        "for _ in range(200):\n"
        "    lab = Cgroups(UPLINKS[:2], Path(sys.argv[1]))\n"
        "    assert len(list(lab.folder.iterdir())) == 2\n"
        "    lab.remove()\n"
    )
    command = [sys.executable, "-c", program, os.fspath(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [process.communicate(timeout=60)[1] for process in running]
    assert ended == ["", "", ""]
    assert not list(tmp_path.iterdir())
