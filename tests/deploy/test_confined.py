# SPDX-License-Identifier: Apache-2.0
"""The units' limits: how much they leave open, and that each program does its job under them.

Where systemd does not run, its limits are made here: user, capabilities, system calls, address families, namespaces,
memory that is written and executed, no core, read-only mounts, /proc. Not made are what hides files (PrivateTmp,
ProtectHome, PrivateDevices), PrivateUsers, higher limits, those of memory and tasks (cgroups), and RestrictSUIDSGID,
RestrictRealtime and LockPersonality, of which the list of system calls leaves nothing but chmod and personality.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest

from joulepath_lab.network.chain import two_hosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.conftest import ROOT
from tests.deploy.confined import allowed
from tests.exporters.gpu.stub import build

FOLDER = ROOT / "deploy" / "systemd"
UNITS = {path.stem.removeprefix("joulepath-"): path for path in sorted(FOLDER.glob("*.service"))}
EXPOSURE = {
    "pdu": 1.5,
    "bmc": 1.5,
    "carbon": 1.5,
    "rapl": 1.5,
    "workload": 1.5,
    "gpu": 2.0,
    "ioam": 2.0,
    "tag": 2.0,
    "pfcp": 2.0,
    "rules": 1.5,
}
"""The most that `systemd-analyze security` may say of each; 10 is a unit without limits."""
WITHOUT_RIGHTS = ("pdu", "bmc", "carbon", "rapl", "workload", "gpu", "rules")
USER = 64003
HERE = Path(__file__).parent
ENERGY = "sys/class/powercap/intel-rapl:0"


def settings(unit: Path) -> dict[str, list[str]]:
    """Each key of [Service] with all of its lines."""
    directives: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text().replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            directives.setdefault(key, []).append(value)
    return directives


@pytest.fixture
def analyze(absent: Callable[[str, str], NoReturn]) -> str:
    """systemd-analyze, which also knows the groups of system calls."""
    return shutil.which("systemd-analyze") or absent("systemd", "systemd-analyze is not installed")


@pytest.mark.unit
@pytest.mark.parametrize("name", UNITS)
def test_the_exposure_of_a_unit_stays_within_its_limit(name: str, analyze: str) -> None:
    command = [analyze, "security", "--offline=yes", "--no-pager", str(UNITS[name])]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", shown)
    assert match, "this systemd cannot look at a unit offline (250 or newer can)"
    print(f"{name}: {match[1]}")  # noqa: T201  # the figure for the log
    assert float(match[1]) <= EXPOSURE[name], shown


@pytest.mark.unit
def test_no_unit_may_read_all_files() -> None:
    """CAP_DAC_READ_SEARCH and the like are root's power by another name."""
    for name, unit in UNITS.items():
        directives = settings(unit)
        rights = {
            right
            for key in ("CapabilityBoundingSet", "AmbientCapabilities")
            for line in directives.get(key, ())
            for right in line.split()
        }
        of_others = {"CAP_NET_RAW"} if name == "pfcp" else {"CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"}
        assert rights == (set() if name in WITHOUT_RIGHTS else of_others)
        assert directives["CapabilityBoundingSet"], "without this line it is everything"


