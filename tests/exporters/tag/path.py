# SPDX-License-Identifier: Apache-2.0
"""A path of three hosts, of which the middle one stamps, and unmodified programs that send over it."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from joulepath_lab.network.chain import ThreeHosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter

# Programs that know nothing of IOAM. Each takes its connection's or its port's data and says its SHA-256.
TCP_SERVER = """
import hashlib, socket, sys
listener = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
print("here", flush=True)
taken, _ = listener.accept()
seen = hashlib.sha256()
while data := taken.recv(1 << 20):
    seen.update(data)
print(seen.hexdigest(), flush=True)
"""
UDP_SERVER = """
import hashlib, select, socket, sys
receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)
receiver.bind(("::", int(sys.argv[1])))
print("here", flush=True)
seen = hashlib.sha256()
while data := receiver.recv(65536):
    seen.update(data)
print(seen.hexdigest(), flush=True)
"""
# Prints what it sent: SHA-256, then segments and octets with those sent again (TCP), or datagrams and octets (UDP).
TCP_CLIENT = """
import hashlib, json, random, socket, struct, sys
data = random.Random(1).randbytes(int(sys.argv[2]))
sender = socket.socket(socket.AF_INET6)
sender.connect(("fd02::3", int(sys.argv[1])))
sender.sendall(data)
sender.shutdown(socket.SHUT_WR)
sender.recv(1)
info = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 240)  # include/uapi/linux/tcp.h
print(json.dumps([hashlib.sha256(data).hexdigest(), *struct.unpack_from("=I", info, 136),
                  *struct.unpack_from("=Q", info, 200)]))
"""
UDP_CLIENT = """
import hashlib, json, random, socket, sys, time
count, size, segment = map(int, sys.argv[2:5])
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
if segment:
    sender.setsockopt(17, 103, segment)  # UDP_SEGMENT
sender.connect(("fd02::3", int(sys.argv[1])))
seen, packets, octets = hashlib.sha256(), 0, 0
make = random.Random(2)
for number in range(count):
    data = make.randbytes(size)
    sender.send(data)
    seen.update(data)
    packets += -(-size // segment) if segment else 1
    octets += size
    if number % 50 == 49:
        time.sleep(0.005)
print(json.dumps([seen.hexdigest(), packets, octets]), flush=True)
time.sleep(0.1)
if segment:
    sender.setsockopt(17, 103, 0)
sender.send(b"")
"""


class Path3(ThreeHosts):
    """The path with programs on it."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self._stack = stack

    def counter(self, folder: Path, namespace: NetworkNamespace, interface: str, *ids: bytes) -> Exporter:
        """`joulepath ioam` on one interface; the other direction is not counted."""
        file = folder / f"ioam-{namespace.descriptor}.yaml"
        keys = ", ".join(f'"{name.hex()}"' for name in ids)
        key = f"key: {{prefix: {8 * len(ids[0])}}}, " if len(ids[0]) < 16 else ""
        file.write_text(
            f"nodes: [{{node_id: 3, interfaces: {{{interface}: uplink}}}}]\n"
            f"namespaces: {{123: {{{key}ids: [{keys}]}}}}\npath_nodes: [1, 2]\nhold_seconds: 0\n",
            encoding="utf-8",
        )
        return self._stack.enter_context(Exporter(namespace, "--config", str(file), "--backend", "packet"))

    def transfer(self, server: str, client: str, *arguments: object, wrapper: tuple[str, ...] = ()) -> tuple[int, int]:
        """Runs a pair of programs to the end and compares their data; packets and octets that the sender sent."""
        words = list(map(str, arguments))
        command = self.server.command(sys.executable, "-c", server, *words)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver, ExitStack() as stack:
            stack.callback(receiver.kill)  # or a failure would wait for it
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "here\n"
            sending = self.robot.command(*wrapper, sys.executable, "-c", client, *words)
            done = subprocess.run(sending, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            sent: list[Any] = json.loads(done.stdout)
            assert receiver.stdout.readline().strip() == sent[0], "the data changed on the way"
        return int(sent[1]), int(sent[2])

    def steady(self, stack: ExitStack, server: str, client: str) -> tuple[Callable[[], None], Callable[[], None]]:
        """Starts a pair of programs. The first call has the client send, the second one waits until that is there."""
        receiver = self._started(stack, self.server.command(sys.executable, "-c", server))
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "here\n"
        sender = self._started(stack, self.robot.command(sys.executable, "-c", client))

        def begin() -> None:
            assert sender.stdin is not None
            sender.stdin.write("\n")
            sender.stdin.flush()

        def finish() -> None:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "there\n", "the connection hangs"

        return begin, finish

    @staticmethod
    def _started(stack: ExitStack, command: list[str]) -> subprocess.Popen[str]:
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        return process
