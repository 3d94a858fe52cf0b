# SPDX-License-Identifier: Apache-2.0
"""The exporter as a process on real interfaces: a sender, a node that stamps in its kernel, a receiver."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter, samples
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.sending import (
    ARM,
    AT_UPF,
    CAMERA,
    ROOM_0,
    ROOM_2,
    SEND,
    STRANGER,
    UDP,
    Path3,
    header,
    settled,
    total,
)

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

AT_ROBOT = f"""
nodes: [{{node_id: 1, interfaces: {{wlan0: {{sent: uplink, received: downlink}}}}}}]
namespaces: {{123: {{ids: ["{CAMERA.hex()}"]}}}}
hold_seconds: 0
"""
AT_SERVER = f"""
nodes: [{{node_id: 3, interfaces: {{eth0: uplink}}}}]
namespaces: {{123: {{ids: ["{CAMERA.hex()}"]}}}}
path_nodes: [1, 2]
"""

# A TCP connection that carries SIZE octets; the sender says how many segments and octets it sent, again included.
TCP_SERVER = """
import socket
listener = socket.create_server(("::", 7000), family=socket.AF_INET6)
print("here", flush=True)
taken, _ = listener.accept()
while taken.recv(1 << 20):
    pass
"""
TCP_CLIENT = """
import json, socket, struct, sys
header = bytes.fromhex(sys.argv[1])
sender = socket.socket(socket.AF_INET6)
if header:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, header)
sender.connect(("fd02::3", 7000))
sender.sendall(bytes(5_000_000))
sender.shutdown(socket.SHUT_WR)
sender.recv(1)
info = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 240)  # include/uapi/linux/tcp.h
print(json.dumps([*struct.unpack_from("=I", info, 136), *struct.unpack_from("=Q", info, 200)]))
"""


def running(namespace: NetworkNamespace, folder: Path, config: str) -> Exporter:
    file = folder / f"{namespace.descriptor}.yaml"
    file.write_text(config, encoding="utf-8")
    return Exporter(namespace, "--config", str(file), "--backend", "packet")


def test_counts_agree_with_those_of_the_sender(path: Path3, tmp_path: Path) -> None:
    damaged = bytearray(header(CAMERA))
    damaged[10] ^= 0xF8  # NodeLen
    with (
        running(path.upf, tmp_path, AT_UPF) as upf,
        running(path.robot, tmp_path, AT_ROBOT) as robot,
        running(path.server, tmp_path, AT_SERVER) as server,
    ):
        path.send(header(CAMERA), 100, 1000)
        path.send(header(ARM), 50, 500)
        path.send(header(STRANGER), 30, 200)
        path.send(header(CAMERA, room=0), 7, 100)
        path.send(b"", 40, 300)
        path.send(header(CAMERA), 4, 30_000, segment=1000)
        path.send(b"", 4, 30_000, segment=999)
        path.send(bytes(damaged), 5, 100)
        path.send(b"", 10, 100, port=22)
        traced = 100 * (UDP + ROOM_2 + 1000) + 7 * (UDP + ROOM_0 + 100) + 120 * (UDP + ROOM_2 + 1000)
        arm, stranger = 50 * (UDP + ROOM_2 + 500), 30 * (UDP + ROOM_2 + 200)
        untraced = 40 * (UDP + 300) + 4 * (31 * UDP + 30_000) + 5 * (UDP + ROOM_2 + 100)
        packets = 100 + 50 + 30 + 7 + 40 + 120 + 124 + 5

        series = settled(upf, "ioam_node_packets_total", packets)
        camera = ("uplink", "123", "2", CAMERA.hex())
        assert series["ioam_node_packets_total", "uplink", "2"] == packets
        assert series["ioam_node_bytes_total", "uplink", "2"] == traced + arm + stranger + untraced
        assert series["ioam_node_packets_total", "downlink", "2"] == 0
        assert series["ioam_node_other_packets_total", "uplink", "2"] >= 10
        assert series["ioam_trace_packets_total", *camera] == 227
        assert series["ioam_trace_bytes_total", *camera] == traced
        assert series["ioam_trace_packets_total", "uplink", "123", "2", ARM.hex()] == 50
        assert series["ioam_trace_bytes_total", "uplink", "123", "2", ARM.hex()] == arm
        assert series["ioam_trace_packets_total", "uplink", "123", "2", "other"] == 30
        assert series["ioam_trace_bytes_total", "uplink", "123", "2", "other"] == stranger
        assert series["ioam_decode_errors_total", "node_length"] == total(series, "ioam_decode_errors_total") == 5
        assert series["ioam_overflow_packets_total",] == 0
        assert series["ioam_capture_drops_total",] == 0
        # Before its own kernel stamps them, packets have been at the robot only.
        assert series["ioam_path_packets_total", "uplink", "123", "1", CAMERA.hex()] == 227

        series = robot.scrape()
        assert series["ioam_node_packets_total", "uplink", "1"] == packets + 10
        assert series["ioam_node_bytes_total", "uplink", "1"] == traced + arm + stranger + untraced + 10 * (UDP + 100)
        assert series["ioam_trace_bytes_total", "uplink", "123", "1", CAMERA.hex()] == traced

        # The kernel on the way drops what it cannot stamp for a contradiction, and marks what has no room.
        series = settled(server, "ioam_node_packets_total", packets - 5 + 10)
        assert series["ioam_trace_bytes_total", "uplink", "123", "3", CAMERA.hex()] == traced
        assert series["ioam_path_packets_total", "uplink", "123", "2", CAMERA.hex()] == 220
        assert series["ioam_path_packets_total", "uplink", "123", "1", CAMERA.hex()] == 227
        assert series["ioam_overflow_packets_total",] == 7
        assert total(series, "ioam_decode_errors_total") == 0


@pytest.mark.parametrize("room", [None, 2])
def test_tcp_with_segmentation_offload_counts_as_on_the_wire(path: Path3, tmp_path: Path, room: int | None) -> None:
    sent = header(CAMERA, room) if room is not None else b""
    with running(path.upf, tmp_path, AT_UPF) as upf:
        server = path.server.command(sys.executable, "-c", TCP_SERVER)
        with subprocess.Popen(server, stdout=subprocess.PIPE) as receiver:
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == b"here\n"
            segments, octets = json.loads(path.robot.python(TCP_CLIENT, sent.hex()))
        # TCP's header has 32 octets with timestamps; the SYN's has 8 more, for its options.
        octets += segments * (40 + len(sent) + 32) + 8
        until(lambda: upf.scrape()["ioam_node_packets_total", "uplink", "2"] >= segments)
        series = upf.scrape()
    assert series["ioam_node_packets_total", "uplink", "2"] == segments
    assert series["ioam_node_bytes_total", "uplink", "2"] == octets
    assert series["ioam_trace_bytes_total", "uplink", "123", "2", CAMERA.hex()] == (octets if sent else 0)
    received = next(row for row in json.loads(path.upf.run("ip -j -s link show n3")))["stats64"]["rx"]["packets"]
    assert received < segments / 2, "the kernel passed no large packets: this tests nothing"


def captures(namespace: NetworkNamespace) -> bool:
    """Whether a packet socket is bound and running."""
    rows = [line.split() for line in namespace.run("cat /proc/net/packet").splitlines()[1:]]
    return any(row[5] == "1" for row in rows)


def test_once_prints_the_counts_of_its_capture(path: Path3) -> None:
    with subprocess.Popen(
        path.robot.command(sys.executable, "-c", SEND, header(CAMERA).hex(), "50", "1000", "0", "5000"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"here\n"
        command = [sys.executable, "-m", "joulepath", "ioam", "--interface", "n3", "--node-id", "2", "--once"]
        command += ["--backend", "packet"]
        with subprocess.Popen(path.upf.command(*command), stdout=subprocess.PIPE, text=True) as once:
            until(lambda: captures(path.upf))
            sender.communicate(b"\n")
            text, _ = once.communicate()
    series = samples(text)
    assert once.returncode == 0
    assert series["ioam_node_bytes_total", "received", "2"] == 50 * (UDP + ROOM_2 + 1000)
    assert series["ioam_trace_packets_total", "received", "123", "2", CAMERA.hex()] == 50
    assert series["ioam_capture_info", "packet", "n3"] == 1


def test_no_scrape_shows_more_of_a_trace_than_of_its_node(path: Path3, tmp_path: Path) -> None:
    with running(path.upf, tmp_path, AT_UPF) as upf:
        words = [header(CAMERA).hex(), "40000", "100", "0", "5000", "0.025"]  # two seconds
        command = path.robot.command(sys.executable, "-c", SEND, *words)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
            assert sender.stdin is not None
            sender.stdin.write(b"\n")
            sender.stdin.flush()
            moving = set()
            while sender.poll() is None:
                series = upf.scrape()
                node = series["ioam_node_packets_total", "uplink", "2"]
                assert total(series, "ioam_trace_packets_total", "uplink") == node
                assert total(series, "ioam_path_packets_total", "uplink") == node
                assert series["ioam_node_bytes_total", "uplink", "2"] == node * (UDP + ROOM_2 + 100)
                moving.add(node)
        assert len(moving) > 1, "no scrape fell into the traffic"
        until(lambda: _all(upf.scrape()) == 40000)


def _all(samples: dict[tuple[str, ...], float]) -> float:
    return samples["ioam_node_packets_total", "uplink", "2"] + samples["ioam_capture_drops_total",]


def test_packets_beyond_the_memory_are_drops_and_counting_goes_on(path: Path3, tmp_path: Path) -> None:
    sent = 40_000
    with running(path.robot, tmp_path, AT_ROBOT) as robot:
        os.kill(robot.pid, signal.SIGSTOP)
        path.send(header(CAMERA), sent, 1000)
        os.kill(robot.pid, signal.SIGCONT)
        until(lambda: _sent_packets(robot.scrape()) >= sent)
        series = robot.scrape()
        counted, dropped = series["ioam_node_packets_total", "uplink", "1"], series["ioam_capture_drops_total",]
        assert 10_000 < counted < sent
        assert 0 <= counted + dropped - sent < 5  # neighbour discovery may be among the dropped
        assert series["ioam_node_bytes_total", "uplink", "1"] == counted * (UDP + ROOM_2 + 1000)
        for turn in range(1, 4):  # past the end of the memory
            path.send(header(CAMERA), 15_000, 1000)
            series = settled(robot, "ioam_node_packets_total", counted + turn * 15_000)
        assert series["ioam_capture_drops_total",] == dropped


def _sent_packets(samples: dict[tuple[str, ...], float]) -> float:
    return samples["ioam_node_packets_total", "uplink", "1"] + samples["ioam_capture_drops_total",]


def test_an_interface_that_returns_is_counted_again(path: Path3, tmp_path: Path) -> None:
    with running(path.upf, tmp_path, AT_UPF) as upf:
        path.send(header(CAMERA), 10, 100)
        settled(upf, "ioam_node_packets_total", 10)
        path.robot.run("ip link delete wlan0")
        until(lambda: ("ioam_capture_info", "packet", "n3") not in upf.scrape())
        series = upf.scrape()
        assert series["ioam_capture_info", "packet", "n6"] == 1
        assert series["ioam_node_packets_total", "uplink", "2"] == 10
        path.robot.link("wlan0", "fd01::1", path.upf, "n3", "fd01::2")
        path.robot.run("ip -6 route add fd02::/64 via fd01::2")
        until(lambda: ("ioam_capture_info", "packet", "n3") in upf.scrape())
        path.send(header(CAMERA), 5, 100)
        settled(upf, "ioam_node_packets_total", 15)
        path.upf.run("ip link set n6 down")
        until(lambda: ("ioam_capture_info", "packet", "n6") not in upf.scrape())
        path.upf.run("ip link set n6 up")
        until(lambda: ("ioam_capture_info", "packet", "n6") in upf.scrape())
        lines = upf.stop()
    assert [line.partition("msg=")[2] for line in lines if "level=WARNING" in line] == [
        '"n3: Network is down; its counts stand still until it is back"',
        '"n6: Network is down; its counts stand still until it is back"',
    ]


def test_an_interface_that_is_down_at_the_start_is_waited_for(path: Path3, tmp_path: Path) -> None:
    path.upf.run("ip link set n3 down")
    with running(path.upf, tmp_path, AT_UPF) as upf:
        assert ("ioam_capture_info", "packet", "n3") not in upf.scrape()
        path.upf.run("ip link set n3 up")
        until(lambda: ("ioam_capture_info", "packet", "n3") in upf.scrape())


@pytest.mark.parametrize(
    ("interface", "first", "wrapper", "line"),
    [
        ("n4", "true", [], "n4: no such interface; `ip link` lists them"),
        ("n3", "ip link set n3 down", [], "no interface is up, or no packet in the capture: nothing could be counted"),
        (
            "n3",
            "true",
            ["setpriv", "--bounding-set=-net_raw"],
            "n3: capturing needs the capability CAP_NET_RAW (root, or AmbientCapabilities in systemd)",
        ),
    ],
)
def test_an_interface_that_cannot_be_captured_is_one_line(
    path: Path3, interface: str, first: str, wrapper: list[str], line: str
) -> None:
    path.upf.run(first)
    arguments = ["--interface", interface, "--node-id", "2", "--once", "--backend", "packet"]
    command = [*wrapper, sys.executable, "-m", "joulepath", "ioam", *arguments]
    done = subprocess.run(path.upf.command(*command), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == f"joulepath ioam: {line}"
    assert "Traceback" not in done.stderr
