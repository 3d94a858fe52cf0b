# SPDX-License-Identifier: Apache-2.0
"""Names and files with anything in them: users of a host choose names of cgroups and processes."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.errors import JoulepathError
from joulepath.reading.bounds import MAX_LABEL
from joulepath.workload.meter import Meter
from joulepath.workload.names import Names
from joulepath.workload.naming import Naming
from joulepath.workload.places import Places
from joulepath.workload.process import Processes
from joulepath.workload.settings import RESERVED, Rule, Settings
from joulepath.workload.things import by_default, things
from tests.exporters.workload.tree import ID, POD, FakeHost

pytestmark = pytest.mark.unit

PARTS = ("a.service", "machine-", ".scope", "\\x2d", "\\xff", "docker-", ID, f"pod{POD}", "user-1.slice", "/", "lxc")
# A name of a file may hold any octets; Python shows those that are not UTF-8 as surrogates.
names = st.lists(st.sampled_from(PARTS) | st.text(max_size=6) | st.just("\udc80"), max_size=6).map("".join)
octets = st.binary(max_size=60) | st.sampled_from(
    [b"usage_usec 1e9\n", b"usage_usec -5\n", b"8:0 rbytes=x wbytes\n", b"="]
)


@given(names)
def test_any_path_is_some_thing_or_none(path: str) -> None:
    found = by_default(path)
    assert found is None or found in things(path)


@given(names, names)
def test_any_name_gives_a_label_that_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, path: str, text: str
) -> None:
    rules = Rule("cgroup_regex", "/(.*)a(.*)", r"\1"), Rule("cgroup", "*b*"), Rule("command", "(.*)", r"\1")
    naming = Naming(Settings(rules), Names(tmp_path_factory.getbasetemp()))
    for match in (naming.group(f"/{path}"), naming.process(text, text)):
        if match is not None:
            assert len(match.workload.encode()) <= 4 * MAX_LABEL
            assert match.workload not in RESERVED


@given(octets, octets, octets, octets)
@settings(max_examples=60)
def test_any_content_of_kernel_files_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, cpu: bytes, io: bytes, process: bytes, host: bytes
) -> None:
    fake = FakeHost(tmp_path_factory.mktemp("host"))
    fake.busy()
    fake.process(7, "/bin/x", 1)
    folder = fake.group("/a.service", 1, memory=1, io=[])
    meter = Meter(Settings((Rule("command", "x", "x"),)), Places(fake.procfs, fake.cgroup, fake.root, fake.root))
    meter.read()
    (folder / "cpu.stat").write_bytes(cpu)
    (folder / "io.stat").write_bytes(io)
    (folder / "memory.current").write_bytes(cpu)
    (fake.procfs / "7" / "stat").write_bytes(process)
    (fake.procfs / "7" / "cgroup").write_bytes(io)
    meter.read()
    (fake.procfs / "stat").write_bytes(host)
    with pytest.raises(JoulepathError):
        meter.read()


def test_a_file_of_names_that_is_a_pipe_or_huge_holds_nothing_up(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/docker/containers" / ID
    folder.mkdir(parents=True)
    file = folder / "config.v2.json"
    os.mkfifo(file)
    assert Names(tmp_path).container(ID) is None
    file.unlink()
    file.touch()
    os.truncate(file, 1 << 30)
    assert Names(tmp_path).container(ID) is None


def test_a_rule_sees_the_beginning_of_a_long_command_line(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.process(7, "a" * 5000 + "x", 1)
    naming = Naming(Settings((Rule("command", "(.*)x", "far"), Rule("command", "^a", "near"))), Names(tmp_path))
    assert [found.match.workload for found in Processes(host.procfs).read(naming)] == ["near"]