@pytest.fixture
def folder() -> Iterator[Path]:
    """The service's: as /etc/joulepath and /run/joulepath-tag."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "run").mkdir()
        os.chown(path / "run", USER, USER)
        zone = path / ENERGY
        zone.mkdir(parents=True)
        for file, text in (("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", "1000000")):
            (zone / file).write_text(text + "\n")
        (zone / "energy_uj").chmod(0o400)
        yield path


def limits(name: str) -> dict[str, Any]:
    directives = settings(UNITS[name])
    (families,) = directives["RestrictAddressFamilies"]
    assert directives["SystemCallErrorNumber"] == ["EPERM"]
    return {
        "calls": sorted(allowed(directives["SystemCallFilter"])),
        "families": [int(getattr(socket, family)) for family in families.split()],
        "no_new_code": directives["MemoryDenyWriteExecute"] == ["yes"],
    }


def wrapper(name: str, folder: Path) -> tuple[str, ...]:
    """Starts a program as the unit does, as far as that goes without systemd."""
    directives = settings(UNITS[name])
    (rights,) = directives.get("AmbientCapabilities", [""])
    ambient = "".join(f",+{right.removeprefix('CAP_').lower()}" for right in rights.split())
    sets = [f"--{each}=-all{ambient}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    user = ["--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs"]
    # ProtectSystem=strict with RuntimeDirectory=; ProtectKernelTunables=, ProtectControlGroups=, ProtectProc=.
    mounts = (
        f"mount --bind {folder}/run {folder}/run && mount -o remount,bind,ro / && "
        f"mount --rbind -o ro /sys /sys && mount -t proc -o hidepid=invisible proc /proc && "
        'mount --bind -o ro /proc/sys /proc/sys && exec "$@"'
    )
    reach = [sys.executable, str(HERE / "reach.py"), str(ROOT), sys.prefix, sys.base_prefix, "--"]
    confined = [sys.executable, str(HERE / "confined.py"), json.dumps(limits(name)), "--"]
    return (
        "unshare",
        "--mount",
        *reach,
        "sh",
        "-c",
        mounts,
        "sh",
        "prlimit",
        f"--core={directives['LimitCORE'][0]}",
        "setpriv",
        *user,
        *sets,
        *confined,
    )


CONFIGS = {
    "pdu": "targets: {a: {address: 'udp://127.0.0.1:16101', community_file: secret}}\n",
    "bmc": "targets: {a: {address: 'ipmi://127.0.0.1:16102', user: reader, password_file: secret}}\n",
    "carbon": "sources: {ember: {zones: [DE]}}\n",
    "ioam": "nodes: [{node_id: 4, interfaces: {va: uplink}}]\nbackend: ebpf\n",
    "tag": "interfaces: [va]\nflows: {a: {destination: 'fd01::2', ioam_namespace: 123, id_file: id}}\n",
    "pfcp": "interfaces: [va]\n",
    "rules": (ROOT / "examples" / "minimal.yaml").read_text(),
}
SHOWN = {
    "pdu": "joulepath_polls_total.success",
    "bmc": "joulepath_polls_total.success",
    "carbon": "joulepath_polls_total.success",
    "rapl": "rapl_host_energy_joules_total",
    "workload": "workload_cpu_seconds_total.other",
    "gpu": "gpu_energy_joules_total",
    "ioam": "ioam_node_packets_total",
    "tag": "ioam_tag_packets_total",
    "pfcp": "pfcp_measured_seconds_total",
    "rules": "joulepath_rules_constants",
}


DATAGRAM = "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('fd01::2', 9))"


@pytest.mark.kernel
@pytest.mark.usefixtures("as_root", "bpf", "analyze")
@pytest.mark.parametrize("name", UNITS)
def test_an_exporter_works_within_the_limits_of_its_unit(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(settings(UNITS[name])["ExecStart"][0])[2:]
    config = folder / f"{name}.yaml"
    config.write_text(CONFIGS.get(name, ""))
    (folder / "secret").write_text("lab")
    (folder / "secret").chmod(0o640)
    os.chown(folder / "secret", 0, USER)
    (folder / "id").write_text("ab" * 16)
    words = [str(config) if word.endswith(".yaml") else word for word in words]
    command = name
    if name == "rules":
        command = f"{name} {words.pop(0)}"
    if name == "rapl":
        words += ["--path.sysfs", str(folder / "sys")]
        give_energy_to_the_group(folder)
    if name == "gpu":
        words += ["--vendor", "nvidia", "--path.nvml", str(build("nvml.c", "libnvidia-ml.so.1", folder))]
        monkeypatch.setenv("STUB_STATE", str(folder / "gpu.state"))
        write_gpu(folder)
    if name == "tag":
        words += ["--path.runtime", str(folder / "run")]
    energy = folder / ENERGY / "energy_uj"
    with two_hosts() as (namespace, _), ExitStack() as stack:
        device(stack, namespace, folder, name)
        running = stack.enter_context(Exporter(namespace, *words, name=command, wrapper=wrapper(name, folder)))
        status = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
        assert re.search(r"^Seccomp_filters:\t2$", status, re.MULTILINE)
        assert re.search(rf"^Uid:\t{USER}\t", status, re.MULTILINE)

        def works() -> bool:
            namespace.reach("fd01::2")
            namespace.python(DATAGRAM)
            energy.write_text(f"{int(energy.read_text()) + 1000000}\n")
            write_gpu(folder)
            samples = {".".join(key): value for key, value in running.scrape().items()}
            assert samples["process_resident_memory_bytes"] > 0  # of /proc
            return any(key.startswith(SHOWN[name]) and value > 0 for key, value in samples.items())

        until(works)
        running.hang_up()
        until(works)
        lines = running.stop()
    assert not [line for line in lines if "level=ERROR" in line or "Traceback" in line]


def write_gpu(folder: Path) -> None:
    """A GPU that draws 10 W since the host's start, for the library that answers like NVML."""
    millijoules = time.monotonic_ns() // 100_000
    (folder / "gpu.state").write_text(f"gpus 1\ngpu.0.uuid GPU-0\ngpu.0.name H100\ngpu.0.energy {millijoules}\n")


def device(stack: ExitStack, namespace: NetworkNamespace, folder: Path, name: str) -> None:
    """The source that it reads: a real agent or BMC on loopback."""
    if name == "pdu":
        (folder / "outlets.json").write_text(json.dumps({1: ["a", 10.0], 2: ["b", 20.0]}))
        words = ["joulepath_lab.devices.pdu_agent", "--folder", str(folder), "--listen", "127.0.0.1:16101"]
    elif name == "bmc":
        simulated = {
            "port": 16102,
            "user": "reader",
            "password": "lab",
            "dcmi": {"current": 215, "maximum": 276},
            "sensors": [],
        }
        (folder / "bmc.json").write_text(json.dumps(simulated))
        words = ["joulepath_lab.devices.ipmi_bmc", str(folder / "bmc.json")]
    else:
        return
    process = subprocess.Popen(namespace.command(sys.executable, "-m", *words), stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)


def give_energy_to_the_group(folder: Path) -> None:
    """As the tmpfiles rule does, by systemd's own program."""
    rule = (FOLDER / "joulepath-rapl.tmpfiles").read_text()
    file = folder / "rapl.conf"
    file.write_text(rule.replace("/sys/", f"{folder}/sys/").replace(" joulepath\n", f" {USER}\n"))
    program = shutil.which("systemd-tmpfiles")
    assert program is not None
    subprocess.run([program, "--create", file], check=True, timeout=20)
    status = (folder / ENERGY / "energy_uj").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, USER, 0o440)
