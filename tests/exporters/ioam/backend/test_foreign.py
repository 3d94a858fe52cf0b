# SPDX-License-Identifier: Apache-2.0
"""Counting beside programs of others, which may take packets away or end the list of programs."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.foreign import DROP, NEXT, PASS, XDP_TX, Foreign
from tests.exporters.ioam.sending import CAMERA, Path3, header, settled

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]

BOTH_WAYS = """
nodes: [{node_id: 2, interfaces: {n3: up, n6: {sent: out}}}]
admit: any
hold_seconds: 0
"""
UP, OUT = ("ioam_node_packets_total", "up", "2"), ("ioam_node_packets_total", "out", "2")
THREE = ["setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all,+bpf,+net_admin,+perfmon"]
"""The rights that the unit has: a program's name needs another one."""
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "ioam.yaml"
    file.write_text(BOTH_WAYS, encoding="utf-8")
    return file


def exporter(path: Path3, config: Path, backend: str = "ebpf", wrapper: list[str] | None = None) -> Exporter:
    return Exporter(path.upf, "--config", str(config), "--backend", backend, wrapper=wrapper or [])


def rise(before: Samples, after: Samples, *key: str) -> float:
    return after[key] - before[key]


def unseen(samples: Samples, interface: str) -> float:
    return samples["ioam_interface_unseen_packets_total", interface]


def seen_packets(before: Samples, after: Samples, key: tuple[str, ...]) -> float:
    """Packets of one direction, of users and others."""
    return rise(before, after, *key) + rise(before, after, "ioam_node_other_packets_total", *key[1:])


def frames(path: Path3, interface: str, way: str) -> int:
    """The interface's own counter."""
    (link,) = json.loads(path.upf.run(f"ip -j -s link show {interface}"))
    return int(link["stats64"]["rx" if way == "received" else "tx"]["packets"])


def limits(samples: Samples) -> set[str]:
    return {key[2] for key in samples if key[0] == "ioam_capture_limit_info"}


@pytest.mark.parametrize("kind", ["tcx", "clsact"])
@pytest.mark.parametrize("value", [PASS, NEXT])
def test_a_foreign_program_attached_first_hides_nothing(path: Path3, config: Path, kind: str, value: int) -> None:
    with Foreign(path.upf, "n3", kind, "received", str(value)), Foreign(path.upf, "n6", kind, "sent", str(value)):  # noqa: SIM117
        with exporter(path, config) as upf:
            before = upf.scrape()
            path.send(b"", 44, 100)
            until(lambda: rise(before, upf.scrape(), *UP) >= 44)
            until(lambda: rise(before, upf.scrape(), *OUT) >= 44)
            samples = upf.scrape()
    assert (rise(before, samples, *UP), rise(before, samples, *OUT)) == (44, 44)
    assert unseen(samples, "n3") == unseen(samples, "n6") == 0
    assert "program_ahead" not in limits(samples)


def test_our_program_passes_packets_on_to_the_programs_behind_it(path: Path3, config: Path) -> None:
    with exporter(path, config) as upf, Foreign(path.upf, "n3", "tcx", "received", str(DROP)):
        before = upf.scrape()
        path.send(b"", 10, 100)
        until(lambda: rise(before, upf.scrape(), *UP) >= 10)
        assert rise(before, upf.scrape(), *OUT) == 0


