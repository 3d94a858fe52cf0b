# SPDX-License-Identifier: Apache-2.0
"""Rights of each thread of a running exporter and of each program it starts: started by root, and by a user."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath_lab.network.chain import two_hosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter
from tests.conftest import ROOT
from tests.exporters.ioam.captures import classic

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

NET_ADMIN, NET_RAW, SYS_PTRACE, PERFMON, BPF = 12, 13, 19, 38, 39
KERNEL = {NET_ADMIN, PERFMON, BPF}
EVER = sum(1 << number for number in (*KERNEL, NET_RAW, SYS_PTRACE))
REACH = ROOT / "tests" / "deploy" / "reach.py"
PORT = 10499
CONFIGS = {
    "ioam": "nodes: [{node_id: 4, interfaces: {va: uplink}}]\n",
    "tag": f"interfaces: [va]\nflows: {{a: {{destination: 'fd01::2', ioam_namespace: 1, id: '{'ab' * 16}'}}}}\n",
    "pfcp": "interfaces: [va]\n",
    "sender": f"interfaces: [va]\nflows: {{a: {{unit: a.service, ioam_namespace: 1, id: '{'ab' * 16}'}}}}\n",
    "workload": "workloads: [{cgroup: /batch, name: batch}]\n",
    "pdu": "targets: {a: {address: 'udp://127.0.0.1:1', community_file: community}}\n",
    "carbon": "sources: {ember: {zones: [DE]}}\n",
    "bmc": "targets: {a: {address: 'redfish://127.0.0.1:1', user: u, password_file: community}}\n",
}
EXPORTERS = {
    "ebpf": ("ioam", ("--config", "{ioam}", "--backend", "ebpf"), KERNEL),
    "packet": ("ioam", ("--config", "{ioam}", "--backend", "packet"), {NET_RAW}),
    "auto": ("ioam", ("--config", "{ioam}"), KERNEL),
    "pcap": ("ioam", ("--pcap", "{pcap}", "--node-id", "4"), set[int]()),
    "tag": ("tag", ("--config", "{tag}"), KERNEL),
    "pfcp": ("pfcp", ("--config", "{pfcp}"), {NET_RAW}),
    "pfcp-pcap": ("pfcp", ("--pcap", "{pcap}"), set[int]()),
    "tag-sender": ("tag", ("--config", "{sender}"), {*KERNEL, SYS_PTRACE}),
    "pdu": ("pdu", ("--config", "{pdu}"), set[int]()),
    "bmc": ("bmc", ("--config", "{bmc}"), set[int]()),
    "carbon": ("carbon", ("--config", "{carbon}"), set[int]()),
    "workload": ("workload", ("--config", "{workload}"), set[int]()),
    "workload-perf": ("workload", ("--config", "{workload}", "--perf"), {PERFMON}),
    "rapl": ("rapl", ("--path.sysfs", "{sys}"), set[int]()),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """With the exporters' files, which anyone may read."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        for key, text in CONFIGS.items():
            (path / key).write_text(text)
        (path / "community").write_text("public")
        (path / "community").chmod(0o640)
        os.chown(path / "community", 0, 65534)
        (path / "pcap").write_bytes(classic("<", 1, []))
        zone = path / "sys/class/powercap/intel-rapl:0"
        zone.mkdir(parents=True)
        (zone / "name").write_text("package-0\n")
        (zone / "energy_uj").write_text("1000000\n")
        yield path


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    with two_hosts() as (network, _):
        yield network


def start_exporter(
    stack: ExitStack, namespace: NetworkNamespace, folder: Path, which: str, *more: str, wrapper: tuple[str, ...] = ()
) -> Exporter:
    name, arguments, _ = EXPORTERS[which]
    paths = {path.name: str(path) for path in folder.iterdir()}
    words = [word.format_map(paths) for word in arguments]
    if name == "tag":
        words += ["--path.runtime", str(folder / "run")]
    return stack.enter_context(Exporter(namespace, *words, *more, name=name, port=PORT, wrapper=wrapper))


def reaching() -> tuple[str, ...]:
    """Where any user can read this code, wherever the checkout and the interpreter are."""
    return ("unshare", "--mount", sys.executable, str(REACH), str(ROOT), sys.prefix, sys.base_prefix, "--")


