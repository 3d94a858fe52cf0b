# SPDX-License-Identifier: Apache-2.0
"""Unmodified programs are tagged, a kernel stamps behind them, and `joulepath ioam` counts what they sent."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath.errors import JoulepathError
from joulepath.tag import cgroup
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.foreign import PASS, Foreign
from tests.exporters.tag.path import TCP_CLIENT, TCP_SERVER, UDP_CLIENT, UDP_SERVER, Path3

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

ID, OTHER_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
HEADER = 80  # room for five nodes
CONFIG = "interfaces: [wlan0]\nnodes: 5\nflows:\n"
CAMERA = f'  camera: {{ioam_namespace: 123, id: "{ID}", '


@pytest.fixture
def path(bpf: None) -> Iterator[Path3]:
    with ExitStack() as stack:
        yield Path3(stack)


@pytest.fixture
def group(absent: Callable[[str, str], NoReturn]) -> Iterator[Path]:
    """A cgroup v2 of our own, such as a systemd unit has."""
    try:
        folder = cgroup.mounted() / f"joulepath-test-{uuid.uuid4().hex[:8]}.service"
        folder.mkdir()
    except (JoulepathError, OSError) as fault:
        absent("bpf", f"no cgroup v2 can be made here: {fault}")
    below = folder / "below"
    below.mkdir()
    yield folder
    below.rmdir()
    folder.rmdir()


def tagger(path: Path3, folder: Path, config: str) -> Exporter:
    file = folder / "tag.yaml"
    file.write_text(config, encoding="utf-8")
    return Exporter(path.robot, "--config", str(file), name="tag", port=10477)


def inside(group: Path) -> tuple[str, ...]:
    """Starts a program in a cgroup."""
    return ("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh")


TRANSFERS = {
    "udp": ((UDP_SERVER, UDP_CLIENT), (5000, 400, 1200, 0), 8),
    "udp at the MTU": ((UDP_SERVER, UDP_CLIENT), (5000, 200, 1420 - 48, 0), 8),
    "udp gso": ((UDP_SERVER, UDP_CLIENT), (5000, 40, 24000, 1200), 8),
    "tcp": ((TCP_SERVER, TCP_CLIENT), (7000, 20_000_000), 32),
}


@pytest.mark.parametrize("kind", TRANSFERS)
def test_programs_are_tagged_by_cgroup(path: Path3, tmp_path: Path, group: Path, kind: str) -> None:
    (server, client), arguments, transport = TRANSFERS[kind]
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}unit: {group.name}}}\n") as tags:
        path.transfer(server, client, *arguments)  # from elsewhere: not tagged
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 0
        # As a unit's main process or, below it, as a worker's.
        packets, octets = path.transfer(server, client, *arguments, wrapper=inside(group / "below"))
        if transport == 8:
            packets += 1  # the empty datagram that ends the transfer
        else:
            octets += 8  # the SYN's further options
        octets += packets * (40 + HEADER + transport)
        name = ("uplink", "123", "3", ID)
        until(lambda: counter.scrape()["ioam_trace_packets_total", *name] >= packets)
        counted, tagged = counter.scrape(), tags.scrape()
    assert counted["ioam_trace_packets_total", *name] == packets
    assert counted["ioam_trace_bytes_total", *name] == octets
    for node in "1", "2":
        assert counted["ioam_path_packets_total", "uplink", "123", node, ID] == packets
    assert tagged["ioam_tag_packets_total", "camera"] == packets
    assert tagged["ioam_tag_bytes_total", "camera"] == octets
    assert all(value == 0 for key, value in tagged.items() if key[0] == "ioam_tag_untagged_packets_total")


def test_segments_are_large_where_it_says_so(path: Path3, tmp_path: Path, group: Path) -> None:
    """Or the test above would not show what it says of TSO."""
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n') as tags:
        path.transfer(TCP_SERVER, TCP_CLIENT, 7000, 20_000_000)
        segments = tags.scrape()["ioam_tag_packets_total", "camera"]
        received = int(path.upf.run("cat /proc/net/dev").partition("n3:")[2].split()[1])
    assert received < segments / 2


def test_packets_are_tagged_by_addresses_and_ports(path: Path3, tmp_path: Path) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID), bytes.fromhex(OTHER_ID))
    config = (
        f'{CONFIG}{CAMERA}source: "fd01::1", destination: "fd02::/64", protocol: udp, destination_port: 5000}}\n'
        f'  rest: {{ioam_namespace: 123, id: "{OTHER_ID}", destination: "fd02::3", protocol: udp}}\n'
    )
    with tagger(path, tmp_path, config) as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 100, 500, 0)
        path.transfer(UDP_SERVER, UDP_CLIENT, 5001, 50, 500, 0)
        path.transfer(TCP_SERVER, TCP_CLIENT, 5000, 1000)
        # A datagram of five fragments: the first one shows the ports of all.
        path.transfer(UDP_SERVER, UDP_CLIENT, 5001, 1, 6000, 0)
        samples = tags.scrape()
    assert samples["ioam_tag_packets_total", "camera"] == 101
    assert samples["ioam_tag_untagged_packets_total", "camera", "hidden_ports"] == 0
    assert samples["ioam_tag_packets_total", "rest"] == 51 + 5 + 1
    name = ("ioam_trace_packets_total", "uplink", "123", "3")
    until(lambda: (counter.scrape()[*name, ID], counter.scrape()[*name, OTHER_ID]) == (101, 57))


def test_fragments_of_a_flow_without_ports_are_tagged(path: Path3, tmp_path: Path) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n') as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 20, 6000, 0)
        samples = tags.scrape()
    assert samples["ioam_tag_packets_total", "camera"] == 20 * 5 + 1
    until(lambda: counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", ID] == 20 * 5 + 1)


def test_a_changed_id_takes_effect(path: Path3, tmp_path: Path) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID), bytes.fromhex(OTHER_ID))
    file = tmp_path / "id"
    config = f"{CONFIG}  camera: {{ioam_namespace: 123, id_file: id, protocol: udp}}\n"

    def packets(trace_id: str) -> float:
        return counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", trace_id]

    def send() -> None:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)

    with tagger(path, tmp_path, config) as tags:
        assert tags.scrape()["ioam_tag_flow_ready", "camera"] == 0
        send()
        assert tags.scrape()["ioam_tag_untagged_packets_total", "camera", "no_id"] == 11
        file.write_text(f"{ID}\n")
        until(lambda: tags.scrape()["ioam_tag_flow_ready", "camera"] == 1)
        send()
        until(lambda: packets(ID) == 11)
        file.write_text(OTHER_ID[:20])  # half-way through being written: the last id holds
        time.sleep(1.5)
        send()
        until(lambda: packets(ID) == 22)
        file.write_text(OTHER_ID)
        time.sleep(1.5)
        send()
        until(lambda: packets(OTHER_ID) == 11)
        assert packets(ID) == 22
        lines = [line.partition("msg=")[2] for line in tags.stop() if "level=WARNING" in line]
    assert lines == [
        f'"flow camera: {file}: cannot be read: No such file or directory"',
        f'"flow camera: {file}: holds no id of 32 hexadecimal digits"',
    ]


def test_a_flow_of_any_name_is_logged_once(path: Path3, tmp_path: Path) -> None:
    flow = "{ioam_namespace: 123, id_file: id, protocol: udp}"
    with tagger(path, tmp_path, f"{CONFIG}  tick: {flow}\n  wlan0: {flow}\n") as tags:
        time.sleep(3.5)  # several looks
        lines = [line for line in tags.stop() if "logger=joulepath.tag.tagger" in line]
    assert [line.partition("msg=")[2].split(":")[0] for line in lines] == ['"flow tick', '"flow wlan0']


def test_a_changed_node_id_takes_effect(path: Path3, tmp_path: Path) -> None:
    """As where the tagger starts before the host's settings are made."""
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    path.robot.run("sysctl -qw net.ipv6.ioam6_id=16777215")
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}protocol: udp}}\n"):
        path.robot.run("sysctl -qw net.ipv6.ioam6_id=1")
        time.sleep(1.5)  # a look at the host
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        until(lambda: counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", ID] == 11)
        assert counter.scrape()["ioam_path_packets_total", "uplink", "123", "1", ID] == 11


def test_a_pipe_for_an_id_holds_nothing_up(path: Path3, tmp_path: Path) -> None:
    """Whoever writes the id may not be trusted with more than that."""
    before = routes(path)
    config = f"{CONFIG}  camera: {{ioam_namespace: 123, id_file: id, protocol: udp}}\n"
    (tmp_path / "id").write_text(ID)
    with tagger(path, tmp_path, config) as tags:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "pipe").rename(tmp_path / "id")
        time.sleep(1.5)  # a look at the file
        assert tags.scrape()["ioam_tag_flow_ready", "camera"] == 1
        writer = os.open(tmp_path / "id", os.O_RDWR)
        time.sleep(1.5)
        assert tags.scrape()["ioam_tag_flow_ready", "camera"] == 1
        os.close(writer)
    assert routes(path) == before


