# SPDX-License-Identifier: Apache-2.0
"""Configuration that is read in another process is what it would be here, mistakes and all."""

import os
from pathlib import Path

import pytest

from joulepath import apart
from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam import config

pytestmark = pytest.mark.unit

RIGHT = "nodes: [{node_id: 4, interfaces: {eth0: uplink, eth1: {mirror: {up: {teids: ['1-9']}}}}}]\nadmit: any\n"


def test_a_file_read_in_another_process_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ioam.yaml"
    path.write_text(RIGHT)
    assert apart.read("joulepath.ioam.config", path) == config.read(path)


@pytest.mark.parametrize("text", ["nodes: 5\nadmit: all\n", "nodes: [", "", "nodes: []", "a: 1\na: 2"])
def test_mistakes_give_the_same_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ioam.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as here:
        config.read(path)
    with pytest.raises(UsageError) as there:
        apart.read("joulepath.ioam.config", path)
    assert there.value.messages == here.value.messages


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ioam\.yaml: cannot be read: No such file"):
        apart.read("joulepath.ioam.config", tmp_path / "ioam.yaml")


def test_the_calling_process_opens_the_file(tmp_path: Path) -> None:
    """The other process need not have the right to open it: it gets the text."""
    ours = os.memfd_create("ioam.yaml")  # a regular file without a name, which no other process can open
    os.write(ours, RIGHT.encode())
    try:
        assert apart.read("joulepath.ioam.config", Path(f"/proc/self/fd/{ours}")).points
    finally:
        os.close(ours)


def test_a_process_that_fails_is_reported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ioam.yaml"
    path.write_text(RIGHT)
    with pytest.raises(JoulepathError, match=r"ioam\.yaml: cannot be read: the process that reads it ended with 1"):
        apart.read("json", path)
    assert "AttributeError" in capfd.readouterr().err


def test_a_module_of_that_name_in_the_working_folder_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yaml.py").write_text("raise RuntimeError")
    path = tmp_path / "ioam.yaml"
    path.write_text(RIGHT)
    monkeypatch.chdir(tmp_path)
    assert apart.read("joulepath.ioam.config", path).points