def statuses(process: int) -> list[dict[str, str]]:
    """`/proc/PID/task/*/status`."""
    texts = [path.read_text(encoding="ascii") for path in Path(f"/proc/{process}/task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]


def check(process: int, kept: set[int], user: int) -> None:
    threads = statuses(process)
    assert len(threads) > 1
    mask = sum(1 << number for number in kept)
    for thread in threads:
        sets = {name: int(thread[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")}
        assert sets == {"CapPrm": mask, "CapEff": mask, "CapInh": 0, "CapAmb": 0}, thread["Name"]
        assert int(thread["CapBnd"], 16) & ~EVER == 0, thread["Name"]
        assert thread["NoNewPrivs"].strip() == "1", thread["Name"]
        assert thread["Uid"].split() == [str(user)] * 4, thread["Name"]
        if user:
            assert thread["Gid"].split() == [str(user)] * 4
            assert thread["Groups"].split() in ([], [str(user)])


@pytest.mark.parametrize("which", EXPORTERS)
def test_an_exporter_that_root_starts_keeps_only_its_rights(
    namespace: NetworkNamespace, folder: Path, which: str, bpf: None
) -> None:
    with ExitStack() as stack:
        running = start_exporter(stack, namespace, folder, which)
        check(running.pid, EXPORTERS[which][2], 0)
        running.scrape()  # a thread of its own
        check(running.pid, EXPORTERS[which][2], 0)


@pytest.mark.parametrize("which", EXPORTERS)
def test_an_exporter_works_as_another_user(namespace: NetworkNamespace, folder: Path, which: str, bpf: None) -> None:
    """It still does its job, reloads, and takes with it what it put into the kernel."""
    with ExitStack() as stack:
        running = start_exporter(stack, namespace, folder, which, "--run-as", "nobody", wrapper=reaching())
        running.scrape()
        check(running.pid, EXPORTERS[which][2], 65534)
        if which not in ("rapl", "pcap", "pfcp-pcap"):
            (config,) = [folder / key for key in CONFIGS if "{" + key + "}" in EXPORTERS[which][1]]
            with config.open("a") as file:
                file.write("# changed\n")
            running.hang_up()
        lines = running.stop()
    faults = [line for line in lines if "level=WARNING" in line or "level=ERROR" in line]
    # The devices and the sender do not exist, nor do a virtual machine's hardware counters.
    absent = ("joulepath.reading.poller", "a.service is not there", "no hardware counters: ")
    assert not [line for line in faults if not any(word in line for word in absent)]


def test_files_that_cannot_be_read_again_are_reported_at_the_start(namespace: NetworkNamespace, folder: Path) -> None:
    """Said at the start, not at the first reload: one line for the user's own choice, a warning for root."""
    os.chown(folder / "community", 0, 0)
    command = [*reaching(), sys.executable, "-m", "joulepath", "pdu", "--config", str(folder / "pdu")]
    command += ["--run-as", "nobody", "--web.listen-address", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr.endswith(f"--run-as nobody: that user cannot read {folder / 'community'}: chmod it\n")
    os.chown(folder / "community", 64001, 64001)
    with ExitStack() as stack:
        lines = start_exporter(stack, namespace, folder, "pdu").stop()
    (line,) = [line for line in lines if "cannot be read again" in line]
    assert f"chown root {folder / 'community'}" in line


def test_only_root_becomes_another_user() -> None:
    as_other = ["setpriv", "--reuid", "64001", "--regid", "64001", "--clear-groups"]
    command = [*reaching(), *as_other, sys.executable, "-m", "joulepath", "rapl", "--run-as", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, cwd="/")
    assert done.returncode == 2
    assert "only root can become another user" in done.stderr
    command = [sys.executable, "-m", "joulepath", "rapl", "--run-as", "not-a-user"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (2, "joulepath rapl: --run-as not-a-user: no such user\n")


CHILD = """
import os, subprocess, sys
from joulepath.serving import rights
user = rights.User.of(sys.argv[1]) if len(sys.argv) > 1 else None
rights.keep({rights.CAP_NET_ADMIN, rights.CAP_BPF}, user)
print(subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout)
"""


@pytest.mark.parametrize("who", [(), ("nobody",)])
def test_a_program_that_an_exporter_starts_has_no_rights(who: tuple[str, ...]) -> None:
    """As the process that reads configuration. Root's uid alone would give it all that is in the bounding set."""
    done = subprocess.run([sys.executable, "-c", CHILD, *who], capture_output=True, text=True, check=True, timeout=20)
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == dict.fromkeys(
        ("CapPrm", "CapEff", "CapInh", "CapAmb"), 0
    )
    assert status["NoNewPrivs"].strip() == "1"