def test_a_changed_file_takes_effect(path: Path3, tmp_path: Path) -> None:
    file = tmp_path / "tag.yaml"
    both = f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n'
    with tagger(path, tmp_path, both) as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        file.write_text(both.replace("wlan0", "wlan1"))
        until(lambda: tags.scrape()["joulepath_config_last_reload_successful",] == 0)
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 22
        extra = f'  other: {{ioam_namespace: 9, id: "{OTHER_ID}", destination: "fd01::2"}}\n'
        file.write_text(both.replace("nodes: 5", "nodes: 3").replace("/64", "3/128") + extra)
        until(lambda: tags.scrape().get(("ioam_tag_flow_ready", "other")) == 1)
        assert "fd02::3 via fd01::2 dev wlan0 proto 106 metric 1024 mtu 1436" in routes(path)
        assert "fd02::/64 via fd01::2 dev wlan0 proto 106" not in routes(path)
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 33
        assert tags.scrape()["joulepath_config_last_reload_successful",] == 1


# As many programs as an interface has places for: another one is refused.
FILL = """
import socket, sys
from joulepath.bpf import tc
from joulepath.bpf.libbpf import BpfError
from joulepath.tag.program import Program
kept = []
try:
    for _ in range(65):
        program = Program()
        kept += program, tc.attach(program.fd(ethernet=True), socket.if_nametoindex("wlan1"), "sent", tc.COUNTING)
except BpfError:
    print("full", flush=True)
else:
    print("as many as you like: no tcx", flush=True)
sys.stdin.read()
"""


