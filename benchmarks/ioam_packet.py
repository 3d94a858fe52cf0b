# SPDX-License-Identifier: Apache-2.0
"""The cost of the `packet` backend per packet, and of a scrape of many traces or paths per scrape. Needs root.

    python -m benchmarks.ioam_packet

Packets are queued on a veth pair in a network namespace of its own and then drained by the backend's own code: CPU
time of the one thread. Scrapes are CPU time from the table to the text, for both formats, without gzip.
"""

import gc
import os
import socket
import statistics
import struct
import time
from collections.abc import Callable, Iterable

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from joulepath import exposition
from joulepath.ioam.backend.capture import Tap
from joulepath.ioam.backend.ring import RETIRE_SECONDS
from joulepath.ioam.backend.source import TrafficReading
from joulepath.ioam.collector import families
from joulepath.ioam.settings import Namespace, Other, Point, Settings
from joulepath.ioam.table.classify import Classifier
from joulepath.ioam.table.counters import Table
from joulepath.ioam.table.packets import PacketCounter
from joulepath.ioam.wire.decode import Options, Trace
from joulepath_lab.network.namespace import NetworkNamespace

ID = bytes(range(16))
POINT = Point("vb", "received", 4, "uplink", path=True)
BURST, ROUNDS = 20_000, 7
ETHERNET = b"\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd"
PAYLOAD = 1000


def traced(nodes: int, *, stamped: bool, number: int = 0) -> bytes:
    """A hop-by-hop header with a TraceID; `stamped` ones differ from packet to packet in their timestamps."""
    trace_type = 0xB00002 if stamped else 0x800002
    data = b""
    for node in range(nodes, 0, -1):
        times = struct.pack("!II", 1_700_000_000, number % 1_000_000) if stamped else b""
        schema = struct.pack("!I", 4 << 24 | 1) + ID if node == 1 else b"\0\xff\xff\xff"
        data += struct.pack("!I", 60 << 24 | node) + times + schema
    option = struct.pack("!HHI", 123, (3 if stamped else 1) << 11, trace_type << 8) + data
    body = b"\1\0" + struct.pack("!BBBB", 0x31, 2 + len(option), 0, 0) + option
    body += bytes(-(2 + len(body)) % 8)
    return struct.pack("!BB", 17, (2 + len(body)) // 8 - 1) + body


def frame(header: bytes, *, tunnel: bool = False) -> bytes:
    """An Ethernet frame with a UDP packet, in GTP-U over IPv6 if `tunnel`."""
    inner = _ipv6(header + struct.pack("!HHHH", 5000, 6000, 8 + PAYLOAD, 1) + bytes(PAYLOAD), 0 if header else 17)
    if tunnel:
        message = struct.pack("!BBHI", 0x34, 255, 8 + len(inner), 7) + b"\0\0\0\x85" + b"\1\0\x09\0" + inner
        inner = _ipv6(struct.pack("!HHHH", 2152, 2152, 8 + len(message), 1) + message, 17)
    return ETHERNET + inner


def _ipv6(payload: bytes, protocol: int) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


KINDS: dict[str, Callable[[int], bytes]] = {
    "untagged": lambda _: frame(b""),
    "3 nodes": lambda _: frame(traced(3, stamped=False)),
    "8 nodes": lambda _: frame(traced(8, stamped=False)),
    "3 nodes with timestamps": lambda number: frame(traced(3, stamped=True, number=number)),
    "8 nodes with timestamps": lambda number: frame(traced(8, stamped=True, number=number)),
    "GTP-U, untagged": lambda _: frame(b"", tunnel=True),
    "GTP-U, 3 nodes": lambda _: frame(traced(3, stamped=False), tunnel=True),
}


def settings(ids: Iterable[bytes], path_nodes: frozenset[int] | None = None) -> Settings:
    """One point, these traces."""
    return Settings(points=(POINT,), namespaces={123: Namespace(ids=frozenset(ids))}, path_nodes=path_nodes)


def measure_drain(kind: Callable[[int], bytes]) -> float:
    """Seconds of CPU per packet, the median of the rounds."""
    frames = [kind(number) for number in range(BURST)]
    results = []
    for _ in range(ROUNDS):
        table = Table(settings([ID]))
        node = table.node(4, "uplink")
        tap = Tap(POINT, node, PacketCounter(table, Classifier(Other(ports=frozenset({22})))))
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            sender.bind(("va", 0))
            for octets in frames:
                sender.send(octets)
        time.sleep(2 * RETIRE_SECONDS)
        before = time.thread_time()
        while tap.read():
            pass
        taken = time.thread_time() - before
        tap.close()
        if node.user.packets != BURST:
            raise RuntimeError(f"{node.user.packets} of {BURST} packets came: the receive buffer is too small")
        results.append(taken / BURST)
    return statistics.median(results)


def measure_scrape(table: Table) -> tuple[int, float, float]:
    """Series, and seconds of CPU of a scrape as text and as OpenMetrics."""
    series, results = 0, []
    for encode in (generate_latest, openmetrics):
        rounds = []
        for _ in range(5):
            gc.collect()
            before = time.process_time()
            reading = TrafficReading(table.snapshot(), 0, ())
            text = exposition.encode(families(reading), encode, openmetrics=encode is openmetrics)
            rounds.append(time.process_time() - before)
            series = sum(not line.startswith(b"#") for line in text.splitlines())
        results.append(statistics.median(rounds))
    return series, results[0], results[1]


def table(traces: int, nodes: tuple[int, ...]) -> Table:
    """A table in which every trace has been seen, with paths of these nodes."""
    ids = [os.urandom(16) for _ in range(traces)]
    counters = Table(settings(ids, frozenset(nodes) or None))
    for trace_id in ids:
        counters.count_trace(
            counters.node(4, "uplink"), Options((Trace(123, trace_id, nodes, overflow=False),), 44), 1, 1000, path=True
        )
    return counters


def main() -> None:
    """Prints the tables."""
    namespace = NetworkNamespace()
    namespace.join("va", namespace, "vb")
    with namespace.entered():
        report()


def report() -> None:
    """Measures where it stands."""
    print(f"{'packet, 1000 octets of payload':32} {'us':>6} {'packets/s':>10}")
    for name, kind in KINDS.items():
        seconds = measure_drain(kind)
        print(f"{name:32} {seconds * 1e6:6.2f} {1 / seconds:10,.0f}")
    print(f"\n{'scrape, CPU seconds':32} {'series':>7} {'text':>6} {'OpenMetrics':>12}")
    for name, counters in (("10,000 traces", table(10_000, ())), ("2,500 paths of 4 nodes", table(2500, (4, 3, 2, 1)))):
        series, text, second = measure_scrape(counters)
        print(f"{name:32} {series:7,} {text:6.3f} {second:12.3f}")


if __name__ == "__main__":
    main()
