# SPDX-License-Identifier: Apache-2.0
"""Costs of `joulepath ioam` and `joulepath tag` on a forwarding path: the same traffic with each off and on. For root.

    python -m benchmarks.ioam_forwarding

Robot, UPF and server are network namespaces on veth pairs. The UPF counts both directions of one interface with the
ebpf backend; the tagger stands at the robot's. Segmentation offload is off for UDP, so that every packet passes by
itself. Off, on and off again take turns; the second column of ratios is off against off, which is the noise.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from joulepath.ioam.wire.encode import hop_by_hop
from joulepath_lab.network.chain import ThreeHosts
from joulepath_lab.run.exporter import Exporter

ROUNDS = 9
SECONDS = 0.6
TRACE_ID = bytes(range(16))
IOAM = f"""
nodes: [{{node_id: 2, interfaces: {{n3: {{received: uplink, sent: downlink}}}}}}]
namespaces: {{123: {{ids: ["{TRACE_ID.hex()}"]}}}}
"""
TAG = f"""
interfaces: [wlan0]
flows: {{all: {{ioam_namespace: 123, id: "{TRACE_ID.hex()}", destination: "fd02::/64"}}}}
"""

TCP = """
import socket, sys, time
sender = socket.create_connection(("fd02::3", 7000))
data, begin = bytes(1 << 18), time.monotonic()
while time.monotonic() < begin + float(sys.argv[1]):
    sender.send(data)
print(time.monotonic() - begin)
"""
# Many datagrams a call, which the kernel parts before the link: Python's time is a small part.
UDP = """
import socket, sys, time
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
together = int(sys.argv[3])
if together > 1:
    sender.setsockopt(17, 103, 200)  # UDP_SEGMENT
if header := bytes.fromhex(sys.argv[2]):
    sender.setsockopt(socket.IPPROTO_IPV6, 54, header)  # IPV6_HOPOPTS
sender.connect(("fd02::3", 5000))
data, begin = bytes(together * 200), time.monotonic()
while time.monotonic() < begin + float(sys.argv[1]):
    sender.send(data)
print(time.monotonic() - begin)
"""
SINK = """
import socket, threading
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", 5000))  # its queue overflows, which costs nothing
tcp = socket.create_server(("::", 7000), family=socket.AF_INET6)
print("here", flush=True)
def take(taken):
    while taken.recv(1 << 20):
        pass
while True:
    threading.Thread(target=take, args=(tcp.accept()[0],), daemon=True).start()
"""


@dataclass(frozen=True)
class Traffic:
    """The robot's packets: `segments` a packet of the link may hold."""

    script: str
    unit: str
    header: bytes = b""
    segments: int = 1
    together: int = 32
    """Datagrams that the program hands to the kernel at once."""


TRACED = hop_by_hop(123, TRACE_ID, 1, 64, 3)
COUNTED = {
    "TCP": Traffic(TCP, "GB/s", segments=65535),
    "UDP, 200 octets": Traffic(UDP, "packets/s"),
    "UDP, 200 octets, traced": Traffic(UDP, "packets/s", TRACED),
    "UDP, 200 octets, one a call": Traffic(UDP, "packets/s", together=1),
    "UDP, traced, one a call": Traffic(UDP, "packets/s", TRACED, together=1),
}
# The tagger sees what one call hands over before the kernel parts it, and parts nothing itself.
TAGGED = {name: COUNTED[name] for name in ("TCP", "UDP, 200 octets, one a call")}


class Network(ThreeHosts):
    """The path, with a server that takes all in."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack, stamping=False)
        command = self.server.command(sys.executable, "-c", SINK)
        sink = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(sink.kill)
        if sink.stdout is None or sink.stdout.readline() != b"here\n":
            raise RuntimeError("the server did not start")

    def rate(self, traffic: Traffic) -> float:
        """Packets or octets per second that the server's interface received."""
        for space, interface in ((self.robot, "wlan0"), (self.upf, "n6")):
            space.run(f"ip link set {interface} gso_max_segs {traffic.segments}")
        before = self._received()
        seconds = float(self.robot.python(traffic.script, str(SECONDS), traffic.header.hex(), str(traffic.together)))
        time.sleep(0.05)  # the last ones are on the way
        octets, packets = (after - then for after, then in zip(self._received(), before, strict=True))
        return (packets if traffic.unit == "packets/s" else octets) / seconds

    def _received(self) -> tuple[int, int]:
        """Octets and packets."""
        words = self.server.run("cat /proc/net/dev").partition("eth0:")[2].split()
        return int(words[0]), int(words[1])


def compare(network: Network, program: str, config: str, port: int, kinds: dict[str, Traffic]) -> None:
    """Prints one line a kind of traffic."""
    space = network.robot if program == "tag" else network.upf
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(config, encoding="utf-8")
        for name, traffic in kinds.items():
            rates: dict[str, list[float]] = {"off": [], "on": [], "again": []}
            network.rate(traffic)  # warms up
            for _ in range(ROUNDS):
                for turn, measured in rates.items():
                    on = turn == "on"
                    with Exporter(space, "--config", str(path), name=program, port=port) if on else nullcontext():
                        measured.append(network.rate(traffic))
            pairs = list(zip(rates["off"], rates["on"], rates["again"], strict=True))
            ratio = statistics.median(on / ((off + again) / 2) for off, on, again in pairs)
            noise = [again / off for off, _, again in pairs]
            off = statistics.median(rates["off"]) / (1e9 if traffic.unit == "GB/s" else 1)
            print(
                f"{program:5} {name:28} {off:12,.2f} {traffic.unit:10} {ratio:7.3f}"
                f"   {statistics.median(noise):.3f} ({min(noise):.2f} to {max(noise):.2f})",
                flush=True,
            )


def main() -> None:
    """Prints the table."""
    print(f"{'':5} {'traffic':28} {'off':>12} {'':10} {'on/off':>7}   off/off")
    with ExitStack() as stack:
        network = Network(stack)
        time.sleep(0.2)
        compare(network, "ioam", IOAM, 10474, COUNTED)
        compare(network, "tag", TAG, 10477, TAGGED)


if __name__ == "__main__":
    main()