@pytest.mark.long
def test_a_changed_file_that_the_kernel_refuses_is_not_applied(path: Path3, tmp_path: Path) -> None:
    path.robot.link("wlan1", "fd03::1", path.upf, "n9", "fd03::2")
    command = path.robot.command(sys.executable, "-c", FILL)
    config = f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n'
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as others:
        assert others.stdout is not None
        if (line := others.stdout.readline()) != "full\n":
            pytest.skip(line)
        with tagger(path, tmp_path, config) as tags:
            before = routes(path)
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
            (tmp_path / "tag.yaml").write_text(config.replace("[wlan0]", "[wlan0, wlan1]").replace("fd02", "fd03"))
            tags.hang_up()
            until(lambda: tags.scrape()["joulepath_config_last_reload_successful",] == 0)
            time.sleep(1.5)  # a look at the host
            assert routes(path) == before
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
            assert tags.scrape()["ioam_tag_packets_total", "camera"] == 22
        others.communicate("", timeout=10)


def test_a_flow_may_move_to_another_sender(path: Path3, tmp_path: Path, group: Path) -> None:
    before, after = group / "before.service", group / "after.service"
    file = tmp_path / "tag.yaml"
    config = f"{CONFIG}{CAMERA}unit: {before.name}}}\n"
    before.mkdir()
    after.mkdir()
    try:
        with tagger(path, tmp_path, config) as tags:
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0, wrapper=inside(before))
            extra = f'  other: {{ioam_namespace: 9, id: "{OTHER_ID}", destination: "fd01::2"}}\n'
            file.write_text(config.replace("before", "after") + extra)
            tags.hang_up()
            until(lambda: ("ioam_tag_flow_ready", "other") in tags.scrape())
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0, wrapper=inside(before))
            assert tags.scrape()["ioam_tag_packets_total", "camera"] == 11
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0, wrapper=inside(after))
            assert tags.scrape()["ioam_tag_packets_total", "camera"] == 22
    finally:
        before.rmdir()
        after.rmdir()


def test_the_id_of_a_flow_may_move_into_a_file(path: Path3, tmp_path: Path) -> None:
    """The id that the configuration no longer says is not in force while the file is missing."""
    config = f"{CONFIG}{CAMERA}protocol: udp}}\n"
    with tagger(path, tmp_path, config) as tags:
        assert tags.scrape()["ioam_tag_flow_ready", "camera"] == 1
        (tmp_path / "tag.yaml").write_text(config.replace(f'id: "{ID}"', "id_file: none-yet"))
        tags.hang_up()
        until(lambda: tags.scrape()["ioam_tag_flow_ready", "camera"] == 0)
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        assert tags.scrape()["ioam_tag_untagged_packets_total", "camera", "no_id"] == 11


