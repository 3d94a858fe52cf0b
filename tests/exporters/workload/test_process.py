# SPDX-License-Identifier: Apache-2.0
"""Single processes: who they are, and the time of each since the last reading."""

from pathlib import Path

import pytest

from joulepath.workload.names import Names
from joulepath.workload.naming import Naming
from joulepath.workload.process import Processes
from joulepath.workload.settings import Rule, Settings
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit


class Host(FakeHost):
    """With the processes of two rules."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.busy()
        self.processes = Processes(self.procfs)
        rules = Rule("executable", "ffmpeg"), Rule("command", r"train\.py", "training")
        self.naming = Naming(Settings(rules), Names(root))

    def read(self) -> dict[int, tuple[str, float]]:
        """Workload and seconds since the last reading, by process."""
        found = self.processes.read(self.naming)
        return {process.pid: (process.match.workload, process.seconds - process.before) for process in found}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_time_counts_from_the_first_reading(host: Host) -> None:
    host.process(7, "/usr/bin/ffmpeg -i x", 50)
    host.process(8, "/bin/sh", 50)
    assert host.read() == {7: ("ffmpeg", 0)}
    host.process(7, "/usr/bin/ffmpeg -i x", 52.5)
    assert host.read() == {7: ("ffmpeg", 2.5)}


def test_all_time_of_a_process_that_began_since_counts(host: Host) -> None:
    host.read()
    host.process(7, "python train.py", 1.25)
    assert host.read() == {7: ("training", 1.25)}


def test_an_id_that_is_used_again_is_another_process(host: Host) -> None:
    host.process(7, "/usr/bin/ffmpeg", 5, start=100)
    host.read()
    host.process(7, "/usr/bin/ffmpeg", 5.5, start=200)
    assert host.read() == {7: ("ffmpeg", 5.5)}
    host.process(7, "/bin/sh", 6, start=300)
    assert host.read() == {}
    host.process(7, "/bin/sh", 7, start=300)
    assert host.read() == {}


def test_a_process_that_becomes_another_program_counts_from_then_on(host: Host) -> None:
    host.process(7, "/bin/sh", 5)
    host.read()
    host.process(7, "/bin/sh", 6)
    host.read()
    host.process(7, "/usr/bin/ffmpeg", 6.5)
    assert host.read() == {7: ("ffmpeg", 0.5)}
    host.process(7, "/bin/sh", 7)
    assert host.read() == {}


def test_a_process_seen_between_fork_and_exec_is_looked_at_again(host: Host) -> None:
    host.read()
    host.process(7, "python prepare.py", 0.5)
    assert host.read() == {}
    host.process(7, "python train.py", 1.5)  # the same name
    assert host.read() == {7: ("training", 1.0)}


def test_other_rules_hold_from_the_next_reading(host: Host) -> None:
    for seconds in (1, 2, 3):
        host.process(7, "/bin/sh", seconds)
        host.read()
    host.naming = Naming(Settings((Rule("executable", "sh"),)), Names(host.root))
    host.processes.look_again()
    host.process(7, "/bin/sh", 4)
    assert host.read() == {7: ("sh", 1)}


@pytest.mark.parametrize("name", ["a b", "(a)", "a) R 1 (b", "\n", ""])
def test_a_name_may_hold_anything(host: Host, name: str) -> None:
    host.process(7, "/usr/bin/ffmpeg", 1, name=name)
    host.read()
    host.process(7, "/usr/bin/ffmpeg", 2, name=name)
    assert host.read() == {7: ("ffmpeg", 1)}


@pytest.mark.parametrize("text", ["", "7 (x", "7 (x) S 1", "7 (x) S " + "x " * 40])
def test_a_process_that_cannot_be_read_is_left_out(host: Host, text: str) -> None:
    host.process(7, "/usr/bin/ffmpeg", 1)
    (host.procfs / "7/stat").write_text(text)
    assert host.read() == {}


def test_a_thread_of_the_kernel_has_its_name_in_brackets(host: Host) -> None:
    host.naming = Naming(Settings((Rule("command", r"^\[kvm", "kvm"),)), Names(host.root))
    host.process(7, "", 1, name="kvm-nx-lpage")
    assert host.read() == {7: ("kvm", 0)}


def test_the_program_is_that_of_the_link_where_it_can_be_seen(host: Host) -> None:
    host.process(7, "renamed", 1)
    (host.procfs / "7/exe").symlink_to("/usr/bin/ffmpeg (deleted)")
    assert host.read() == {7: ("ffmpeg", 0)}
