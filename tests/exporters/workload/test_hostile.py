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


numbers = st.integers(0, 3) | st.sampled_from([10**12, 10**18, 2**64 - 1, -1, -(10**12)]) | st.just(10**400)
texts = st.sampled_from([b"", b"usage_usec", b"usage_usec x\n", b"\xff", b"8:0 rbytes= wbytes=-\n", b"8:0"])


class Fuzzed:
    """A host that counts on, of which any file may have anything in it for one reading."""

    def __init__(self, root: Path, version: str) -> None:
        self.fake = FakeHost(root)
        self.version = version
        self.fake.busy()
        rules = Rule("command", "x", "x"), Rule("unit", "*.service")
        places = Places(self.fake.procfs, self.fake.cgroup, self.fake.root, self.fake.root)
        self.seconds = 0
        self.meter = Meter(Settings(rules, hierarchy=version), places, lambda: 10.0 * self.seconds)  # type: ignore[arg-type]
        self.write()
        self.last = self.meter.read()

    def write(self) -> None:
        self.seconds += 1
        self.fake.busy(user=2.0)
        make = self.fake.group if self.version == "v2" else self.fake.group_v1
        make("/a.service", self.seconds, memory=4096, io=[("8:0", self.seconds, self.seconds)])
        make("/a.service/in.service", self.seconds / 2, memory=1024, io=[("8:0", self.seconds, 0)])
        self.fake.process(7, "/bin/x", self.seconds / 4, path="/a.service")

    def read(self, faults: dict[str, bytes]) -> None:
        """Reads once with these contents of files, and checks that nothing was invented."""
        self.write()
        for name, text in faults.items():
            (self.fake.root / name).write_bytes(text)
        try:
            now = self.meter.read()
        except JoulepathError:
            return  # test_any_content_of_kernel_files_is_read_or_reported has the line
        busy = sum(now.modes[mode] for mode in ("user", "nice", "system", "irq", "softirq"))
        assert sum(now.cpu.values()) - now.cpu["steal"] == pytest.approx(busy, abs=1e-6)
        assert busy <= now.measured_seconds * 4 * 2  # four CPUs, and some slack
        assert all(now.cpu[workload] >= seconds for workload, seconds in self.last.cpu.items())
        assert all(now.modes[mode] >= seconds for mode, seconds in self.last.modes.items())
        assert all(now.io[key] >= octets for key, octets in self.last.io.items())
        assert all(seconds <= 40 * 2 * self.seconds for seconds in now.modes.values())
        assert all(octets <= 10**12 * 10 * self.seconds for octets in now.io.values())
        self.last = now


FILES = {
    "v2": [f"cgroup/a.service/{place}{name}" for place in ("", "in.service/") for name in ("cpu.stat", "io.stat")]
    + ["cgroup/a.service/memory.current"],
    "v1": [
        "cgroup/cpuacct/a.service/cpuacct.usage",
        "cgroup/cpuacct/a.service/in.service/cpuacct.usage",
        "cgroup/memory/a.service/memory.usage_in_bytes",
        "cgroup/blkio/a.service/blkio.throttle.io_service_bytes_recursive",
    ],
}
FORMS = {
    "cpu.stat": "usage_usec {}\n",
    "io.stat": "8:0 rbytes={0} wbytes={0}\n",
    "blkio.throttle.io_service_bytes_recursive": "8:0 Read {0}\n8:0 Write {0}\n",
    "stat": "7 (x) S 1 1 1 0 0 0 0 0 0 0 {0} {0} 0 0 20 0 1 0 5 0 0\n",
}


@pytest.mark.parametrize("version", FILES)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_counters_that_jump_lose_their_interval_and_invent_nothing(
    tmp_path_factory: pytest.TempPathFactory, version: str, data: st.DataObject
) -> None:
    host = Fuzzed(tmp_path_factory.mktemp("host"), version)
    for _ in range(data.draw(st.integers(1, 4))):
        faults = {}
        for file in data.draw(st.lists(st.sampled_from([*FILES[version], "proc/7/stat", "proc/stat"]), max_size=3)):
            form = FORMS.get(file.rpartition("/")[2], "{}\n")
            text = data.draw(texts | numbers.map(lambda number, form=form: form.format(number).encode()))  # type: ignore[misc]
            if file == "proc/stat":
                values = data.draw(st.lists(numbers, min_size=8, max_size=10))
                text = f"cpu  {' '.join(map(str, values))}\ncpu0 1\n".encode()
            faults[file] = text
        host.read(faults)
    before = host.last
    for _ in range(2):  # the counters are right again: one interval more is lost at most
        host.read({})
    assert host.last.cpu["x"] > before.cpu.get("x", 0.0)
    assert host.last.measured_seconds > before.measured_seconds


def test_a_jump_of_the_idle_time_is_not_taken_over(tmp_path: Path) -> None:
    host = Fuzzed(tmp_path, "v2")
    host.fake.busy(idle=1e10)
    host.read({})
    assert host.last.modes["idle"] == 0
    host.fake.busy(idle=3)
    host.read({})
    assert host.last.modes["idle"] == 3


def test_a_process_that_died_before_its_cgroup_was_read_stays_in_it(tmp_path: Path) -> None:
    host = Fuzzed(tmp_path, "v2")
    host.read({})
    before = dict(host.last.cpu)
    host.write()
    (host.fake.procfs / "7" / "cgroup").unlink()
    host.last = host.meter.read()
    assert host.last.cpu["x"] == before["x"]
    assert host.last.cpu["a.service"] - before["a.service"] == pytest.approx(1.0)
    assert host.last.cpu["other"] - before["other"] == pytest.approx(1.0)


@pytest.mark.parametrize("path", ["/a.service/gone (deleted)", "/a.service/made-just-now", "/a.service/gone/too"])
def test_a_process_in_an_unseen_cgroup_is_in_the_one_around(tmp_path: Path, path: str) -> None:
    host = Fuzzed(tmp_path, "v2")
    host.read({})
    before = dict(host.last.cpu)
    host.read({"proc/7/cgroup": f"0::{path}\n".encode()})
    assert host.last.cpu["x"] - before["x"] == pytest.approx(0.25)
    assert host.last.cpu["a.service"] - before["a.service"] == pytest.approx(0.75)


def test_a_process_that_has_ended_is_not_a_thread_of_the_kernel(tmp_path: Path) -> None:
    naming = Naming(Settings((Rule("command", ".*", "any"),)), Names(tmp_path))
    assert Processes(tmp_path).match(7, naming) is None


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