def test_a_restarted_unit_is_tagged_again(path: Path3, tmp_path: Path, group: Path) -> None:
    unit = group / "camera.service"
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}unit: camera.service}}\n") as tags:
        expected = 0
        for _ in range(2):
            assert tags.scrape()["ioam_tag_flow_ready", "camera"] == 0
            unit.mkdir()
            until(lambda: tags.scrape()["ioam_tag_flow_ready", "camera"] == 1)
            path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0, wrapper=inside(unit))
            expected += 11
            assert tags.scrape()["ioam_tag_packets_total", "camera"] == expected
            unit.rmdir()
            until(lambda: tags.scrape()["ioam_tag_flow_ready", "camera"] == 0)


# A datagram for each line, by a socket that was made before the process moved into the cgroup.
EARLY = """
import os, socket, sys
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.connect(("fd02::3", 9))
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
print("here", flush=True)
for _ in sys.stdin:
    try:
        sender.send(b"x")
    except OSError:
        sender.send(b"x")  # the port is closed, as the answer to the one before said
    print("sent", flush=True)
"""
# Connections that systemd would have accepted: by a socket made before, as for a .socket unit.
ACTIVATED = """
import os, socket, sys
listener = socket.create_server(("::", 7000), family=socket.AF_INET6)
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
print("here", flush=True)
while True:
    taken, _ = listener.accept()
    taken.sendall(bytes(100_000))
    taken.close()
"""
ASK = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 7000))
while connection.recv(65536):
    pass
"""


def test_a_socket_older_than_its_cgroup_is_tagged(path: Path3, tmp_path: Path, group: Path) -> None:
    with ExitStack() as stack:
        tags = stack.enter_context(tagger(path, tmp_path, f"{CONFIG}{CAMERA}unit: {group.name}}}\n"))
        command = path.robot.command(sys.executable, "-c", EARLY, str(group))
        early = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        )
        stack.callback(early.kill)
        assert early.stdin is not None
        assert early.stdout is not None
        assert early.stdout.readline() == "here\n"
        until(lambda: tags.scrape()["ioam_tag_adopted_sockets", "camera"] == 1)
        early.stdin.write("\n")
        assert early.stdout.readline() == "sent\n"
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 1
        # The socket goes, and what was noted of it.
        early.kill()
        early.wait()
        until(lambda: tags.scrape()["ioam_tag_adopted_sockets", "camera"] == 0)


def test_connections_of_a_socket_unit_are_tagged(path: Path3, tmp_path: Path, group: Path) -> None:
    with ExitStack() as stack:
        tags = stack.enter_context(tagger(path, tmp_path, f"{CONFIG}{CAMERA}unit: {group.name}}}\n"))
        command = path.robot.command(sys.executable, "-c", ACTIVATED, str(group))
        server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout is not None
        assert server.stdout.readline() == "here\n"
        until(lambda: tags.scrape()["ioam_tag_adopted_sockets", "camera"] == 2)  # and its connections
        path.server.python(ASK, "fd01::1")
        assert tags.scrape()["ioam_tag_packets_total", "camera"] > 100_000 / 1420


MIXED = """
import socket
ipv4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100):
    ipv4.sendto(b"x", ("10.1.0.2", 9))
echo = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
for number in range(3):
    echo.sendto(bytes([128, 0, 0, 0, 0, 1, 0, number]), ("fd02::3", 0))
other = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 132)  # SCTP
other.sendto(bytes(12), ("fd02::3", 0))
"""


def test_packets_that_cannot_be_tagged_are_counted(path: Path3, tmp_path: Path, group: Path) -> None:
    path.robot.run("ip address add 10.1.0.1/24 dev wlan0")
    path.upf.run("ip address add 10.1.0.2/24 dev n3")
    config = (
        f'{CONFIG}{CAMERA}unit: {group.name}}}\n  rest: {{ioam_namespace: 123, id: "{ID}", destination: "fd02::/64"}}\n'
    )
    with tagger(path, tmp_path, config) as tags:
        command = path.robot.command(*inside(group), sys.executable, "-c", MIXED)
        subprocess.run(command, check=True, timeout=20)
        samples = tags.scrape()
        assert samples["ioam_tag_untagged_packets_total", "camera", "ipv4"] == 100
        assert samples["ioam_tag_untagged_packets_total", "camera", "protocol"] == 4
        assert samples["ioam_tag_flow_ready", "camera"] == 0
        # Another sender's are the other flow's; no flow with IPv6 addresses has IPv4 packets.
        subprocess.run(path.robot.command(sys.executable, "-c", MIXED), check=True, timeout=20)
        samples = tags.scrape()
        assert samples["ioam_tag_untagged_packets_total", "rest", "protocol"] == 4
        assert samples["ioam_tag_untagged_packets_total", "rest", "ipv4"] == 0
        time.sleep(3.5)  # a look at the counts
        lines = [line for line in tags.stop() if "pass without a trace" in line]
    assert len(lines) == 3


def test_a_packet_with_a_trace_keeps_it(path: Path3, tmp_path: Path) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID), bytes.fromhex(OTHER_ID))
    lines = (
        "from joulepath.ioam.socket import traced\n"
        f'traced(sender, namespace=123, application="{OTHER_ID}")\n'
        'sender.connect(("fd02::3"'
    )
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}protocol: udp}}\n") as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT.replace('sender.connect(("fd02::3"', lines), 5000, 10, 500, 0)
        samples = tags.scrape()
    assert samples["ioam_tag_packets_total", "camera"] == 0
    assert samples["ioam_tag_untagged_packets_total", "camera", "hop_by_hop"] == 11
    until(lambda: counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", OTHER_ID] == 11)


def routes(path: Path3) -> str:
    return path.robot.run("ip -6 route show table all")


def test_routes_are_lowered_and_put_back(path: Path3, tmp_path: Path) -> None:
    before = routes(path)
    config = f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n'
    with tagger(path, tmp_path, config) as tags:
        assert "fd02::/64 via fd01::2 dev wlan0 proto 106 metric 1023 mtu 1420" in routes(path)
        assert "1420" in path.robot.run("ip -6 route get fd02::3")
        assert tags.scrape()["ioam_tag_route_mtu_bytes", "fd02::/64", "wlan0"] == 1420
        # Routes that come later are followed.
        path.robot.run("ip -6 route add fd02::/96 via fd01::2 mtu 1400")
        until(lambda: "fd02::/96 via fd01::2 dev wlan0 proto 106 metric 1023 mtu 1320" in routes(path))
        path.robot.run("ip -6 route del fd02::/96 via fd01::2 mtu 1400 metric 1024")
        until(lambda: "fd02::/96" not in routes(path))
    assert routes(path) == before
    killed = tagger(path, tmp_path, config)
    killed.kill()
    assert "proto 106" in routes(path)
    path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
    with tagger(path, tmp_path, config.replace("fd02::/64", "fd02::3/128")) as tags:
        assert "fd02::/64 via fd01::2 dev wlan0 proto 106" not in routes(path)
        assert "fd02::3 via fd01::2 dev wlan0 proto 106 metric 1024 mtu 1420" in routes(path)
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 0
    assert routes(path) == before


def test_an_unreachable_destination_stays_unreachable(path: Path3, tmp_path: Path) -> None:
    path.robot.run("ip -6 route add default via fd01::2")
    path.robot.run("ip -6 route add unreachable fd09::/32")
    before = routes(path)
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd09:0:1::/64"}}\n'):
        assert routes(path) == before


def test_a_copy_sets_what_its_route_sets(path: Path3, tmp_path: Path) -> None:
    path.robot.run("ip -6 route replace fd02::/64 via fd01::2 hoplimit 10 initcwnd 20 congctl reno")
    before = routes(path)
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n'):
        settings = "mtu 1420 hoplimit 10 initcwnd 20 congctl reno"
        assert f"fd02::/64 via fd01::2 dev wlan0 proto 106 metric 1023 {settings}" in routes(path)
        time.sleep(3.5)  # a look at the routes
        assert routes(path).count("proto 106") == 1
    assert routes(path) == before


def test_routes_of_other_tables_are_lowered_too(path: Path3, tmp_path: Path) -> None:
    """As with a rule (ip -6 rule) or a VRF."""
    path.robot.run("ip -6 route del fd02::/64")
    path.robot.run("ip -6 route add default via fd01::2 table 10000")
    path.robot.run("ip -6 rule add pref 100 to fd02::/64 lookup 10000")
    before = routes(path)
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n') as tags:
        assert "fd02::/64 via fd01::2 dev wlan0 table 10000 proto 106 metric 1024 mtu 1420" in routes(path)
        path.transfer(TCP_SERVER, TCP_CLIENT, 7000, 1_000_000)
        samples = tags.scrape()
        assert samples["ioam_tag_route_mtu_bytes", "fd02::/64", "wlan0"] == 1420
        assert samples["ioam_tag_untagged_packets_total", "camera", "mtu"] == 0
    assert routes(path) == before


ADVERTISE = """
import socket, struct, sys
source, interface, preference = sys.argv[1], socket.if_nametoindex(sys.argv[2]), int(sys.argv[3])
router = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
router.bind((source, 0, 0, interface))
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, preference << 3, 1800, 0, 0)  # RFC 4191, section 2.2
router.sendto(advertisement, ("ff02::1", 0, 0, interface))
"""


def test_a_preferred_router_stays_so(path: Path3, tmp_path: Path) -> None:
    path.robot.link("wlan1", "fd03::1", path.upf, "n9", "fd03::3")
    path.robot.run("sysctl -qw net.ipv6.conf.wlan0.accept_ra=2 net.ipv6.conf.wlan1.accept_ra=2")
    path.upf.python(ADVERTISE, "fe80::2", "n3", "0")
    until(lambda: "default via fe80::2 dev wlan0 proto ra" in routes(path))
    path.upf.run("ip -6 address add fe80::9/64 dev n9 nodad")
    path.upf.python(ADVERTISE, "fe80::9", "n9", "1")
    until(lambda: "default via fe80::9 dev wlan1 proto ra" in routes(path))
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd09::/64"}}\n'):
        assert "via fe80::9 dev wlan1" in path.robot.run("ip -6 route get fd09::1")
    config = f'{CONFIG}{CAMERA}destination: "fd09::/64"}}\n'.replace("wlan0", "wlan1")
    with tagger(path, tmp_path, config):
        assert "fd09::/64 via fe80::9 dev wlan1 proto 106 metric 1024 mtu 1420" in routes(path)
        time.sleep(3.5)  # a look at the routes
        assert "via fe80::9 dev wlan1" in path.robot.run("ip -6 route get fd09::1")


def test_a_rule_that_passes_over_short_prefixes_still_does(path: Path3, tmp_path: Path) -> None:
    """As with WireGuard's wg-quick: all but local traffic takes another table, here one that lets nothing out."""
    path.robot.run("ip -6 route add default via fd01::2")
    path.robot.run("ip -6 route add unreachable default table 51820")
    path.robot.run("ip -6 rule add pref 100 lookup main suppress_prefixlength 0")
    path.robot.run("ip -6 rule add pref 101 lookup 51820")
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd05::/64"}}\n'):
        with pytest.raises(subprocess.CalledProcessError):
            path.robot.run("ip -6 route get fd05::1")
        assert "default via fd01::2 dev wlan0 proto 106 metric 1023 mtu 1420" in routes(path)


