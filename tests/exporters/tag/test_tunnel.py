# SPDX-License-Identifier: Apache-2.0
"""IPv4 in an IPv6 tunnel: the trace is on the outer header, which `joulepath ioam` counts."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.tag.path import Path3
from tests.exporters.tag.test_end_to_end import ID, OTHER_ID, group, inside, tagger

__all__ = ["group"]

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

HEADER = 48  # room for one node
LINK = 1500
# Octets before the IPv4 packet: IPv6 has 40; of VXLAN these and UDP 8, VXLAN 8, Ethernet 14.
OVERHEADS = {"vxlan": 70, "ip6tnl": 40}
COMMANDS = {
    "vxlan": "ip link add t4 type vxlan id 9 local {} remote {} dstport 4789 dev {}",
    "ip6tnl": "ip link add t4 type ip6tnl mode ipip6 local {} remote {} encaplimit none dev {}",
}
OCTETS = 2_000_000
# Programs that know nothing of tunnels; the datagrams go to a port that takes them and never answers.
SERVE = f"""
import socket
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken.bind(("10.5.0.2", 5000))
listener = socket.create_server(("10.5.0.2", 7000))
print("here", flush=True)
connection, _ = listener.accept()
missing = {OCTETS}
while missing:
    missing -= len(connection.recv(1 << 20))
connection.send(b"x")
"""
PUSH = f"""
import socket
sender = socket.create_connection(("10.5.0.2", 7000))
sender.sendall(bytes({OCTETS}))
sender.recv(1)
"""
DATAGRAMS = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(30):
    sender.sendto(bytes(500), ("10.5.0.2", 5000))
"""


@pytest.fixture
def path(bpf: None) -> Iterator[Path3]:
    with ExitStack() as stack:
        yield Path3(stack)


def join(path: Path3, kind: str, absent: Callable[[str, str], NoReturn]) -> None:
    """A tunnel for IPv4 between both ends: 10.5.0.1 -- 10.5.0.2, with an MTU that leaves room for the trace."""
    ends: tuple[tuple[NetworkNamespace, str, str, str], ...] = (
        (path.robot, "wlan0", "fd01::1", "fd02::3"),
        (path.server, "eth0", "fd02::3", "fd01::1"),
    )
    for number, (end, device, local, remote) in enumerate(ends, 1):
        try:
            end.run(COMMANDS[kind].format(local, remote, device))
        except subprocess.CalledProcessError as fault:
            absent(kind, f"this kernel has no such tunnel: {fault.stderr.strip()}")
        end.run("ip link set t4 addrgenmode none")
        if kind == "vxlan":
            end.run(f"ip link set t4 address 02:00:00:00:09:0{number}")
        end.run(f"ip link set t4 mtu {LINK - HEADER - OVERHEADS[kind]} up")
        end.run(f"ip address add 10.5.0.{number}/24 dev t4")
        if kind == "vxlan":  # no question about addresses is among the counted packets
            end.run(f"ip neighbour add 10.5.0.{3 - number} lladdr 02:00:00:00:09:0{3 - number} dev t4")


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
@pytest.mark.parametrize("kind", OVERHEADS)
def test_ipv4_is_counted_by_the_trace_on_its_tunnel(  # noqa: PLR0917  # one parameter too many
    path: Path3, tmp_path: Path, group: Path, absent: Callable[[str, str], NoReturn], kind: str, backend: str
) -> None:
    join(path, kind, absent)
    file = tmp_path / "ioam.yaml"
    file.write_text(
        "nodes: [{node_id: 3, interfaces: {eth0: outer}, path: true}, {node_id: 30, interfaces: {t4: inner}}]\n"
        f'namespaces: {{123: {{ids: ["{ID}", "{OTHER_ID}"]}}}}\npath_nodes: [1, 2]\n',
        encoding="utf-8",
    )
    config = (
        "interfaces: [wlan0]\nnodes: 1\nflows:\n"
        f'  camera: {{ioam_namespace: 123, id: "{ID}", unit: {group.name}, destination: "fd02::3"}}\n'
        f'  rest: {{ioam_namespace: 123, id: "{OTHER_ID}", destination: "fd02::3"}}\n'
    )
    counter = Exporter(path.server, "--config", str(file), "--backend", backend)
    with counter, tagger(path, tmp_path, config) as tags:
        serving = path.server.command(sys.executable, "-c", SERVE)
        with subprocess.Popen(serving, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"here\n"
            path.robot.python(DATAGRAMS)
            pushing = path.robot.command(*inside(group), sys.executable, "-c", PUSH)
            subprocess.run(pushing, check=True, timeout=60)
        until(lambda: counter.scrape()["ioam_node_bytes_total", "inner", "30"] > OCTETS + 30 * 528)
        counted, tagged = counter.scrape(), tags.scrape()
    inner, outer = (counted["ioam_node_packets_total", way, node] for way, node in (("inner", "30"), ("outer", "3")))
    assert outer == inner
    added = OVERHEADS[kind] + HEADER
    assert counted["ioam_node_bytes_total", "outer", "3"] == (
        counted["ioam_node_bytes_total", "inner", "30"] + added * inner
    )
    assert all(value == 0 for key, value in tagged.items() if key[0] == "ioam_tag_untagged_packets_total")
    # One tunnel, and still the trace of each sender.
    for name, identity, packets in (("camera", ID, inner - 30), ("rest", OTHER_ID, 30)):
        assert tagged["ioam_tag_packets_total", name] == packets
        assert counted["ioam_trace_packets_total", "outer", "123", "3", identity] == packets
        assert tagged["ioam_tag_bytes_total", name] == counted["ioam_trace_bytes_total", "outer", "123", "3", identity]
        assert counted["ioam_path_packets_total", "outer", "123", "2", identity] == packets
    assert counted["ioam_trace_bytes_total", "outer", "123", "3", OTHER_ID] == 30 * (528 + added)
    assert not any(value for key, value in counted.items() if key[0] == "ioam_fragment_packets_total")
