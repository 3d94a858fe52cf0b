# SPDX-License-Identifier: Apache-2.0
"""Nothing large is imported where it is not needed: it would stay in memory as long as the exporter runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.exporters.rapl.tree import write_zone

pytestmark = pytest.mark.unit

CONFIGURED = {"yaml", "pydantic"}
SNMP = {"pysnmp", "pyasn1"}
REDFISH = {"redfish.aio", "aiohttp", "requests", "urllib3"}
IPMI = {"pyghmi", "cryptography"}
NETLINK = {"pyroute2"}
NVIDIA = {"pynvml"}
AMD = {"amdsmi"}
QUERIES = {"joulepath_topology", "promql_parser"}
NEVER = {
    "pysnmp.hlapi",
    "scapy",
    "rich",
    "psutil",
    "pyroute2.ndb",
    "pyroute2.ipdb",
    "pyroute2.nftables",
    "redfish.rest",
    "requests",
}
"""Needed by the lab, by SNMP v3 or by another part of the same library."""
LARGE = CONFIGURED | SNMP | {"gufo"} | REDFISH | IPMI | NETLINK | NVIDIA | AMD | QUERIES | NEVER

IOAM = "nodes: [{node_id: 4, interfaces: {eth0: uplink}}]\nnamespaces: {123: {ids: ['0123']}}\n"
TAG = "interfaces: [eth0]\nflows: {a: {destination: 'fd00::2', ioam_namespace: 123, id: '0123456789abcdef' }}\n"
TAG = TAG.replace("0123456789abcdef", 2 * "0123456789abcdef")
TOPOLOGY = "sites: {a: {grams_per_kwh: 1}}\nhosts: {b: {site: a, power: [{watts: 1}]}}\ncomponents: {b: {role: upf}}\n"


def import_large(program: str, folder: Path) -> set[str]:
    """The modules of LARGE that a program run in `folder` imports."""
    program += f"\nimport sys; print('loaded:', *({LARGE!r} & set(sys.modules)))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    name, *modules = done.stdout.splitlines()[-1].split()
    assert name == "loaded:"
    return set(modules)


def test_rapl_imports_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    assert not import_large("from joulepath.cli import main; main(['rapl', '--path.sysfs', '.', '--once'])", tmp_path)


def test_workload_reads_its_file_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "workload.yaml").write_text("workloads: [{unit: a.service}, {executable: ffmpeg}]")
    program = "from joulepath.cli import main; main(['workload', '--config=workload.yaml', '--once'])"
    assert not import_large(program, tmp_path)


@pytest.mark.parametrize(("vendor", "needed"), [("nvidia", NVIDIA), ("intel", set())])
def test_gpu_takes_the_library_of_its_vendor_alone(tmp_path: Path, vendor: str, needed: set[str]) -> None:
    """The vendor's library itself need not be there: its binding looks for it."""
    (tmp_path / "workload.yaml").write_text("workloads: [{unit: '*.service'}]")
    words = ["gpu", "--vendor", vendor, "--config", "workload.yaml", "--once"]
    assert import_large(f"from joulepath.cli import main; main({words})", tmp_path) == needed


def test_ioam_reads_its_file_in_another_process(tmp_path: Path) -> None:
    """A capture without packets: its header is read, and the configuration before it."""
    (tmp_path / "ioam.yaml").write_text(IOAM)
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    (tmp_path / "empty.pcap").write_bytes(header)
    program = "from joulepath.cli import main; main(['ioam', '--config=ioam.yaml', '--pcap=empty.pcap', '--once'])"
    assert not import_large(program, tmp_path)


def test_pfcp_reads_its_file_in_another_process(tmp_path: Path) -> None:
    """A capture without packets: --once then says that nothing could be read."""
    (tmp_path / "pfcp.yaml").write_text("groups: {cameras: {dnn: video}}\n")
    (tmp_path / "empty.pcap").write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    program = "from joulepath.cli import main; main(['pfcp', '--config=pfcp.yaml', '--pcap=empty.pcap', '--once'])"
    assert not import_large(program, tmp_path)


def test_carbon_reads_its_file_in_another_process(tmp_path: Path) -> None:
    """Beside what it asks sources with."""
    (tmp_path / "carbon.yaml").write_text("sources: {ember: {zones: [DE]}}\n")
    program = "from joulepath.cli import main; main(['carbon', '--config=carbon.yaml', '--once'])"
    assert import_large(program, tmp_path) == {"requests", "urllib3"}


def test_tag_reads_its_file_elsewhere_and_imports_only_netlinks_routes(tmp_path: Path) -> None:
    (tmp_path / "tag.yaml").write_text(TAG)
    program = (
        "import joulepath.tag.command, joulepath.tag.tagger; from pathlib import Path; from joulepath import apart\n"
        "assert apart.read('joulepath.tag.config', Path('tag.yaml')).flows[0].name == 'a'"
    )
    assert import_large(program, tmp_path) == NETLINK


@pytest.mark.parametrize(("text", "needed"), [(TAG, CONFIGURED), (TOPOLOGY, CONFIGURED | QUERIES)])
def test_tag_reads_topologies_where_it_prints_from_one(tmp_path: Path, text: str, needed: set[str]) -> None:
    """The name of netlink's package is there, as it is in all of `joulepath tag`, and nothing of it."""
    (tmp_path / "file.yaml").write_text(text)
    program = (
        "from joulepath.cli import main; main(['tag', '--print-ip-route', 'file.yaml'])\n"
        "import sys; assert not {'pyroute2.iproute', 'pyroute2.netlink'} & set(sys.modules)"
    )
    assert import_large(program, tmp_path) == needed | NETLINK


@pytest.mark.parametrize(("library", "needed"), [("gufo", {"gufo"}), ("pysnmp", set())])
def test_pdu_imports_only_the_chosen_library(tmp_path: Path, library: str, needed: set[str]) -> None:
    if library == "gufo":
        pytest.importorskip("gufo.snmp", reason="gufo-snmp is not installed")
    (tmp_path / "community").write_text("public")
    (tmp_path / "pdu.yaml").write_text("targets: {a: {address: '127.0.0.1:9', community_file: community}}")
    program = (
        "from pathlib import Path; from joulepath.pdu.snmp.clients import Clients; from joulepath.pdu import command\n"
        f"command.read_targets(Path('pdu.yaml'), Clients({library!r}))"
    )
    # The messages of odd agents are read with pysnmp's classes, whoever speaks with the others.
    assert import_large(program, tmp_path) == CONFIGURED | SNMP | needed


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        ("{address: 'redfish+http://127.0.0.1:9'}", {"redfish.aio", "aiohttp"}),
        ("{address: 'ipmi://127.0.0.1:9', user: u, password_file: password}", IPMI),
    ],
)
def test_bmc_imports_only_the_libraries_of_its_targets(tmp_path: Path, target: str, needed: set[str]) -> None:
    (tmp_path / "password").write_text("secret")
    (tmp_path / "bmc.yaml").write_text(f"targets: {{a: {target}}}")
    program = "from pathlib import Path; from joulepath.bmc import command; command.read_targets(Path('bmc.yaml'))"
    assert import_large(program, tmp_path) == needed


def test_rules_of_the_web_server_are_read_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}")
    program = (
        "from pathlib import Path; from joulepath.web import auth, rules\n"
        "assert rules.read(Path('web.yml'), auth.Passwords()).headers"
    )
    assert not import_large(program, tmp_path)
