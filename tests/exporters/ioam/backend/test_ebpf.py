# SPDX-License-Identifier: Apache-2.0
"""The ebpf backend as a process on real interfaces, beside the packet backend on the same packets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joulepath_lab.run.exporter import Exporter
from joulepath_lab.run.waiting import until
from tests.exporters.ioam.sending import (
    ARM,
    AT_UPF,
    CAMERA,
    ROOM_2,
    STRANGER,
    UDP,
    Path3,
    header,
    settled,
    total,
)

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("as_root")]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "ioam.yaml"
    file.write_text(AT_UPF, encoding="utf-8")
    return file


def programs(path: Path3, interface: str) -> int:
    """How many tcx programs there are on what an interface receives."""
    script = """
import ctypes, socket, struct, sys
attributes = bytearray(64)
struct.pack_into("=II", attributes, 0, socket.if_nametoindex(sys.argv[1]), 46)  # BPF_PROG_QUERY of BPF_TCX_INGRESS
buffer = (ctypes.c_char * 64).from_buffer(attributes)
assert ctypes.CDLL(None).syscall({"x86_64": 321, "aarch64": 280}[sys.argv[2]], 16, buffer, 64) == 0
print(struct.unpack_from("=I", attributes, 24)[0])
"""
    return int(path.upf.python(script, interface, os.uname().machine))


def select_counts(samples: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """The samples that both backends have to agree on."""
    names = ("ioam_node_packets", "ioam_node_bytes", "ioam_trace_", "ioam_path_", "ioam_decode", "ioam_option")
    return {key: value for key, value in samples.items() if key[0].startswith(names)}


def test_both_backends_count_what_was_sent(path: Path3, config: Path) -> None:
    damaged = bytearray(header(CAMERA))
    damaged[10] ^= 0xF8  # NodeLen
    arguments = ["--config", str(config)]
    with (
        Exporter(path.upf, *arguments, "--backend", "ebpf") as ebpf,
        Exporter(path.upf, *arguments, "--backend", "packet", port=10475) as packet,
    ):
        path.send(header(CAMERA), 100, 1000)
        path.send(header(ARM), 50, 500)
        path.send(header(STRANGER), 30, 200)
        path.send(header(CAMERA), 4, 30_000, segment=1000)
        path.send(bytes(damaged), 5, 100)
        path.send(b"", 40, 300)
        path.send(b"", 10, 100, port=22)
        samples = settled(packet, "ioam_node_packets_total", 100 + 50 + 30 + 120 + 5 + 40)
        same = settled(ebpf, "ioam_node_packets_total", 100 + 50 + 30 + 120 + 5 + 40)
    assert select_counts(samples) == select_counts(same)
    assert same["ioam_trace_bytes_total", "uplink", "123", "2", CAMERA.hex()] == 220 * (UDP + ROOM_2 + 1000)
    assert same["ioam_capture_info", "ebpf", "n3"] == samples["ioam_capture_info", "packet", "n3"] == 1


def test_a_killed_process_leaves_no_program_and_a_second_one_counts_on(path: Path3, config: Path) -> None:
    arguments = ["--config", str(config), "--backend", "ebpf"]
    with Exporter(path.upf, *arguments) as first:
        assert programs(path, "n3") == 1
        with Exporter(path.upf, *arguments, port=10475) as second:
            path.send(header(CAMERA), 10, 100)
            settled(first, "ioam_node_packets_total", 10)
            first.kill()
            until(lambda: programs(path, "n3") == 1)
            path.send(header(CAMERA), 5, 100)
            settled(second, "ioam_node_packets_total", 15)
            second.kill()
    until(lambda: programs(path, "n3") == programs(path, "n6") == 0)


def test_an_interface_that_returns_is_counted_again(path: Path3, config: Path) -> None:
    with Exporter(path.upf, "--config", str(config), "--backend", "ebpf") as upf:
        path.send(header(CAMERA), 10, 100)
        settled(upf, "ioam_node_packets_total", 10)
        path.robot.run("ip link delete wlan0")
        until(lambda: ("ioam_capture_info", "ebpf", "n3") not in upf.scrape())
        samples = upf.scrape()
        assert samples["ioam_capture_info", "ebpf", "n6"] == 1
        assert samples["ioam_node_packets_total", "uplink", "2"] == 10
        path.robot.link("wlan0", "fd01::1", path.upf, "n3", "fd01::2")
        path.robot.run("ip -6 route add fd02::/64 via fd01::2")
        until(lambda: ("ioam_capture_info", "ebpf", "n3") in upf.scrape())
        path.send(header(CAMERA), 5, 100)
        settled(upf, "ioam_node_packets_total", 15)
        lines = upf.stop()
    warnings = [line.partition("msg=")[2] for line in lines if "level=WARNING" in line]
    assert warnings == ['"n3: Network is down; its counts stand still until it is back"']


def test_only_three_capabilities_are_kept(path: Path3, config: Path) -> None:
    with Exporter(path.upf, "--config", str(config), "--backend", "ebpf") as upf:
        status = Path(f"/proc/{upf.pid}/status").read_text(encoding="ascii")
    kept = {name: int(value, 16) for name, value in (line.split(":") for line in status.splitlines() if "Cap" in line)}
    wanted = 1 << 12 | 1 << 38 | 1 << 39  # CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF
    assert kept["CapPrm"] == kept["CapEff"] == kept["CapBnd"] == wanted


def test_where_bpf_is_not_allowed_one_line_says_so_and_packets_are_counted(path: Path3, config: Path) -> None:
    wrapper = ["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin"]
    with Exporter(path.upf, "--config", str(config), wrapper=wrapper) as upf:
        path.send(header(CAMERA), 10, 100)
        samples = settled(upf, "ioam_node_packets_total", 10)
        lines = upf.stop()
    assert samples["ioam_capture_info", "packet", "n3"] == 1
    assert len([line for line in lines if "counting with AF_PACKET, since" in line and "CAP_BPF" in line]) == 1


FLOOD = """
import os, socket, sys
from joulepath.ioam.wire import encode
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.connect(("fd02::3", 5000))
for number in range(int(sys.argv[1])):
    trace_id = bytes.fromhex(sys.argv[2]) if number % 4 == 0 else os.urandom(16)
    options = encode.hop_by_hop(123, trace_id, node_id=1, hop_limit=64, transit_nodes=0)
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, options)
    sender.send(bytes(100))
"""


def test_unlisted_traces_take_no_room_from_a_configured_one(path: Path3, config: Path) -> None:
    with Exporter(path.upf, "--config", str(config), "--backend", "ebpf") as upf:
        path.upf.run("true")
        command = path.robot.command(sys.executable, "-c", FLOOD, "40000", CAMERA.hex())
        subprocess.run(command, check=True, timeout=60)
        samples = settled(upf, "ioam_node_packets_total", 40000)
        assert samples["ioam_trace_packets_total", "uplink", "123", "2", CAMERA.hex()] == 10000
        assert samples["ioam_trace_packets_total", "uplink", "123", "2", "other"] == 30000
        assert total(samples, "ioam_trace_packets_total") == 40000