def test_a_killed_tagger_tags_no_more(path: Path3, tmp_path: Path) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    tags = tagger(path, tmp_path, f"{CONFIG}{CAMERA}protocol: udp}}\n")
    path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
    tags.kill()
    path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
    until(lambda: counter.scrape()["ioam_node_packets_total", "uplink", "3"] >= 22)
    assert counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", ID] == 11


# The filter that a killed tagger leaves behind before Linux 6.6.
LEFT = """
import socket
from joulepath.bpf import tc
from joulepath.tag.program import Program
tc.ClsactLink(Program().fd(ethernet=True), socket.if_nametoindex("wlan1"), "sent", tc.TAGGING)
tc.ClsactLink(Program().fd(ethernet=True), socket.if_nametoindex("wlan1"), "sent", tc.COUNTING)
"""


def test_the_filter_of_a_killed_tagger_is_removed_at_the_next_start(path: Path3, tmp_path: Path) -> None:
    path.robot.link("wlan1", "fd03::1", path.upf, "n9", "fd03::3")
    path.robot.python(LEFT)
    filters = path.robot.run("tc filter show dev wlan1 egress")
    assert "handle 0x6a6f" in filters
    assert "handle 0x6a70" in filters  # another program's, the counting's
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}protocol: udp}}\n"):
        filters = path.robot.run("tc filter show dev wlan1 egress")
    assert "handle 0x6a6f" not in filters
    assert "handle 0x6a70" in filters


