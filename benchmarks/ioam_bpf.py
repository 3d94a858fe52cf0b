# SPDX-License-Identifier: Apache-2.0
"""The cost of counting a packet in the kernel (BPF_PROG_TEST_RUN, medians, ratios to an ARP frame), and a scrape.

`ratio` is that of the same frame again and again, as a flow's are unless nodes write the time into their headers; `new`
is that of headers which the program has not seen before, `telling` that of one which knows signalling by addresses and
ports. `flows` is the time of one with 100 flows divided by that without, at most 1.5 where there is no trace. Beside it
the time that scapy needs to dissect the same frame, and tshark where it is installed. Needs root.
"""

import gc
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from prometheus_client.exposition import generate_latest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from tests.exporters.ioam.encoder import SNAPSHOT, Node, export_data, hop_by_hop, option, trace_data
from tests.exporters.ioam.tshark import Tshark

from joulepath import exposition
from joulepath.bpf import testrun
from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.bpf.kernel import Kernel
from joulepath.ioam.collector import families
from joulepath.ioam.settings import Flow, Match, Namespace, Other, Point, Settings

ROUNDS, REPEAT = 15, 100_000
_INDEX = struct.Struct("=I")
TARGETS = {
    "IPv6 UDP": 1.4,
    "IPv6 UDP, tagged, 3 nodes": 3.5,
    "IPv6 UDP, tagged, 8 nodes": 4.0,
    "GTP-U over IPv4, tagged, 3 nodes": 5.5,
}
TRACE_ID = bytes(range(16))
SETTINGS = Settings(
    points=(Point("eth0", "received", 4, "uplink", path=True),), namespaces={123: Namespace(ids=frozenset({TRACE_ID}))}
)
SIGNALLING = Other((ip_network("fd00:ff::/32"), ip_network("192.168.100.0/24")), frozenset({22, 10474}))

# None fits the frames, and of all fields but a cgroup some flow asks.
FLOWS = tuple(
    Flow(
        f"flow-{number}",
        (
            Match(
                ue=(ip_network(f"10.{number}.0.0/16"), ip_network(f"fd00:{number:x}::/32")),
                protocol=(range(17, 18),),
                ports=(range(5000 + 7 * number, 5005 + 7 * number),),
                dscp=(range(46, 47),) if number % 2 else (),
                teid=(range(number, number + 5),) if number % 3 else (),
                qfi=(range(number % 64, 64),) if number % 5 == 0 else (),
                vlan=(range(1 + number, 100 + number),) if number % 7 == 0 else (),
            ),
        ),
    )
    for number in range(100)
)

IPV6_TYPE, IPV4_TYPE = b"\x86\xdd", b"\x08\x00"
USER = struct.pack("!HHHH", 40000, 5000, 72, 0) + bytes(64)


def ethernet(ether_type: bytes, packet: bytes) -> bytes:
    return bytes(12) + ether_type + packet


