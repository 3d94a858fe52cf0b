# SPDX-License-Identifier: Apache-2.0
"""Flows of real traffic: both backends, files that change under it, VLAN tags that the kernel took out, cgroups."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from joulepath.bpf import cgroup
from joulepath.errors import JoulepathError
from joulepath_lab.network.chain import two_hosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

PACKETS = "ioam_flow_packets_total"
# Sends pairs of datagrams to two ports until its input ends; says how many.
SEND = """
import select, socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receivers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for port, receiver in zip((5000, 5001), receivers):
    receiver.bind(("127.0.0.1", port))
sent = 0
while not select.select([sys.stdin], [], [], 0.001)[0]:
    for _ in range(5):
        for port in (5000, 5001):
            sender.sendto(bytes(100), ("127.0.0.1", port))
        sent += 1
print(sent)
"""
SEND_FRAMES = """
import socket, sys
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind((sys.argv[1], 0))
for line in sys.argv[2].split():
    sender.send(bytes.fromhex(line))
"""
SEND_SOME = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(7):
    sender.sendto(bytes(100), ("127.0.0.1", 5000))
"""


def write(path: Path, value: object) -> None:
    path.with_suffix(".new").write_text(json.dumps(value), encoding="utf-8")
    path.with_suffix(".new").rename(path)


def configure(folder: Path, flows: object, way: str = "received", interface: str = "lo", **more: object) -> Path:
    """A configuration; JSON is YAML."""
    file = folder / "ioam.yaml"
    nodes = [{"node_id": 4, "interfaces": {interface: {way: "uplink"}}}]
    write(file, {"nodes": nodes, "flows": flows, "hold_seconds": 0, **more})
    return file


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_flows_of_a_file_change_under_traffic_without_a_lost_packet(tmp_path: Path, backend: str) -> None:
    file, more = tmp_path / "ioam.yaml", tmp_path / "more.yaml"
    write(more, {"flows": {"a": {"ports": 5001}}})
    configure(tmp_path, {"stays": {"protocol": "udp", "ports": 5000}}, flows_file="more.yaml")
    with (
        NetworkNamespace() as namespace,
        Exporter(namespace, "--config", str(file), "--backend", backend) as exporter,
    ):
        command = namespace.command(sys.executable, "-c", SEND)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
            until(lambda: exporter.scrape()[PACKETS, "uplink", "stays", "4"] > 0)
            for name in ("b", "a"):
                write(more, {"flows": {name: {"ports": "5001-5010"}, "idle": {"ports": 5500}}})
                exporter.hang_up()
                until(lambda: exporter.scrape().get((PACKETS, "uplink", name, "4"), 0) > 0)  # noqa: B023  # now
            configure(tmp_path, {"stays": {"ports": 5000}, "all": {"protocol": "udp"}})
            exporter.hang_up()
            until(lambda: exporter.scrape().get((PACKETS, "uplink", "all", "4"), 0) > 0)
            sent = int(sender.communicate("\n")[0])
        until(lambda: exporter.scrape()[PACKETS, "uplink", "stays", "4"] >= sent)
        series = exporter.scrape()
    counts = {key[2]: value for key, value in series.items() if key[0] == PACKETS}
    assert counts.pop("stays") == sent
    assert counts.pop("idle") == 0
    assert sum(counts.values()) == sent  # each packet to the other port in one of the flows that followed each other
    assert set(counts) == {"a", "b", "all"}
    assert series["ioam_flow_bytes_total", "uplink", "stays", "4"] == 128 * sent


IPV4 = IP(src="10.1.0.1", dst="10.1.0.2") / UDP(sport=1, dport=2) / Raw(bytes(60))
TAGGED = bytes(Ether(dst="02:00:00:00:00:77") / Dot1Q(vlan=5) / IPV4)
DOUBLE = bytes(Ether(dst="02:00:00:00:00:77") / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPV4)
PLAIN = bytes(Ether(dst="02:00:00:00:00:77") / IPV4)


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_a_tag_that_the_kernel_took_out_is_known(tmp_path: Path, backend: str) -> None:
    flows = {"five": {"vlan": 5}, "six": {"vlan": "6-9"}, "none": {"ue": "10.1.0.1"}}
    received, sent = tmp_path / "received", tmp_path / "sent"
    received.mkdir()
    sent.mkdir()
    with ExitStack() as stack:
        near, far = stack.enter_context(two_hosts())
        near.reach("fd01::2")
        first = stack.enter_context(
            Exporter(near, "--config", str(configure(sent, flows, "sent", "va")), "--backend", backend)
        )
        second = stack.enter_context(
            Exporter(far, "--config", str(configure(received, flows, interface="vb")), "--backend", backend)
        )
        frames = [TAGGED, TAGGED, DOUBLE, PLAIN]
        near.python(SEND_FRAMES, "va", "\n".join(frame.hex() for frame in frames))
        expected = {"five": 2, "six": 1, "none": 1}
        for exporter in (first, second):
            for name, count in expected.items():
                until(lambda: exporter.scrape()[PACKETS, "uplink", name, "4"] >= count)  # noqa: B023  # now
            series = exporter.scrape()
            assert {name: series[PACKETS, "uplink", name, "4"] for name in expected} == expected


