# SPDX-License-Identifier: Apache-2.0
"""Real links of every kind, tunnels under segmentation, mirror ports; and two backends on the same packets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from joulepath_lab.network.chain import two_hosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter, samples
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.bench import TRACE_ID, ipv6, traced
from tests.exporters.ioam.encoder import export_data, hop_by_hop, option
from tests.exporters.ioam.table.test_tunnels import gtp

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

FLOW = b"\0\0\0\7"
NAMESPACES = f"""
namespaces: {{123: {{ids: ["{TRACE_ID.hex()}", "{FLOW.hex()}"]}}}}
hold_seconds: 0
"""

# Sends frames (hex, one a line) on an interface, as they are.
SEND_FRAMES = """
import socket, sys
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind((sys.argv[1], 0))
for line in sys.argv[2].split():
    sender.send(bytes.fromhex(line))
"""
# Writes IP packets (hex, one a line) into a tun device: the kernel receives them there.
SEND_TUN = """
import fcntl, os, struct, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
print("here", flush=True)
sys.stdin.readline()
for line in sys.argv[2].split():
    os.write(tun, bytes.fromhex(line))
sys.stdin.read()
"""
# One send of a payload (hex) that the kernel cuts into pieces.
SEND_SEGMENTS = """
import socket, sys
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.setsockopt(17, 103, int(sys.argv[2]))
sender.sendto(bytes.fromhex(sys.argv[1]), ("fd01::2", 2152))
"""
# Records what an interface receives into a pcap file of Ethernet, until its input ends.
RECORD = """
import socket, struct, sys, select
taken = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
taken.bind((sys.argv[1], 3))
print("here", flush=True)
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    while True:
        ready, _, _ = select.select([taken, sys.stdin], [], [])
        if taken not in ready:
            break
        frame, (_, _, kind, _, _) = taken.recvfrom(65535)
        if kind != 4:
            file.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
