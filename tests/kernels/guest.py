# SPDX-License-Identifier: Apache-2.0
"""The first process of a virtual machine: both programs on its kernel, by nothing but the standard library.

Prints a line for each thing that holds, and DONE.
"""

import platform
import random
import socket
import struct
import time
from contextlib import ExitStack
from ipaddress import IPv6Network

from joulepath.bpf import tc, testrun
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.settings import Namespace, Point, Settings
from joulepath.ioam.wire.encode import hop_by_hop as ours
from joulepath.tag.program import Program, State
from joulepath.tag.settings import Flow
from tests.exporters.ioam.encoder import SNAPSHOT, Node, export_data, hop_by_hop, option, trace_data
from tests.exporters.ioam.kernelbench import CAMERA, FORMS, Frame, KernelBench

DONE = "joulepath: all of it holds"
TAGGER_SINCE = (5, 12)  # bpf_check_mtu
_IPV6_HOPOPTS, _LOOPBACK = 54, 1
_DAMAGED = 300
_ETHERNET = bytes(12) + b"\x86\xdd"


def ipv6(next_header: int, payload: bytes) -> bytes:
    """A packet from :: to ::1."""
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + bytes(31) + b"\1" + payload


def frames() -> list[Frame]:
    """Of each kind some, each of them twice, and damaged ones."""
    user = struct.pack("!HHHH", 40000, 5000, 72, 0) + bytes(64)
    headers = [
        hop_by_hop(b"\1\0", option(trace_data(0, [0, SNAPSHOT], [Node({0: (64, 1)}, CAMERA), Node({0: (63, 2)})]))),
        hop_by_hop(b"\1\0", option(trace_data(1, [0], [Node({0: (64, number)}) for number in range(20)]))),
        hop_by_hop(b"\1\0", option(trace_data(2, [8, 2, 3], [Node({8: (64, 1 << 40)})] * 3))),
        hop_by_hop(option(export_data(3, {0: 42, 1: 7}), 4, 0x11)),
        hop_by_hop(
            *[b"\0"] * 6, option(trace_data(0, [0, 10], [Node({0: (9, 9)})] * 4)), option(trace_data(1, [0], []))
        ),
    ]
    packets = [ipv6(17, user), *(ipv6(0, header + user) for header in headers)]
    for packet in packets[1:3]:
        message = struct.pack("!BBHI", 0x30, 255, len(packet), 7) + packet
        packets.append(ipv6(17, struct.pack("!HHHH", 2152, 2152, 8 + len(message), 0) + message))
        packets.append(ipv6(41, packet))
    bridged = b"\x45\0" + bytes(10) + b"\x81\0\0\7\x86\xdd" + packets[1]
    session = struct.pack("!BBHI", 0x30, 255, len(bridged), 7) + bridged
    packets.append(ipv6(17, struct.pack("!HHHH", 2152, 2152, 8 + len(session), 0) + session))
    sent = [Frame(bytes(12) + b"\x86\xdd" + packet) for packet in packets]
    sent += [Frame(bytes(12) + kind + bytes(60)) for kind in (b"\x88\x47", b"\x88\x64", b"\x86\xdd")]
    carried = ipv6(6, bytes(12) + b"\x50" + bytes(1007))
    overlay = b"\x08\0\0\0\0\0\7\0" + bytes(12) + b"\x86\xdd" + carried
    under = struct.pack("!HHHH", 40000, 4789, 8 + len(overlay), 0) + overlay
    sent.append(Frame(bytes(12) + b"\x86\xdd" + ipv6(17, under), segment=300))
    sent.append(Frame(bytes(12) + b"\x81\0\0\7\x86\xdd" + packets[1]))
    sent.append(Frame(bytes(12) + b"\x86\xdd" + ipv6(0, headers[0] + user[:8] + bytes(1000)), segment=200))
    choice = random.Random(1)
    damaged = []
    for _ in range(_DAMAGED):
        octets = bytearray(choice.choice(sent).octets)
        for _ in range(choice.randint(1, 3)):
            octets[choice.randrange(14, len(octets))] = choice.randrange(256)
        damaged.append(Frame(bytes(octets)))
    return sent * 2 + damaged


def send(header: bytes = b"") -> None:
    """A datagram over the loopback interface."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        if header:
            sender.setsockopt(socket.IPPROTO_IPV6, _IPV6_HOPOPTS, header)
        sender.sendto(b"x", ("::1", 5000))
    time.sleep(0.1)


def on_an_interface() -> None:
    """Counts what is sent, with a header of the sender's and with one of the tagger's."""
    point = Point("lo", "received", 4, "uplink", path=True)
    with ExitStack() as stack:
        kernel = Kernel(Settings(points=(point,), namespaces={123: Namespace(ids=frozenset({CAMERA}))}))
        stack.callback(kernel.close)
        link = tc.attach(kernel.program(0, 14), _LOOPBACK, "received", tc.COUNTING)
        stack.callback(link.close)
        send(ours(123, CAMERA, node_id=1, hop_limit=64, transit_nodes=2))
        (trace,) = kernel.read().traces
        assert (trace[0].trace_id, trace[1]) == (CAMERA, 1), trace
        print(f"counts on an interface ({link.kind})", flush=True)
        if tuple(map(int, platform.release().split(".")[:2])) < TAGGER_SINCE:
            return
        tagger = Program()
        stack.callback(tagger.close)
        flow = Flow("one", 123, CAMERA, destination=IPv6Network("::1/128"))
        tagger.apply([flow], {"one": State(CAMERA, None)}, 1, 3)
        stack.callback(tc.attach(tagger.learning(ethernet=True), _LOOPBACK, "received", tc.LEARNING).close)
        stack.callback(tc.attach(tagger.fd(ethernet=True), _LOOPBACK, "sent", tc.TAGGING).close)
        send()
        (trace,) = kernel.read().traces
        assert (trace[0].trace_id, trace[1]) == (CAMERA, 1), trace
        assert tagger.counts()["one"].packets == 1
        print("tags", flush=True)
        learns(tagger)


def learns(tagger: Program) -> None:
    """The MTU of a path, by a router's message about a tagged packet."""
    user = struct.pack("!HHHH", 40000, 5000, 1308, 0) + bytes(1300)
    quoted = testrun.run(tagger.fd(ethernet=True), _ETHERNET + ipv6(17, user)).frame[14:]
    message = ipv6(58, struct.pack("!BBHI", 2, 0, 0, 1300) + quoted[:1200])
    testrun.run(tagger.learning(ethernet=True), _ETHERNET + message)  # to another than the quoted packet's sender
    assert tagger.paths() == {}
    message = message[:24] + quoted[8:24] + message[40:]
    testrun.run(tagger.learning(ethernet=True), _ETHERNET + message)
    assert [(path.mtu, path.from_router) for path in tagger.paths().values()] == [(1300, True)]
    assert testrun.run(tagger.fd(ethernet=True), _ETHERNET + ipv6(17, user)).frame == _ETHERNET + ipv6(17, user)
    assert tagger.counts()["one"].untagged["path_mtu"] == 1
    print("learns", flush=True)


def main() -> None:
    """Runs it all."""
    print(platform.release(), flush=True)
    for name, settings in FORMS.items():
        bench = KernelBench(settings)
        sent = frames()
        assert bench.count(sent) == bench.expected(sent), name
        bench.kernel.program(0, 0)  # of an interface without a link header
        bench.close()
        print(f"counts as Python does: {name}", flush=True)
    on_an_interface()
    print(DONE, flush=True)


if __name__ == "__main__":
    main()