@pytest.mark.parametrize(("interface", "way", "key"), [("n3", "received", UP), ("n6", "sent", OUT)])
def test_a_program_put_before_ours_is_followed_by_ours(
    path: Path3, config: Path, interface: str, way: str, key: tuple[str, ...]
) -> None:
    with exporter(path, config) as upf:
        sent = 0
        began = frames(path, interface, way)
        before = upf.scrape()
        while frames(path, interface, way) != began:
            began = frames(path, interface, way)
            before = upf.scrape()
        with Foreign(path.upf, interface, "tcx", way, str(PASS), "first"):

            def is_counted() -> bool:
                nonlocal sent
                samples = upf.scrape()
                path.send(b"", 40, 100)
                sent += 40
                return rise(samples, upf.scrape(), *key) >= 40

            until(is_counted)
            # Once it is quiet, the interface's own counter is the sum, neighbour discovery included.
            until(
                lambda: (
                    frames(path, interface, way) - began
                    == seen_packets(before, samples := upf.scrape(), key) + unseen(samples, interface)
                )
            )
            samples = upf.scrape()
            assert 0 < unseen(samples, interface) < sent
        samples = upf.scrape()
        path.send(b"", 40, 100)
        until(lambda: rise(samples, upf.scrape(), *key) == 40)
        lines = upf.stop()
    assert len([line for line in lines if f"{interface}: another program ends the list" in line]) == 1
    assert len([line for line in lines if f"{interface}: " in line and "were not counted" in line]) == 1


def test_without_the_right_to_read_program_names_nothing_is_missed(path: Path3, config: Path) -> None:
    """Behind all packets sent at first, so that no tagger is missed; before who ends the list as soon as that shows."""
    with Foreign(path.upf, "n6", "tcx", "sent", str(PASS)), exporter(path, config, wrapper=THREE) as upf:

        def is_counted() -> bool:
            samples = upf.scrape()
            path.send(b"", 40, 100)
            return rise(samples, upf.scrape(), *OUT) >= 40

        until(is_counted)


def test_a_program_that_passes_packets_on_may_stay_before_ours(path: Path3, config: Path) -> None:
    with exporter(path, config) as upf, Foreign(path.upf, "n3", "tcx", "received", str(NEXT), "first"):
        path.send(b"", 200, 100)
        settled(upf, UP[0], 400)
        assert "program_ahead" not in limits(upf.scrape())
        assert not [line for line in upf.stop() if "WARNING" in line]


DETACH = """
import ctypes, socket, struct
from joulepath.bpf import tcx
from joulepath.bpf.libbpf import library
(one,) = tcx.query(socket.if_nametoindex("n3"), 46).attached
fd = library().bpf_link_get_fd_by_id(one.link)
assert library().bpf_link_detach(fd) == 0
"""


def test_our_program_is_attached_again_when_it_was_detached(path: Path3, config: Path) -> None:
    with exporter(path, config) as upf:
        path.upf.python(DETACH)

        def is_counted() -> bool:
            samples = upf.scrape()
            path.send(b"", 5, 100)
            return rise(samples, upf.scrape(), *UP) >= 5

        until(is_counted)
        assert len([line for line in upf.stop() if "n3: someone detached" in line]) == 1


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
def test_a_user_plane_in_xdp_shows(path: Path3, config: Path, backend: str) -> None:
    with exporter(path, config, backend) as upf:
        before = upf.scrape()
        assert unseen(before, "n3") == unseen(before, "n6") == 0
        assert "xdp" not in limits(before)
        with Foreign(path.upf, "n3", "xdp", "received", str(XDP_TX)):
            path.send(b"", 44, 100)
            until(lambda: unseen(upf.scrape(), "n3") >= 44)
            samples = upf.scrape()
            assert "xdp" in limits(samples)
            assert rise(before, samples, *UP) == 0
        lines = upf.stop()
    assert len([line for line in lines if "n3: " in line and "were not counted: an XDP program" in line]) == 1


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
def test_frames_that_are_skipped_on_purpose_are_not_unseen(path: Path3, config: Path, backend: str) -> None:
    kinds = {"not_ip": (0x88F7, 0x0040, 0xAEFE), "mpls": (0x8847, 0x8848), "pppoe": (0x8864,), "macsec": (0x88E5,)}
    script = """
import socket, sys
made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
made.bind(("wlan0", 0))
for kind in sys.argv[1:]:
    for _ in range(20):
        made.send(bytes([2] * 12) + int(kind).to_bytes(2, "big") + bytes(60))
"""
    with exporter(path, config, backend) as upf:
        before = upf.scrape()
        path.robot.python(script, *(str(kind) for some in kinds.values() for kind in some))
        until(lambda: rise(before, upf.scrape(), "ioam_skipped_frames_total", "macsec") == 20)
        until(lambda: rise(before, upf.scrape(), "ioam_skipped_frames_total", "not_ip") >= 60)
        samples = upf.scrape()
    skipped = {kind: rise(before, samples, "ioam_skipped_frames_total", kind) for kind in kinds}
    assert skipped == {"not_ip": 60, "mpls": 40, "pppoe": 20, "macsec": 20}
    assert rise(before, samples, *UP) == unseen(samples, "n3") == 0


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
def test_ordinary_traffic_is_never_unseen(path: Path3, config: Path, backend: str) -> None:
    with exporter(path, config, backend) as upf:
        path.send(header(CAMERA), 30_000, 100)
        path.send(b"", 200, 60_000, segment=1000)
        until(lambda: upf.scrape()[OUT] >= 30_000 + 12_000)
        path.send(b"", 30_000, 100)
        until(lambda: upf.scrape()[OUT] >= 60_000 + 12_000)
        samples = upf.scrape()
        assert unseen(samples, "n3") == unseen(samples, "n6") == 0
        assert not [line for line in upf.stop() if "not counted" in line]


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
def test_packets_that_wait_in_a_queue_are_not_unseen(path: Path3, config: Path, backend: str) -> None:
    """A burst that a slow link sends over several readings."""
    path.upf.run("tc qdisc add dev n6 root tbf rate 1mbit burst 3000 limit 4000000")
    with exporter(path, config, backend) as upf:
        before = upf.scrape()
        path.send(b"", 1000, 500)
        end = time.monotonic() + 6
        while time.monotonic() < end:
            assert unseen(upf.scrape(), "n6") == 0
            time.sleep(0.6)
        assert rise(before, upf.scrape(), *OUT) >= 900


