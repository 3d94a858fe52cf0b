# SPDX-License-Identifier: Apache-2.0
"""Traced and other datagrams over a path of three hosts, and the counts that come of them."""

import subprocess
import sys
import time
from contextlib import ExitStack

from joulepath.ioam.wire import encode
from joulepath_lab.network.chain import ThreeHosts
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until

CAMERA, ARM, STRANGER = bytes(range(16)), bytes(range(16, 32)), bytes(16)

AT_UPF = f"""
nodes: [{{node_id: 2, interfaces: {{n3: uplink, n6: downlink}}}}]
namespaces: {{123: {{ids: ["{CAMERA.hex()}", "{ARM.hex()}"]}}}}
other: {{ports: [22]}}
hold_seconds: 0
"""
UDP = 48  # octets of IPv6 and UDP headers
ROOM_2, ROOM_0 = 56, 40  # octets of the hop-by-hop header

# Sends COUNT datagrams of SIZE octets with a hop-by-hop header (hex, empty for none), by super-packets where SEGMENT.
SEND = """
import socket, sys, time
header, count, size, segment, port = bytes.fromhex(sys.argv[1]), *map(int, sys.argv[2:6])
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
if header:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, header)
if segment:
    sender.setsockopt(17, 103, segment)
sender.connect(("fd02::3", port))
print("here", flush=True)
sys.stdin.readline()
pause = float(sys.argv[6]) if len(sys.argv) > 6 else 0  # seconds, after each 500
for number in range(count):
    sender.send(bytes(size))
    if pause and number % 500 == 0:
        time.sleep(pause)
"""

# Takes every datagram in and keeps ICMPv6 quiet, until its input ends.
SINK = """
import socket, sys
sinks = []
for port in 5000, 22:
    sinks.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    sinks[-1].bind(("::", port))
print("here", flush=True)
sys.stdin.read()
"""


class Path3(ThreeHosts):
    """The path, with a sender and a server that takes all in."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        sink = self.server.command(sys.executable, "-c", SINK)
        self._sink = stack.enter_context(subprocess.Popen(sink, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert self._sink.stdout is not None
        assert self._sink.stdout.readline() == b"here\n"

    def send(self, header: bytes, count: int, size: int, segment: int = 0, port: int = 5000) -> None:
        """Traffic from the robot to the server."""
        self.robot.python(SEND, header.hex(), *map(str, (count, size, segment, port)))


def header(trace_id: bytes, room: int = 2) -> bytes:
    return encode.hop_by_hop(123, trace_id, node_id=1, hop_limit=64, transit_nodes=room)


def settled(exporter: Exporter, name: str, value: float) -> dict[tuple[str, ...], float]:
    """The scrape in which the sum over `name` has come to `value`, and a moment later still is."""
    until(lambda: total(exporter.scrape(), name) >= value)
    time.sleep(0.2)
    found = exporter.scrape()
    assert total(found, name) == value
    return found


def total(found: dict[tuple[str, ...], float], *key: str) -> float:
    return sum(value for name, value in found.items() if name[: len(key)] == key)
