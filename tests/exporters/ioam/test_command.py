# SPDX-License-Identifier: Apache-2.0
"""The command line: what a user gets wrong is one line."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit


def joulepath(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "joulepath", "ioam", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "say what to count: --config FILE, or --interface IF (or --pcap FILE) with --node-id N"),
        (
            ("--interface", "lo"),
            "say what to count: --config FILE, or --interface IF (or --pcap FILE) with --node-id N",
        ),
        (
            ("--config", "a.yaml", "--interface", "lo"),
            "--config says where to count: leave out --interface and --node-id",
        ),
        (("--config", "/nowhere/a.yaml"), "/nowhere/a.yaml: cannot be read: No such file or directory"),
    ],
)
def test_bad_arguments_exit_2(arguments: tuple[str, ...], line: str) -> None:
    done = joulepath(*arguments)
    assert (done.returncode, done.stderr) == (2, f"joulepath ioam: {line}\n")


def test_a_node_id_is_a_number() -> None:
    done = joulepath("--interface", "lo", "--node-id", "four")
    assert done.returncode == 2
    assert "'four' is not a node id" in done.stderr


def test_libraries_for_files_are_not_imported_without_a_file(tmp_path: Path) -> None:
    script = "import sys, joulepath.ioam.command; print(*({'pydantic', 'yaml', 'scapy', 'pysnmp'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "\n"


def test_flows_that_never_count_are_named_without_counting(tmp_path: Path) -> None:
    file = tmp_path / "ioam.yaml"
    text = "nodes: [{node_id: 1, interfaces: {nowhere0: up}}]\nflows_file: more.yaml\n"
    file.write_text(text + "flows: {all: {protocol: 0-255}, camera: {ports: 5000}, none: {protocol: udp}}")
    done = joulepath("--config", str(file), "--check-config")
    assert (done.returncode, done.stderr) == (
        2,
        f"joulepath ioam: {tmp_path}/more.yaml: cannot be read: No such file or directory\n",
    )
    (tmp_path / "more.yaml").write_text("flows: {rest: {ports: 5000-5001}, late: {ports: 5000, qfi: 9}}")
    done = joulepath("--config", str(file), "--check-config")
    assert (done.returncode, done.stderr) == (0, "")
    ends = " before it fits all of its packets: put it before, or leave it out"
    assert done.stdout.splitlines() == [
        f"flows.none: never counts a packet, since all{ends}",
        f"flows.late: never counts a packet, since camera{ends}",
    ]
