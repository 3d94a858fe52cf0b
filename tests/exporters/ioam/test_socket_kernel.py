# SPDX-License-Identifier: Apache-2.0
"""Sockets that carry a trace, on a real kernel that stamps behind them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulepath_lab.run.waiting import until
from tests.exporters.tag.path import TCP_CLIENT, TCP_SERVER, UDP_CLIENT, UDP_SERVER, Path3

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

KEY = "0000a001"

# The three lines, inserted before a program connects.
LINES = """
from joulepath.ioam.socket import traced
traced(sender, namespace=123, application="0000a001", request=0x4bf92f3577b34da6a3ce929d0e0e4736)
"""
CONNECT = 'sender.connect(("fd02::3"'


@pytest.fixture
def path() -> Iterator[Path3]:
    with ExitStack() as stack:
        yield Path3(stack)


@pytest.mark.parametrize(
    ("programs", "arguments", "transport"),
    [
        ((UDP_SERVER, UDP_CLIENT), (5000, 300, 1200, 0), 8),
        ((UDP_SERVER, UDP_CLIENT), (5000, 20, 24000, 1200), 8),
        ((TCP_SERVER, TCP_CLIENT), (7000, 5_000_000), 32),
    ],
    ids=["udp", "udp-gso", "tcp"],
)
def test_packets_carry_the_id_and_the_kernel_stamps_behind_it(
    path: Path3, tmp_path: Path, programs: tuple[str, str], arguments: tuple[int, ...], transport: int
) -> None:
    counter = path.counter(tmp_path, path.server, "eth0", bytes.fromhex(KEY))
    server, client = programs
    packets, octets = path.transfer(server, client.replace(CONNECT, LINES + CONNECT), *arguments)
    if transport == 8:
        packets += 1  # the empty datagram that ends the transfer
    else:
        octets += 8  # the SYN's further options
    name = ("uplink", "123", "3", KEY)
    until(lambda: counter.scrape()["ioam_trace_packets_total", *name] >= packets)
    samples = counter.scrape()
    assert samples["ioam_trace_packets_total", *name] == packets
    assert samples["ioam_trace_bytes_total", *name] == octets + packets * (40 + 80 + transport)
    for node in "1", "2":
        assert samples["ioam_path_packets_total", "uplink", "123", node, KEY] == packets


ANSWER = """
import socket, sys
from joulepath.ioam.socket import traced, untraced
listener = socket.create_server(("::", 7000), family=socket.AF_INET6)
traced(listener, namespace=123, application="0000a001")
print("here", flush=True)
taken, _ = listener.accept()
taken.sendall(taken.recv(10))
traced(taken, namespace=123, application="0000a002")
taken.sendall(taken.recv(10))
untraced(taken)
taken.sendall(taken.recv(10))
taken.recv(1)
"""
ASK = """
import socket
sender = socket.create_connection(("fd02::3", 7000))
for word in b"first", b"next", b"last":
    sender.sendall(word)
    assert sender.recv(10) == word
"""


def test_a_listening_socket_and_a_changed_request_carry_their_ids(path: Path3, tmp_path: Path) -> None:
    first, then = bytes.fromhex("0000a001"), bytes.fromhex("0000a002")
    counter = path.counter(tmp_path, path.robot, "wlan0", first, then)
    command = path.server.command(sys.executable, "-c", ANSWER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "here\n"
        path.robot.python(ASK)
    samples = counter.scrape()
    for key in first, then:
        assert samples["ioam_trace_packets_total", "uplink", "123", "3", key.hex()] >= 1
    traced_packets = sum(value for name, value in samples.items() if name[0] == "ioam_trace_packets_total")
    assert samples["ioam_node_packets_total", "uplink", "3"] > traced_packets


def test_a_missing_capability_is_one_line(path: Path3) -> None:
    script = f"import socket\nsender = socket.socket(socket.AF_INET6)\n{LINES}"
    command = path.robot.command("setpriv", "--bounding-set=-net_raw", sys.executable, "-c", script)
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr.splitlines()[-1].startswith(
        "joulepath.errors.JoulepathError: IPV6_HOPOPTS: the kernel asks for the capability CAP_NET_RAW"
    )
