# SPDX-License-Identifier: Apache-2.0
"""Links that are narrower than the first one, and packets that a default trace has to fit: no connection breaks."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.tag.path import TCP_CLIENT, TCP_SERVER, UDP_CLIENT, UDP_SERVER, Path3

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
FLOW = f'interfaces: [wlan0]\nflows:\n  camera: {{ioam_namespace: 123, id: "{ID}", destination: "fd02::/64"'
CONFIG = f"{FLOW}}}\n"
HEADER = 48  # of the default at an MTU of 1500
OCTETS = 3_000_000
# No ICMPv6 message of the router's reaches the robot.
SILENCE = "ip -6 rule add pref 1 iif lo ipproto ipv6-icmp to fd01::1 blackhole"

# Datagrams of a size: whole or not at all (2, DO; 3, PROBE), or as the kernel likes (1, WANT). Ends with a small one.
SIZED_CLIENT = """
import contextlib, hashlib, json, socket, sys, time
count, size, mode = map(int, sys.argv[2:5])
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.setsockopt(41, 23, mode)  # IPV6_MTU_DISCOVER
sender.connect(("fd02::3", int(sys.argv[1])))
seen, refused = hashlib.sha256(), 0
for _ in range(3 if mode == 1 else 0):  # by these the kernel learns the MTU; some are lost
    with contextlib.suppress(OSError):  # the message is an error of the socket, too
        sender.send(bytes(size))
    time.sleep(0.2)
sender.send(b"begin")
for number in range(count):
    try:
        sender.send(bytes([number % 256]) * size)
    except OSError:
        refused += 1
    else:
        seen.update(bytes([number % 256]) * size)
    if number % 20 == 19:
        time.sleep(0.005)
time.sleep(0.1)
sender.send(b"")
print(json.dumps([seen.hexdigest(), count - refused, refused]))
"""
# Takes in what follows the sign.
SIZED_SERVER = UDP_SERVER.replace(
    "while data := receiver.recv(65536):\n    seen.update(data)",
    'while receiver.recv(65536) != b"begin":\n    pass\nwhile data := receiver.recv(65536):\n    seen.update(data)',
)
# A connection that goes on while the test does something: sends 1 MB for each line that it reads.
STEADY_CLIENT = """
import socket, sys
sender = socket.socket(socket.AF_INET6)
sender.settimeout(10)
sender.connect(("fd02::3", 7000))
for _ in sys.stdin:
    sender.sendall(bytes(1_000_000))
    sender.recv(1)  # all of it is there
    print("there", flush=True)
"""
STEADY_SERVER = """
import socket
listener = socket.create_server(("::", 7000), family=socket.AF_INET6)
print("here", flush=True)
taken, _ = listener.accept()
seen = 0
while data := taken.recv(1 << 20):
    seen += len(data)
    if seen % 1_000_000 == 0:
        taken.send(b"x")