def ipv6(next_header: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + bytes(31) + b"\1" + payload


def ipv4(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + bytes(8) + payload


def tagged_frame(nodes: int, *, snapshot: bool = False, timestamps: bool = False) -> bytes:
    bits = [0, *([2, 3] if timestamps else []), *([SNAPSHOT] if snapshot else [])]
    hops = [
        Node({0: (64 - hop, hop + 1), 2: (1,), 3: (hop,)}, TRACE_ID if snapshot and not hop else None)
        for hop in range(nodes)
    ]
    return ipv6(0, hop_by_hop(b"\1\0", option(trace_data(123, bits, hops))) + USER)


def gtpu(packet: bytes) -> bytes:
    session = struct.pack("!BBHIHBBBBBB", 0x34, 255, len(packet) + 8, 0xA1, 0, 0, 0x85, 1, 0x10, 1, 0)
    return struct.pack("!HHHH", 2152, 2152, 8 + len(session) + len(packet), 0) + session + packet


FRAMES = {
    "ARP": ethernet(b"\x08\x06", bytes(46)),
    "IPv4 UDP": ethernet(IPV4_TYPE, ipv4(17, USER)),
    "IPv6 UDP": ethernet(IPV6_TYPE, ipv6(17, USER)),
    "IPv6 UDP, tagged, 3 nodes": ethernet(IPV6_TYPE, tagged_frame(3)),
    "IPv6 UDP, tagged, 8 nodes": ethernet(IPV6_TYPE, tagged_frame(8)),
    "IPv6 UDP, snapshot, 3 nodes": ethernet(IPV6_TYPE, tagged_frame(3, snapshot=True)),
    "IPv6 UDP, timestamps, 3 nodes": ethernet(IPV6_TYPE, tagged_frame(3, timestamps=True)),
    "IPv6 UDP, direct export": ethernet(
        IPV6_TYPE, ipv6(0, hop_by_hop(b"\1\0", option(export_data(123, {0: 42, 1: 7}), 4, 0x11)) + USER)
    ),
    "GTP-U over IPv4, untagged": ethernet(IPV4_TYPE, ipv4(17, gtpu(ipv6(17, USER)))),
    "GTP-U over IPv4, tagged, 3 nodes": ethernet(IPV4_TYPE, ipv4(17, gtpu(tagged_frame(3)))),
    "GTP-U over IPv6, tagged, 3 nodes": ethernet(IPV6_TYPE, ipv6(17, gtpu(tagged_frame(3)))),
}


def scapy_nanoseconds(frame: bytes, count: int = 200) -> float:
    begin = time.perf_counter_ns()
    for _ in range(count):
        Ether(frame)
    return (time.perf_counter_ns() - begin) / count


def tshark_nanoseconds(tshark: Tshark, frame: bytes, count: int = 20_000) -> float:
    """Per packet of a file, less the time of one packet."""

    def run(packets: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "frames.pcap")
            wrpcap(str(path), [Ether(frame)] * packets)
            begin = time.perf_counter_ns()
            tshark.read(path, "-V")
            return time.perf_counter_ns() - begin

    return (run(count) - run(1)) / (count - 1)


def table(row: Callable[[str], None] = print) -> dict[str, float]:
    """Prints the table, and returns the ratios."""
    kernel, telling = Kernel(SETTINGS), Kernel(replace(SETTINGS, other=SIGNALLING))
    flowing = Kernel(replace(SETTINGS, flows=FLOWS))
    header_cache = kernel._maps["header_cache"]
    # A header is decoded each time if another one has its entry.
    columns = {"ratio": (kernel, b"\0"), "new": (kernel, b"\xff"), "telling": (telling, b""), "flows": (flowing, b"")}
    durations_by_column: dict[str, dict[str, list[int]]] = {column: {name: [] for name in FRAMES} for column in columns}
    for _ in range(ROUNDS):
        for name, frame in FRAMES.items():  # in turn, so that a slow moment of the machine strikes all alike
            for column, (one, taken) in columns.items():
                if taken:
                    header_cache.update(_INDEX.pack(0), taken * header_cache.value_size)
                durations_by_column[column][name].append(
                    testrun.run(one.program(0, 14), frame, repeat=REPEAT).nanoseconds
                )
    kernel.close()
    telling.close()
    flowing.close()
    medians = {name: statistics.median(durations) for name, durations in durations_by_column["ratio"].items()}
    ratios, new, relative = (
        {name: statistics.median(durations) / medians["ARP"] for name, durations in durations_by_column[column].items()}
        for column in ("ratio", "new", "telling")
    )
    flows = {
        name: statistics.median(durations) / medians[name] for name, durations in durations_by_column["flows"].items()
    }
    try:
        tshark = Tshark()
    except FileNotFoundError as missing:
        row(str(missing))
        tshark = None
    row(
        f"{'frame':34}{'ns':>6}{'ratio':>7}{'at most':>9}{'new':>7}{'telling':>9}{'flows':>7}"
        f"{'scapy ns':>11}{'tshark ns':>11}"
    )
    for name, frame in FRAMES.items():
        target = f"{TARGETS[name]:.1f}" if name in TARGETS else ""
        line = f"{name:34}{medians[name]:6.0f}{ratios[name]:7.2f}{target:>9}{new[name]:7.2f}{relative[name]:9.2f}"
        line += f"{flows[name]:7.2f}{scapy_nanoseconds(frame):11.0f}"
        row(line + (f"{tshark_nanoseconds(tshark, frame):11.0f}" if tshark else f"{'absent':>11}"))
    return ratios


def misses(users: int = 800, rounds: int = 6) -> None:
    """Prints the least time of a packet with 100 flows, by whether the flow of its fields is remembered.

    Each packet is of another user and runs once, so both times are those of cold memory: only their ratio tells.
    """
    kernel, looked_up, remembered = Kernel(replace(SETTINGS, flows=FLOWS)), list[int](), list[int]()
    program = kernel.program(0, 14)
    frames = [
        ethernet(IPV4_TYPE, ipv4(17, USER)[:12] + bytes([10, *divmod(user, 256), 1]) + ipv4(17, USER)[16:])
        for user in range(users)
    ]
    for number in range(rounds):
        kernel.follow((*FLOWS[1:], replace(FLOWS[0], name=f"flow-{number % 2}-again")))  # all is forgotten
        for times in (looked_up, remembered):
            times += [testrun.run(program, frame).nanoseconds for frame in frames]
    kernel.close()
    ratio = min(looked_up) / min(remembered)
    print(f"\na flow that is looked up costs {ratio:.1f} times one that is remembered ({users} users)")


def scrape(ids: list[bytes], nodes: int) -> tuple[int, float]:
    """Series, and seconds of CPU of a scrape without gzip: kernel maps to text, every trace with news since the last.

    With `nodes`, every trace has a path of so many; its packets and octets are series, too.
    """
    settings = Settings(
        points=SETTINGS.points,
        namespaces={123: Namespace(ids=frozenset(ids))},
        path_nodes=frozenset(range(1, nodes + 1)) or None,
    )
    hops = [Node({0: (64 - hop, hop + 1)}) for hop in range(nodes)]
    source = EbpfSource(settings)
    source._kernel = kernel = Kernel(settings)
    program = kernel.program(0, 14)
    taken, series = [], 0
    for _ in range(7):
        for trace_id in ids:
            hops[:1] = [Node({0: (64, 1)} if nodes else {}, trace_id)]
            header = hop_by_hop(b"\1\0", option(trace_data(123, [0, SNAPSHOT] if nodes else [SNAPSHOT], hops)))
            testrun.run(program, ethernet(IPV6_TYPE, ipv6(0, header + USER)))
        gc.collect()
        before = time.process_time()
        text = exposition.encode(families(source._read()), generate_latest, openmetrics=False)
        taken.append(time.process_time() - before)
        series = sum(not line.startswith(b"#") for line in text.splitlines())
    kernel.close()
    return series, statistics.median(taken)


def scrapes() -> None:
    """Prints the table of scrapes."""
    print(f"\n{'scrape, CPU seconds':34}{'series':>7}{'text':>7}{'at most':>9}")
    for name, count, nodes in (("10,000 own traces", 10_000, 0), ("2,500 paths of 4 nodes", 2_500, 4)):
        series, seconds = scrape([number.to_bytes(16, "big") for number in range(1, count + 1)], nodes)
        print(f"{name:34}{series:7,}{seconds:7.3f}{0.35:9.2f}")


if __name__ == "__main__":
    table()
    misses()
    scrapes()