# Opens wan0 and reads no packet until it is told to. Then a socket sends to it.
SLEEPING = """
import fcntl, os, struct, subprocess, sys
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"wan0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
subprocess.run("ip link set wan0 up; ip address add 192.0.2.1/24 dev wan0", shell=True, check=True)
print("here", flush=True)
sys.stdin.readline()
for _ in range(400):
    os.read(device, 65536)
print("read", flush=True)
sys.stdin.readline()
"""
TO_IT = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(450):
    sender.sendto(bytes(50), ("192.0.2.2", 9))
"""


def test_a_program_that_reads_its_tunnel_late_hides_nothing(path: Path3, tmp_path: Path) -> None:
    """A TUN device counts a packet when its program reads it: a virtual machine may be stopped meanwhile."""
    if not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("no /dev/net/tun")
    config = tmp_path / "ioam.yaml"
    config.write_text("nodes: [{node_id: 2, interfaces: {wan0: {sent: out}}}]\n", encoding="utf-8")
    command = path.upf.command(sys.executable, "-c", SLEEPING)
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program,
        exporter_when(program, path, config) as upf,
    ):
        assert program.stdin is not None
        assert program.stdout is not None
        path.upf.python(TO_IT)
        for _ in range(4):
            time.sleep(0.6)
            samples = upf.scrape()
        assert samples[OUT] >= 450
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "read\n"
        for _ in range(3):
            time.sleep(0.6)
            assert unseen(upf.scrape(), "wan0") == 0
        upf.stop()
        program.stdin.close()


def exporter_when(program: subprocess.Popen[str], path: Path3, config: Path) -> Exporter:
    """As soon as the program says so."""
    assert program.stdout is not None
    assert program.stdout.readline() == "here\n"
    return exporter(path, config)


@pytest.mark.parametrize("backend", ["ebpf", "packet"])
def test_more_packets_than_can_be_decoded_at_once_are_not_unseen(path: Path3, config: Path, backend: str) -> None:
    with exporter(path, config, backend) as upf:
        sending = [threading.Thread(target=path.send, args=(b"", 100_000, 20)) for _ in range(2)]
        for sender in sending:
            sender.start()
        samples = upf.scrape()
        while any(sender.is_alive() for sender in sending):
            samples = upf.scrape()
            assert unseen(samples, "n3") == unseen(samples, "n6") == 0
        assert samples[UP] > 0