"""


@pytest.fixture
def path(bpf: None) -> Iterator[Path3]:
    with ExitStack() as stack:
        yield Path3(stack)


def tagger(path: Path3, folder: Path, config: str = CONFIG) -> Exporter:
    (folder / "tag.yaml").write_text(config, encoding="utf-8")
    return Exporter(path.robot, "--config", str(folder / "tag.yaml"), name="tag", port=10477)


def narrow(path: Path3, mtu: int) -> None:
    path.upf.run(f"ip link set n6 mtu {mtu}")
    path.server.run(f"ip link set eth0 mtu {mtu}")


def sent_to_a_narrow_server(path: Path3, mtu: int) -> None:
    """The server's link says no less than 1500: the sender does not learn it from the server's MSS."""
    path.upf.run(f"ip link set n6 mtu {mtu}")


def untagged_packets(samples: dict[tuple[str, ...], float]) -> dict[str, float]:
    name = "ioam_tag_untagged_packets_total"
    return {key[2]: value for key, value in samples.items() if key[0] == name and value}


@pytest.mark.parametrize("mtu", [1490, 1400, 1330])
def test_a_routers_message_makes_room_for_the_trace(path: Path3, tmp_path: Path, mtu: int) -> None:
    sent_to_a_narrow_server(path, mtu)
    with tagger(path, tmp_path) as tags:
        for _ in range(2):
            before, start = tags.scrape(), time.monotonic()
            packets, _ = path.transfer(TCP_SERVER, TCP_CLIENT, 7000, OCTETS)
            assert time.monotonic() - start < 3
            samples = tags.scrape()
        # The first transfer told the sender: all of the second is tagged.
        assert f" mtu {mtu - HEADER} " in path.robot.run("ip -6 route get fd02::3")
        name = "ioam_tag_packets_total", "camera"
        assert samples[name] - before[name] == packets
        assert untagged_packets(samples) == untagged_packets(before)
        assert samples["ioam_tag_narrow_paths", "packet_too_big"] == 1
        assert samples["ioam_tag_flow_ready", "camera"] == 1


@pytest.mark.parametrize("mtu", [1327, 1280])
def test_packets_that_cannot_be_made_smaller_pass_untagged(path: Path3, tmp_path: Path, mtu: int) -> None:
    sent_to_a_narrow_server(path, mtu)
    with tagger(path, tmp_path) as tags:
        for _ in range(2):
            path.transfer(TCP_SERVER, TCP_CLIENT, 7000, OCTETS)
        samples = tags.scrape()
        assert untagged_packets(samples)["path_mtu"] > 2 * OCTETS / 1280
        assert samples["ioam_tag_flow_ready", "camera"] == 0
        time.sleep(3.5)  # a look at the counts
        lines = [line for line in tags.stop() if "path_mtu" in line or "narrower" in line or "carries" in line]
    assert len(lines) == 2
    assert "flow camera: packets pass without a trace, reason path_mtu" in lines[0]
    assert f"the path to fd02::3 carries packets of {mtu} octets at most, as a router says" in lines[1]


@pytest.mark.parametrize("mtu", [1490, 1400])
def test_a_silent_router_does_not_stop_a_transfer(path: Path3, tmp_path: Path, mtu: int) -> None:
    """TCP alone would go on, as the server asks for segments that fit; the trace makes them too large."""
    narrow(path, mtu)
    path.upf.run(SILENCE)
    with tagger(path, tmp_path) as tags:
        for _ in range(2):
            start = time.monotonic()
            path.transfer(TCP_SERVER, TCP_CLIENT, 7000, OCTETS)
            assert time.monotonic() - start < 6
        samples = tags.scrape()
        assert untagged_packets(samples)["path_mtu"] > OCTETS / 1400
        assert samples["ioam_tag_narrow_paths", "lost_packets"] == 1


def test_a_path_that_is_down_for_a_while_is_not_narrow(path: Path3, tmp_path: Path) -> None:
    """Of the attempts that are lost some are tagged and some are not: neither is at fault."""
    with tagger(path, tmp_path) as tags, ExitStack() as stack:
        begin, finish = path.steady(stack, STEADY_SERVER, STEADY_CLIENT)
        begin()
        finish()
        path.upf.run("ip -6 route add blackhole fd02::3/128")
        begin()
        time.sleep(1.8)  # timeouts after about 0.2, 0.6 and 1.4 seconds
        path.upf.run("ip -6 route del blackhole fd02::3/128")
        finish()
        time.sleep(0.1)
        lost = sum(untagged_packets(tags.scrape()).values())
        begin()
        finish()
        assert lost < 1_000_000 / 1452 / 2
        assert sum(untagged_packets(tags.scrape()).values()) == lost


def test_a_transfer_goes_on_when_its_path_becomes_narrow(path: Path3, tmp_path: Path) -> None:
    with tagger(path, tmp_path) as tags, ExitStack() as stack:
        begin, finish = path.steady(stack, STEADY_SERVER, STEADY_CLIENT)
        for mtu in (1500, 1400, 1300, 1280, 1500):
            sent_to_a_narrow_server(path, mtu)
            begin()
            finish()
        path.robot.run("ip -6 route add fd02::3 via fd01::2 mtu 1360")
        until(lambda: "fd02::3 via fd01::2 dev wlan0 proto 106" in path.robot.run("ip -6 route show"))
        begin()
        finish()
        assert tags.scrape()["ioam_tag_packets_total", "camera"] > 1_000_000 / 1400


@pytest.mark.parametrize(("size", "mode"), [(1400, 1), (1244, 2), (1200, 3), (1232, 3)])
def test_datagrams_pass_a_narrow_link_with_their_trace(path: Path3, tmp_path: Path, size: int, mode: int) -> None:
    """1292 octets are left to the sender."""
    narrow(path, 1340)
    with tagger(path, tmp_path) as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5000, 5, 1200, 0)
        path.transfer(SIZED_SERVER, SIZED_CLIENT, 5001, 200, size, mode)
        samples = tags.scrape()
    assert samples["ioam_tag_packets_total", "camera"] >= 200
    assert samples["ioam_tag_flow_ready", "camera"] == 1


def test_sockets_that_ignore_the_routes_mtu_pass_and_are_reported(path: Path3, tmp_path: Path) -> None:
    """As QUIC's, which probe for the MTU themselves: what is too large for the trace passes, and that is told."""
    with tagger(path, tmp_path) as tags:
        path.transfer(SIZED_SERVER, SIZED_CLIENT, 5000, 100, 1452, 3)
        samples = tags.scrape()
        assert untagged_packets(samples) == {"mtu": 100}
        assert samples["ioam_tag_flow_ready", "camera"] == 0
        path.transfer(SIZED_SERVER, SIZED_CLIENT, 5000, 200, 1452 - HEADER, 3)
        samples = tags.scrape()
        assert untagged_packets(samples) == {"mtu": 100}
        assert samples["ioam_tag_flow_ready", "camera"] == 1
        time.sleep(3.5)  # a look at the counts
        (line,) = [line for line in tags.stop() if "reason mtu" in line]
    assert "level=WARNING" in line
    assert "flow camera: packets pass without a trace, reason mtu: the packet would become larger" in line