"""


class Pair:
    """a: va -- vb: b, quiet but for what a test sends."""

    def __init__(self, stack: ExitStack) -> None:
        self.a, self.b = stack.enter_context(two_hosts())
        self.a.reach("fd01::2")

    def send(self, *frames: bytes) -> None:
        self.a.python(SEND_FRAMES, "va", "\n".join(frame.hex() for frame in frames))


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack)


def exporter(namespace: NetworkNamespace, folder: Path, interfaces: str, backend: str = "packet") -> Exporter:
    file = folder / "ioam.yaml"
    file.write_text(f"nodes: [{{node_id: 4, interfaces: {interfaces}}}]{NAMESPACES}", encoding="utf-8")
    return Exporter(namespace, "--config", str(file), "--backend", backend)


PACKET = ipv6(traced())
KEY = ("uplink", "123", "4", TRACE_ID.hex())
MAC = "02:00:00:00:00:77"  # of neither end
TAGGED = bytes(Ether(dst=MAC) / Dot1Q(vlan=5, type=0x86DD)) + PACKET
DOUBLE = bytes(Ether(dst=MAC) / Dot1AD(vlan=5) / Dot1Q(vlan=6, type=0x86DD)) + PACKET
OLD = bytes(Ether(dst=MAC, type=0x9100)) + b"\0\5\x81\0" + bytes(Dot1Q(vlan=6, type=0x86DD)) + PACKET
PLAIN = bytes(Ether(dst=MAC, type=0x86DD)) + PACKET


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_vlan_tagged_frames_are_counted(pair: Pair, tmp_path: Path, backend: str) -> None:
    with exporter(pair.b, tmp_path, "{vb: uplink}", backend) as running:
        pair.send(TAGGED, TAGGED, DOUBLE, OLD, PLAIN)
        until(lambda: running.scrape().get(("ioam_trace_packets_total", *KEY)) == 5)
        series = running.scrape()
    assert series["ioam_trace_bytes_total", *KEY] == 5 * len(PACKET)
    assert series["ioam_capture_drops_total",] == 0


def test_packets_of_a_layer_3_device_are_counted(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("ip tuntap add mode tun name tun0")
    command = pair.b.command(sys.executable, "-c", SEND_TUN, "tun0", "\n".join([PACKET.hex()] * 3))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as device:
        assert device.stdin is not None
        assert device.stdout is not None
        assert device.stdout.readline() == "here\n"
        pair.b.run("ip link set tun0 up")
        with exporter(pair.b, tmp_path, "{tun0: uplink}") as running:
            device.stdin.write("\n")
            device.stdin.flush()
            until(lambda: running.scrape().get(("ioam_trace_packets_total", *KEY)) == 3)
            assert running.scrape()["ioam_trace_bytes_total", *KEY] == 3 * len(PACKET)
        device.stdin.close()


def test_each_piece_of_a_segmented_tunnel_counts_for_its_trace(pair: Pair, tmp_path: Path) -> None:
    mine, other = gtp(PACKET, 1), gtp(ipv6(traced(bytes(16))), 1, teid=9)
    pieces = [mine, other, mine, mine, other] * 6
    with exporter(pair.b, tmp_path, "{vb: uplink}") as running:
        pair.a.python(SEND_SEGMENTS, b"".join(pieces).hex(), str(len(mine)))
        until(lambda: running.scrape().get(("ioam_node_packets_total", "uplink", "4"), 0) >= 30)
        series = running.scrape()
    received = json.loads(pair.b.run("ip -j -s link show vb"))[0]["stats64"]["rx"]["packets"]
    assert received < 20, "the kernel passed no large packet: this tests nothing"
    assert series["ioam_trace_packets_total", *KEY] == 18
    assert series["ioam_trace_bytes_total", *KEY] == 18 * len(PACKET)
    assert series["ioam_trace_packets_total", "uplink", "123", "4", "other"] == 12
    assert series["ioam_node_bytes_total", "uplink", "4"] == 30 * len(PACKET)


def test_the_packets_of_a_mirror_port_count_by_direction(pair: Pair, tmp_path: Path) -> None:
    up, down = IPv6(src="fd60::1", dst="fd99::1"), IPv6(src="fd99::1", dst="fd60::1")
    frames = [bytes(Ether(dst=MAC) / packet / UDP() / Raw(bytes(100))) for packet in (up, up, down)]
    mirror = "{uplink: {sources: ['fd60::/32']}, downlink: {destinations: ['fd60::/32']}}"
    with exporter(pair.b, tmp_path, f"{{vb: {{mirror: {mirror}}}}}") as running:
        assert "promiscuity 1" in pair.b.run("ip -d link show vb")
        pair.send(*frames, PLAIN)
        until(lambda: running.scrape().get(("ioam_node_packets_total", "uplink", "4"), 0) >= 2)
        series = running.scrape()
    assert series["ioam_node_bytes_total", "uplink", "4"] == 2 * 148
    assert series["ioam_node_packets_total", "downlink", "4"] == 1
    assert series["ioam_trace_packets_total", "unknown", "123", "4", TRACE_ID.hex()] == 1
    assert "promiscuity 0" in pair.b.run("ip -d link show vb")


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_an_interface_and_a_capture_of_it_count_the_same(pair: Pair, tmp_path: Path, backend: str) -> None:
    recorded = tmp_path / "vb.pcap"
    exports = [
        ipv6(hop_by_hop(b"\1\0", option(export_data(123, {0: 7, 1: number}), 4, 0x11))) for number in (1, 2, 5, 4)
    ]
    damaged = bytearray(PACKET)
    damaged[50] ^= 0xF8
    outer = IPv6() / UDP(sport=2152, dport=2152)
    packets = [PACKET, ipv6(traced(bytes(16))), bytes(damaged), *exports, bytes(IPv6() / UDP() / Raw(b"1"))]
    packets += [bytes(outer / Raw(gtp(packet))) for packet in packets]
    frames = [bytes(Ether(dst=MAC, type=0x86DD)) + packet for packet in packets] + [TAGGED, DOUBLE]
    record = pair.b.command(sys.executable, "-c", RECORD, "vb", str(recorded))
    with (
        exporter(pair.b, tmp_path, "{vb: uplink}", backend) as running,
        subprocess.Popen(record, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as recorder,
    ):
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"here\n"
        # Of what came before it was there the recorder knows nothing.
        before = running.scrape()
        pair.send(*frames)
        until(lambda: running.scrape()["ioam_node_packets_total", "uplink", "4"] >= len(frames))
        recorder.communicate(timeout=20)
        live = running.scrape()
    command = [sys.executable, "-m", "joulepath", "ioam", "--once", "--config", str(tmp_path / "ioam.yaml")]
    done = subprocess.run([*command, "--pcap", str(recorded)], capture_output=True, text=True, timeout=30, check=True)
    from_file = samples(done.stdout)

    def counters(samples: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
        # A capture does not have the interface's own counters, and its seconds are those between its frames.
        names = {key for key in samples if key[0].startswith("ioam_") and "total" in key[0]}
        names = {key for key in names if "_unseen_" not in key[0] and "_seconds_" not in key[0]}
        return {key: samples[key] - before.get(key, 0) for key in names}

    ours = counters(live)
    theirs = {key: value for key, value in from_file.items() if key in live and "total" in key[0]}
    del theirs["ioam_node_measured_seconds_total", "4"]
    assert ours == theirs
    assert ours["ioam_trace_packets_total", *KEY] == 4
    missing = ("ioam_sequence_missing_packets_total", "uplink", "123", "4", FLOW.hex())
    if backend == "packet":
        assert ours[missing] == 2
    else:  # it says that it does not see them
        assert missing not in ours
        assert ("ioam_capture_limit_info", "ebpf", "sequence_number") in live
    assert ours["ioam_decode_errors_total", "node_length"] == 2


SERVE = """
import socket
listener = socket.create_server(("172.16.0.2", 7400))
print("here", flush=True)
taken, _ = listener.accept()
while taken.recv(1 << 20):
    pass