def test_packets_that_are_too_large_pass_untagged(path: Path3, tmp_path: Path) -> None:
    """As by an application that pins its packets' size, or by a route that could not be lowered."""
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n') as tags:
        path.robot.run("ip -6 route del fd02::/64 proto 106")
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 1500 - 48, 0)
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 14000, 1400)
        samples = tags.scrape()
    assert samples["ioam_tag_untagged_packets_total", "camera", "mtu"] == 10 + 100
    assert samples["ioam_tag_packets_total", "camera"] == 2
    until(lambda: counter.scrape()["ioam_node_packets_total", "uplink", "3"] >= 112)


def test_lengths_that_ipv6_cannot_express_are_counted_untagged(path: Path3, tmp_path: Path) -> None:
    with tagger(path, tmp_path, f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n') as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 3, 65535 - 48, 1300)
        path.robot.run("ip link set wlan0 gso_max_size 131072 gro_max_size 131072")
        before = tags.scrape()
        segments, _ = path.transfer(TCP_SERVER, TCP_CLIENT, 7000, 5_000_000)  # BIG TCP: jumbograms until they are cut
        samples = tags.scrape()
    assert before["ioam_tag_untagged_packets_total", "camera", "too_long"] == 3 * 51
    assert before["ioam_tag_packets_total", "camera"] == 1
    jumbo = samples["ioam_tag_untagged_packets_total", "camera", "hop_by_hop"]
    assert jumbo > 0
    assert samples["ioam_tag_packets_total", "camera"] - 1 + jumbo == segments


def test_an_interface_that_returns_is_tagged_again(path: Path3, tmp_path: Path) -> None:
    with tagger(path, tmp_path, f"{CONFIG}{CAMERA}protocol: udp}}\n") as tags:
        path.robot.run("ip link delete wlan0")
        until(lambda: ("ioam_tag_interface_info", "tcx", "wlan0") not in tags.scrape())
        path.robot.link("wlan0", "fd01::1", path.upf, "n3", "fd01::2")
        path.robot.run("ip -6 route add fd02::/64 via fd01::2")
        until(lambda: ("ioam_tag_interface_info", "tcx", "wlan0") in tags.scrape())
        path.upf.run("sysctl -qw net.ipv6.conf.n3.ioam6_enabled=1")
        path.robot.reach("fd02::3")
        until(lambda: "proto 106" in routes(path))
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 10, 500, 0)
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == 11


