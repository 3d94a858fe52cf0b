# SPDX-License-Identifier: Apache-2.0
"""Steady traffic on real interfaces: packets by measured seconds are its rate, whatever happens to the capture."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from joulepath_lab.network.chain import two_hosts
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.bench import TRACE_ID, ipv6, traced

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

RATE = 1000
TOLERANCE = 0.02
# Sends RATE frames a second on an interface, also when that comes back. Frames that fail are not repeated.
STEADY = """
import os, socket, sys, time
os.nice(-15)  # steady on a busy machine, too
interface, frame, rate = sys.argv[1], bytes.fromhex(sys.argv[2]), float(sys.argv[3])
sender, sent, began = None, 0, time.monotonic()
print("here", flush=True)
while True:
    due = int((time.monotonic() - began) * rate)
    while sent < due:
        sent += 1
        try:
            if sender is None:
                sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                sender.bind((interface, 0))
            sender.send(frame)
        except OSError:
            sender, sent = None, due  # closing a packet socket takes the kernel milliseconds
    time.sleep(0.002)
"""
FRAME = bytes.fromhex("020000000077020000000078") + b"\x86\xdd" + ipv6(traced())  # to neither end
NODE, TRACE = ("ioam_node_packets_total", "uplink"), ("ioam_trace_packets_total", "uplink", "123")
SECONDS = "ioam_node_measured_seconds_total"

Found = dict[tuple[str, ...], float]


@pytest.fixture
def ends() -> Iterator[tuple[NetworkNamespace, NetworkNamespace]]:
    """a: va -- vb: b."""
    with two_hosts() as hosts:
        yield hosts


@contextmanager
def traffic(namespace: NetworkNamespace, interface: str, frame: bytes = FRAME, rate: float = RATE) -> Iterator[None]:
    """Steady, as long as it lasts."""
    command = namespace.command(sys.executable, "-c", STEADY, interface, frame.hex(), str(rate))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"here\n"
        time.sleep(0.2)
        try:
            yield
        finally:
            sender.kill()


def config(folder: Path, nodes: str = "{node_id: 4, interfaces: {vb: uplink}}") -> Path:
    file = folder / "ioam.yaml"
    file.write_text(
        f'nodes: [{nodes}]\nnamespaces: {{123: {{ids: ["{TRACE_ID.hex()}"]}}}}\nhold_seconds: 0\n', encoding="utf-8"
    )
    return file


def rates(after: Found, before: Found | None = None, node_id: str = "4") -> list[float]:
    """Packets by measured seconds of a node and of a trace, since an earlier scrape or since the start."""
    before = before or {}
    seconds = after[SECONDS, node_id] - before.get((SECONDS, node_id), 0.0)
    keys = ((*NODE, node_id), (*TRACE, node_id, TRACE_ID.hex()))
    return [(after[key] - before.get(key, 0.0)) / seconds for key in keys]


def steady(rate: float = RATE) -> object:
    """The expected value of `rates`."""
    return pytest.approx([rate, rate], rel=TOLERANCE)


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
@pytest.mark.parametrize("how", ["down", "removed"])
def test_a_late_interrupted_capture_gives_true_rates(
    ends: tuple[NetworkNamespace, NetworkNamespace], tmp_path: Path, backend: str, how: str
) -> None:
    a, b = ends
    captured = ("ioam_capture_info", backend, "vb")
    with traffic(a, "va"), Exporter(b, "--config", str(config(tmp_path)), "--backend", backend) as running:
        first = running.scrape()
        assert {(SECONDS, "4"), (*NODE, "4"), (*TRACE, "4", TRACE_ID.hex())} <= first.keys()
        time.sleep(4)
        whole = running.scrape()
        assert rates(whole) == steady()
        assert rates(whole, first) == steady()
        b.run("ip link set vb down" if how == "down" else "ip link delete vb")
        until(lambda: captured not in running.scrape())
        gone = running.scrape()
        time.sleep(2)
        still = running.scrape()
        assert still[SECONDS, "4"] == gone[SECONDS, "4"] >= whole[SECONDS, "4"]
        assert still[(*NODE, "4")] == gone[(*NODE, "4")]
        if how == "down":
            b.run("ip link set vb up")
        else:
            a.link("va", "fd01::1", b, "vb", "fd01::2")
        until(lambda: captured in running.scrape())
        time.sleep(4)
        last = running.scrape()
    assert last[SECONDS, "4"] > still[SECONDS, "4"] + 3
    for before in (None, first, whole, gone):
        assert rates(last, before) == steady()


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_rates_are_true_after_a_restart_and_a_reload(
    ends: tuple[NetworkNamespace, NetworkNamespace], tmp_path: Path, backend: str
) -> None:
    a, b = ends
    file = config(tmp_path)
    with traffic(a, "va"):
        with Exporter(b, "--config", str(file), "--backend", backend) as running:
            time.sleep(3)
            before = running.scrape()
            assert rates(before) == steady()
            config(tmp_path, "{node_id: 4, interfaces: {vb: uplink}}, {node_id: 5, interfaces: {lo: uplink}}")
            running.hang_up()
            until(lambda: (SECONDS, "5") in running.scrape())
            time.sleep(3)
            after = running.scrape()
            assert after[SECONDS, "4"] > before[SECONDS, "4"] + 3
            assert rates(after) == steady()
            assert rates(after, before) == steady()
            running.kill()
        with Exporter(b, "--config", str(file), "--backend", backend) as again:
            first = again.scrape()
            assert first[SECONDS, "4"] < before[SECONDS, "4"]
            time.sleep(3)
            last = again.scrape()
    assert rates(last) == steady()
    assert rates(last, first) == steady()


@pytest.mark.parametrize("backend", ["packet", "ebpf"])
def test_a_node_with_two_interfaces_is_measured_while_both_are_captured(
    ends: tuple[NetworkNamespace, NetworkNamespace], tmp_path: Path, backend: str
) -> None:
    a, b = ends
    a.link("vc", "fd02::1", b, "vd", "fd02::2")
    nodes = "{node_id: 4, interfaces: {vb: uplink, vd: uplink}}, {node_id: 5, interfaces: {lo: uplink}}"
    with (
        traffic(a, "va"),
        traffic(a, "vc"),
        Exporter(b, "--config", str(config(tmp_path, nodes)), "--backend", backend) as running,
    ):
        time.sleep(4)
        whole = running.scrape()
        assert rates(whole) == steady(2 * RATE)
        b.run("ip link set vd down")
        until(lambda: ("ioam_capture_info", backend, "vd") not in running.scrape())
        gone = running.scrape()
        time.sleep(1)
        still = running.scrape()
        assert still[SECONDS, "4"] == gone[SECONDS, "4"]
        assert still[SECONDS, "5"] > gone[SECONDS, "5"]
        assert still[(*NODE, "4")] > gone[(*NODE, "4")]
        b.run("ip link set vd up")
        until(lambda: running.scrape()[SECONDS, "4"] > still[SECONDS, "4"])
        back = running.scrape()
        time.sleep(3)
        assert rates(running.scrape(), back) == steady(2 * RATE)


def test_waiting_packets_do_not_change_the_rates_of_a_scrape(
    ends: tuple[NetworkNamespace, NetworkNamespace], tmp_path: Path
) -> None:
    """The process has no turn for three seconds: the answer to a scrape from that time is as right as any other."""
    a, b = ends
    rate = 5000
    with (
        traffic(a, "va", rate=rate),
        Exporter(b, "--config", str(config(tmp_path)), "--backend", "packet") as running,
        ThreadPoolExecutor() as pool,
    ):
        time.sleep(2)
        os.kill(running.pid, signal.SIGSTOP)
        asked = pool.submit(running.scrape)
        time.sleep(3)
        os.kill(running.pid, signal.SIGCONT)
        samples = asked.result()
        assert rates(samples) == steady(rate)
        time.sleep(2)
        last = running.scrape()
    assert last["ioam_capture_drops_total",] == 0
    assert rates(last, samples) == steady(rate)


def test_packets_that_the_memory_had_no_room_for_take_their_time_with_them(
    ends: tuple[NetworkNamespace, NetworkNamespace], tmp_path: Path
) -> None:
    a, b = ends
    rate, large = 6000, FRAME[:14] + ipv6(traced() + bytes(1300))
    with (
        traffic(a, "va", large, rate),
        Exporter(b, "--config", str(config(tmp_path)), "--backend", "packet") as running,
    ):
        time.sleep(2)
        os.kill(running.pid, signal.SIGSTOP)
        time.sleep(6)
        os.kill(running.pid, signal.SIGCONT)
        time.sleep(2)  # for what is left of them
        samples = running.scrape()
    dropped, counted = samples["ioam_capture_drops_total",], samples[(*NODE, "4")]
    assert dropped > counted / 10, "nothing was lost: this tests nothing"
    assert rates(samples) == steady(rate)