def test_a_flow_may_drop_probes_that_are_too_large(path: Path3, tmp_path: Path) -> None:
    with tagger(path, tmp_path, f"{FLOW}, too_large: drop}}\n") as tags:
        sent, _ = path.transfer(
            SIZED_SERVER, SIZED_CLIENT.replace("seen.update", "0 and seen.update"), 5000, 9, 1452, 3
        )
        assert sent == 9
        assert untagged_packets(tags.scrape()) == {"mtu": 9}


def test_video_packets_are_tagged_without_fragments(path: Path3, tmp_path: Path) -> None:
    config = CONFIG.replace('destination: "fd02::/64"', "protocol: udp, destination_port: 5004")
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(ID))
    with tagger(path, tmp_path, config) as tags:
        packets, octets = path.transfer(UDP_SERVER, UDP_CLIENT, 5004, 100, 1400, 0)
        samples = tags.scrape()
    assert samples["ioam_tag_packets_total", "camera"] == packets + 1 == 101
    assert samples["ioam_tag_bytes_total", "camera"] == octets + 101 * (48 + HEADER)
    assert samples["ioam_tag_header_bytes",] == HEADER
    assert untagged_packets(samples) == {}
    until(lambda: counter.scrape()["ioam_trace_packets_total", "uplink", "123", "3", ID] == 101)


def test_video_without_room_for_its_nodes_is_cut_and_tagged(path: Path3, tmp_path: Path) -> None:
    """Each datagram is cut, and both of its fragments are tagged."""
    config = CONFIG.replace('destination: "fd02::/64"', "protocol: udp, destination_port: 5004")
    with tagger(path, tmp_path, f"nodes: 5\n{config}") as tags:
        path.transfer(UDP_SERVER, UDP_CLIENT, 5004, 100, 1400, 0)
        samples = tags.scrape()
        lines = [line for line in tags.stop() if "cut in two" in line]
    assert samples["ioam_tag_packets_total", "camera"] == 201
    assert untagged_packets(samples) == {}
    assert len(lines) == 1


def test_the_room_for_a_trace_follows_the_link_mtu_of_5g(path: Path3, tmp_path: Path) -> None:
    """1358 octets: 3GPP TS 23.501, annex J. The trace's room follows the interface."""
    path.robot.run("ip link set wlan0 mtu 1358")
    with tagger(path, tmp_path) as tags:
        assert tags.scrape()["ioam_tag_route_mtu_bytes", "fd02::/64", "wlan0"] == 1286
        packets, _ = path.transfer(TCP_SERVER, TCP_CLIENT, 7000, OCTETS)
        assert tags.scrape()["ioam_tag_packets_total", "camera"] == packets
        path.robot.run("ip link set wlan0 mtu 1500")
        until(lambda: tags.scrape()["ioam_tag_route_mtu_bytes", "fd02::/64", "wlan0"] == 1500 - HEADER)
        assert tags.scrape()["ioam_tag_header_bytes",] == HEADER
        path.transfer(TCP_SERVER, TCP_CLIENT, 7000, OCTETS)
        assert untagged_packets(tags.scrape()) == {}