@pytest.fixture
def group(absent: Callable[[str, str], NoReturn]) -> Iterator[Path]:
    """The name of a cgroup that does not exist yet, and does not any more afterwards."""
    try:
        folder = cgroup.mounted() / f"joulepath-test-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        folder.rmdir()
    except (JoulepathError, OSError) as fault:
        absent("bpf", f"no cgroup v2 can be made here: {fault}")
    yield folder
    for left in (folder / "below", folder):
        if left.exists():
            left.rmdir()


def test_packets_of_a_local_senders_cgroup_have_its_flow(tmp_path: Path, group: Path, bpf: None) -> None:
    flows = {"below": {"cgroup": f"/{group.name}/below", "ports": 1}, "group": {"cgroup": f"/{group.name}"}}
    file = configure(tmp_path, flows, "sent")
    key = (PACKETS, "uplink", "group", "4")
    with NetworkNamespace() as namespace, Exporter(namespace, "--config", str(file), "--backend", "ebpf") as exporter:
        assert exporter.scrape()[key] == 0
        for turn in (1, 2):  # a folder that is made anew has another id
            (group / "below").mkdir(parents=True)
            exporter.hang_up()
            until(lambda: exporter.scrape()[key] >= 0)
            until(lambda: _sends(namespace, group, exporter, key, 7 * turn))  # noqa: B023  # now
            (group / "below").rmdir()
            group.rmdir()
        series = exporter.scrape()
    assert series[key] % 7 == 0
    assert series[PACKETS, "uplink", "below", "4"] == 0
    assert series["ioam_node_packets_total", "uplink", "4"] > series[key]  # the scrapes have no flow


def test_a_flow_may_name_the_unit_of_its_sender(tmp_path: Path, group: Path, bpf: None) -> None:
    """The folder of the unit has a flow of its own, which does not fit: both names are of one cgroup."""
    unit = group / "below" / f"{group.name}.service"
    flows = {
        "folder": {"cgroup": f"/{group.name}/below/{unit.name}", "ports": 1},
        "unit": {"cgroup": {"unit": unit.name}},
    }
    file = configure(tmp_path, flows, "sent")
    key = (PACKETS, "uplink", "unit", "4")
    unit.mkdir(parents=True)
    try:
        with (
            NetworkNamespace() as namespace,
            Exporter(namespace, "--config", str(file), "--backend", "ebpf") as exporter,
        ):
            inside = ("sh", "-c", f'echo $$ > {unit}/cgroup.procs; exec "$@"', "sh")
            subprocess.run(namespace.command(*inside, sys.executable, "-c", SEND_SOME), check=True)
            until(lambda: exporter.scrape()[key] == 7)
            assert exporter.scrape()[PACKETS, "uplink", "folder", "4"] == 0
    finally:
        unit.rmdir()


def _sends(namespace: NetworkNamespace, group: Path, exporter: Exporter, key: tuple[str, ...], least: int) -> bool:
    """Sends from the cgroup, and whether so many packets have counted by now: the folder's id is found at a reading."""
    inside = ("sh", "-c", f'echo $$ > {group}/below/cgroup.procs; exec "$@"', "sh")
    subprocess.run(namespace.command(*inside, sys.executable, "-c", SEND_SOME), check=True)
    return exporter.scrape()[key] >= least


@pytest.mark.parametrize("backend", ["packet"])
def test_a_captured_packet_does_not_say_its_cgroup(tmp_path: Path, backend: str) -> None:
    file = configure(tmp_path, {"group": {"cgroup": "/a"}}, "sent")
    command = [sys.executable, "-m", "joulepath", "ioam", "--config", str(file), "--backend", backend, "--once"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = "flows.group: `cgroup` is known to the ebpf backend only, for packets sent here"
    assert (done.returncode, done.stderr) == (2, f"joulepath ioam: {line}\n")


def test_a_wrong_file_is_one_line_and_the_former_flows_go_on(tmp_path: Path) -> None:
    file, more = tmp_path / "ioam.yaml", tmp_path / "more.yaml"
    more.write_bytes(b"[" * 3)  # at the start, too
    configure(tmp_path, {"stays": {"protocol": "udp"}}, flows_file="more.yaml")
    good = ("joulepath_config_last_reload_successful",)
    with NetworkNamespace() as namespace, Exporter(namespace, "--config", str(file), "--backend", "packet") as exporter:
        assert exporter.scrape()[good] == 0
        write(more, {"flows": {"more": {"ports": 5000}}})
        exporter.hang_up()
        until(lambda: (PACKETS, "uplink", "more", "4") in exporter.scrape())
        assert exporter.scrape()[good] == 1
        more.unlink()
        exporter.hang_up()
        until(lambda: exporter.scrape()[good] == 0)
        namespace.python(SEND_SOME)
        until(lambda: exporter.scrape()[PACKETS, "uplink", "stays", "4"] == 7)
        lines = [line for line in exporter.stop() if "more.yaml" in line]
    assert len(lines) == 2
    for line, expected in zip(lines, ["is not valid YAML", "No such file"], strict=True):
        assert expected in line