@pytest.mark.parametrize(
    ("first", "wrapper", "message"),
    [
        ("ip link set wlan0 name wlan1", (), "wlan0: no such interface; `ip link` lists them"),
        (
            "ip link set wlan0 mtu 1300",
            (),
            (
                "route fd02::/64 dev wlan0: of 1300 octets the trace leaves 1220, and IPv6 needs 1280: raise the MTU "
                "to 1360, or give the trace room for fewer `nodes`"
            ),
        ),
        (
            "ip -6 route replace fd02::/64 nexthop via fd01::2 nexthop via fd01::4",
            (),
            (
                "route fd02::/64 dev wlan0: has several next hops, which no copy is made of: give it an MTU of 1420 "
                "yourself, and the configuration `path_mtu: 1500`"
            ),
        ),
        (
            "ip -6 route add fd02::/64 from fd01::/64 via fd01::2",
            (),
            (
                "route fd02::/64 dev wlan0: is for packets from fd01::/64 only, which no copy is made of: give "
                "it an MTU of 1420 yourself, and the configuration `path_mtu: 1500`"
            ),
        ),
        ("true", ("setpriv", "--bounding-set=-bpf,-sys_admin"), "CAP_BPF"),
        ("true", ("setpriv", "--bounding-set=-net_admin"), "CAP_NET_ADMIN"),
    ],
)
def test_an_impossible_configuration_is_one_line(
    path: Path3, tmp_path: Path, first: str, wrapper: tuple[str, ...], message: str
) -> None:
    if "name" in first:
        path.robot.run("ip link set wlan0 down")
    path.robot.run(first)
    before = routes(path)
    file = tmp_path / "tag.yaml"
    file.write_text(f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n')
    command = path.robot.command(*wrapper, sys.executable, "-m", "joulepath", "tag", "--config", str(file))
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("joulepath tag: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert routes(path) == before


def test_a_second_tagger_in_a_namespace_is_refused(path: Path3, tmp_path: Path) -> None:
    config = f'{CONFIG}{CAMERA}destination: "fd02::/64"}}\n'
    with tagger(path, tmp_path, config):
        words = [sys.executable, "-m", "joulepath", "tag", "--config", str(tmp_path / "tag.yaml"), "--once"]
        done = subprocess.run(path.robot.command(*words), capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 1
        assert "another `joulepath tag` runs in this network namespace" in done.stderr
        assert "proto 106" in routes(path)
    done = subprocess.run(path.robot.command(*words), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert 'ioam_tag_interface_info{hook="tcx",interface="wlan0"} 1.0' in done.stdout
    assert "proto 106" not in routes(path)


# A link of bare IP, such as a 5G modem's: what the application sends comes out of the TUN device.
TUN = """
import fcntl, os, socket, struct, subprocess, sys
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"wwan0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
for line in "ip -6 address add fd03::1/64 dev wwan0 nodad", "ip link set wwan0 up":
    subprocess.run(line.split(), check=True)
print("here", flush=True)
sys.stdin.readline()
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.sendto(b"hello", ("fd03::2", 5000))
while (packet := os.read(device, 2048))[40:41] != b"\\x11" and packet[6] != 17:
    pass
print(packet.hex(), flush=True)
sys.stdin.readline()
"""


def test_packets_on_a_link_of_bare_ip_are_tagged(path: Path3, tmp_path: Path) -> None:
    if not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("no /dev/net/tun")
    command = path.robot.command(sys.executable, "-c", TUN)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as modem:
        assert modem.stdin is not None
        assert modem.stdout is not None
        assert modem.stdout.readline() == "here\n"
        config = f'interfaces: [wwan0]\nnodes: 5\nflows:\n{CAMERA}destination: "fd03::/64"}}\n'
        with tagger(path, tmp_path, config) as tags:
            modem.stdin.write("\n")
            modem.stdin.flush()
            packet = bytes.fromhex(modem.stdout.readline())
            assert tags.scrape()["ioam_tag_packets_total", "camera"] == 1
        modem.communicate("\n", timeout=10)
    assert packet[6] == 0
    assert int.from_bytes(packet[4:6], "big") == HEADER + 8 + 5 == len(packet) - 40
    assert packet[40] == 17
    assert packet[40 + HEADER - 24] == packet[7] == 64
    assert bytes.fromhex(ID) in packet
    assert packet[-5:] == b"hello"


DETACH = """
import ctypes, socket
from joulepath.bpf import tcx
from joulepath.bpf.libbpf import library
(one,) = tcx.query(socket.if_nametoindex("wlan0"), 47).attached
assert library().bpf_link_detach(library().bpf_link_get_fd_by_id(one.link)) == 0
"""


def is_tagged_again(path: Path3, tags: Exporter) -> bool:
    """Whether ten more datagrams get their trace."""
    before = tags.scrape()["ioam_tag_packets_total", "camera"]
    path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 9, 100, 0)
    return tags.scrape()["ioam_tag_packets_total", "camera"] - before >= 10


def test_a_program_before_the_tagger_does_not_hide_packets_for_long(path: Path3, tmp_path: Path) -> None:
    """A program that ends the list (TCX_PASS) would have packets pass untagged and uncounted."""
    with tagger(path, tmp_path, CONFIG + CAMERA + 'destination: "fd02::/64"}\n') as tags:
        assert is_tagged_again(path, tags)
        with Foreign(path.robot, "wlan0", "tcx", "sent", str(PASS), "first"):
            until(lambda: is_tagged_again(path, tags))
            with Foreign(path.robot, "wlan0", "tcx", "received", str(PASS), "first"):
                path.upf.run("ip link set n6 mtu 1400")  # a message of its own must be read, too
                path.server.run("sysctl -qw net.ipv6.conf.eth0.mtu=1500")
                time.sleep(3)
                path.transfer(TCP_SERVER, TCP_CLIENT, 7000, 400_000)
                assert tags.scrape()["ioam_tag_narrow_paths", "packet_too_big"] == 1
        lines = [line for line in tags.stop() if "WARNING" in line and "program" in line]
    assert len(lines) == 2
    assert all("wlan0: another program came to run before the tagging; now the tagging runs first" in x for x in lines)


def test_tagging_that_someone_detached_is_attached_again(path: Path3, tmp_path: Path) -> None:
    with tagger(path, tmp_path, CONFIG + CAMERA + 'destination: "fd02::/64"}\n') as tags:
        path.robot.python(DETACH)
        until(lambda: is_tagged_again(path, tags))
        assert len([line for line in tags.stop() if "wlan0: someone detached the tagging" in line]) == 1
