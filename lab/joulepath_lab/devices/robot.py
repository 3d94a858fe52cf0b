# SPDX-License-Identifier: Apache-2.0
"""The robot: sends every stream, stamps the TraceID into its packets and counts what it sent.

Where others tag its packets it knows nothing of IOAM, but for its count how long the header will be. Where the kernel
stamps, only the robot's own node data is in the header when it leaves; in `simulated` mode the robot also fills in what
the nodes on the way would have written.
"""

import argparse
import heapq
import random
import signal
import socket
import struct
import time
from dataclasses import replace
from pathlib import Path

from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES, hop_by_hop
from joulepath_lab.network import nodes
from joulepath_lab.network.wire import Connection, Datagrams, Wire
from joulepath_lab.scenarios import core, scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.streams import Stream
from joulepath_lab.truth.ledger import Ledger, Sent

HOP_LIMIT = 64
FRAME = struct.Struct("!IHH")  # frame number, packet number, packets in the frame
IPV6_HOPOPTS = 54  # include/uapi/linux/in6.h; the socket module has it, not on every build


def tagged_octets(stream: Stream) -> int:
    """The length of the header that `joulepath tag` gives a stream's packets, by its documentation."""
    return 40 + 8 * DEFAULT_TRANSIT_NODES if stream.trace_id else 0


def is_due(frame: int, every: int) -> bool:
    """Whether a frame is one of every so many; of 0 none is."""
    return bool(every) and frame % every == 0


def udp_socket(stream: Stream, scene: Scenario, origin: str, *, simulated: bool) -> tuple[socket.socket, int]:
    """A UDP socket that adds the stream's trace to its packets, and the length of their hop-by-hop header [octets]."""
    user, _ = scene.ends_of(stream)
    sender = socket.socket(socket.AF_INET6 if ":" in user else socket.AF_INET, socket.SOCK_DGRAM)
    if stream.trace_id is None or scene.tagging:
        return sender, tagged_octets(stream)
    path = scene.stamping if origin == "robot" else scene.stamping[::-1]
    filled = [(HOP_LIMIT - 1 - hop, nodes.IOAM_NODE_IDS[node]) for hop, node in enumerate(path)] if simulated else []
    header = hop_by_hop(
        nodes.IOAM_NAMESPACE,
        bytes.fromhex(stream.trace_id),
        nodes.IOAM_NODE_IDS[origin],
        HOP_LIMIT,
        len(path) + 1,
        filled,
    )
    sender.setsockopt(socket.IPPROTO_IPV6, IPV6_HOPOPTS, header)
    return sender, len(header)


def disguised(stream: Stream, other: Stream) -> Stream:
    """A stream under the other one's trace, if it has one of its own."""
    return replace(stream, trace_id=other.trace_id) if stream.trace_id else stream


class Camera:
    """One stream's sender: frames of varying size at a fixed rate."""

    def __init__(self, stream: Stream, ledger: Ledger, scene: Scenario, *, simulated: bool) -> None:
        self.stream = stream
        self._ledger = ledger
        self._random = random.Random(stream.name)
        self._wire = _wire(stream, scene, simulated=simulated)
        self._frame = 0
        self._sent = Sent(0, 0)

    def send_frame(self) -> None:
        """Sends one frame, unless the stream is paused, and books it."""
        stream = self.stream
        if self._ledger.is_paused(stream.name):
            return
        # An intra frame every second is larger than the predicted ones between.
        intra = self._frame % round(stream.frames_per_second) == 0
        packets = max(1, round(stream.packets_per_frame * (2 if intra else 1) * self._random.uniform(0.8, 1.2)))
        for number in range(packets):
            size = stream.payload if number < packets - 1 else self._random.randint(FRAME.size, stream.payload)
            self._wire.send(FRAME.pack(self._frame, number, packets).ljust(size, b"\0"))
        asks, detects = is_due(self._frame, stream.inference_every), is_due(self._frame, stream.detection_every)
        before = self._sent
        self._sent = Sent(
            *self._wire.sent(),
            requests=before.requests + asks,
            tokens=before.tokens + asks * stream.tokens,
            prompts=before.prompts + asks * stream.prompt,
            detections=before.detections + detects,
        )
        self._ledger.write(stream.name, self._sent)
        self._frame += 1
        # An answer that is not taken would come back as an ICMPv6 error, which is not booked.
        for _ in self._wire.messages():
            pass


def _wire(stream: Stream, scene: Scenario, *, simulated: bool) -> Wire:
    user, server = scene.ends_of(stream)
    to = (server, stream.port)
    if scene.tagging and stream.name in scene.tagging.tcp:
        return Connection(_connect(to), tagged_octets(stream))
    sender, header = udp_socket(stream, scene, "robot", simulated=simulated)
    sender.bind((user, stream.port))  # where the answers come in
    return Datagrams(sender, to, header)


def _connect(to: tuple[str, int], seconds: float = 20.0) -> socket.socket:
    """A connection to a server that may still be starting."""
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(to)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def main() -> None:
    """Sends until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--stream", help="send this one alone")
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--mutation", choices=core.MUTATIONS)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    scene = scenario.load(args.scenario)
    ledger = Ledger(args.ledger, scene.senders)
    now = time.monotonic()
    chosen = [stream for stream in scene.streams if args.stream in {None, stream.name}]
    if core.lies(args.mutation, "trace"):
        chosen = [disguised(stream, chosen[0]) for stream in chosen]
    cameras = [Camera(stream, ledger, scene, simulated=args.simulated) for stream in chosen]
    due = [(now, number, camera) for number, camera in enumerate(cameras)]
    heapq.heapify(due)
    while True:
        at, number, camera = due[0]
        time.sleep(max(0.0, at - time.monotonic()))
        camera.send_frame()
        heapq.heapreplace(due, (at + 1 / camera.stream.frames_per_second, number, camera))


if __name__ == "__main__":
    main()