"""
PUSH = """
import socket
sender = socket.create_connection(("172.16.0.2", 7400))
sender.sendall(bytes(3_000_000))
sender.shutdown(socket.SHUT_WR)
sender.recv(1)
"""


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
@pytest.mark.parametrize(("local", "remote", "overhead"), [("10.9.0.1", "10.9.0.2", 50), ("fd01::1", "fd01::2", 70)])
def test_the_network_under_a_vxlan_carries_each_packet_and_its_headers(  # noqa: PLR0917  # two parameters too many
    pair: Pair, tmp_path: Path, backend: str, local: str, remote: str, overhead: int
) -> None:
    ends = ((pair.a, "va", local, remote, 1), (pair.b, "vb", remote, local, 2))
    for number, (end, device, own, other, last) in enumerate(ends):
        if "." in own:
            end.run(f"ip address add {own}/24 dev {device}")
        end.run(f"ip link add vx0 type vxlan id 9 local {own} remote {other} dstport 4789 dev {device}")
        end.run("ip link set vx0 addrgenmode none")
        end.run(f"ip link set vx0 address 02:00:00:00:09:0{last} up")
        end.run(f"ip address add 172.16.0.{last}/24 dev vx0")
        end.run(f"ip neighbour add 172.16.0.{2 - number} lladdr 02:00:00:00:09:0{2 - number} dev vx0")
    file = tmp_path / "ioam.yaml"
    file.write_text(
        "nodes: [{node_id: 3, interfaces: {vb: under}}, {node_id: 30, interfaces: {vx0: over}}]\n", encoding="utf-8"
    )
    with Exporter(pair.b, "--config", str(file), "--backend", backend) as running:
        with subprocess.Popen(pair.b.command(sys.executable, "-c", SERVE), stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"here\n"
            pair.a.python(PUSH)
        until(lambda: running.scrape()["ioam_node_bytes_total", "over", "30"] > 3_000_000)
        series = running.scrape()
    frames = json.loads(pair.b.run("ip -j -s link show vb"))[0]["stats64"]["rx"]["packets"]
    packets = series["ioam_node_packets_total", "over", "30"]
    assert frames < packets / 2, "the kernel passed no large packets: this tests nothing"
    assert series["ioam_node_packets_total", "under", "3"] == packets
    assert (
        series["ioam_node_bytes_total", "under", "3"]
        == series["ioam_node_bytes_total", "over", "30"] + overhead * packets
    )
