# SPDX-License-Identifier: Apache-2.0
"""Memory of each exporter, started as its user starts it, after some scrapes: `python -m benchmarks.memory`.

All of it happens in a network namespace of its own. `ioam` counts a hundred traces, which are sent here, received and
sent; `tag` has as many flows as it can; `pdu` and `bmc` poll ten devices of the lab each; `gpu` reads eight GPUs of a
library that the tests build. Resident is what the kernel says (/proc/PID/smaps_rollup); the packet backend's ring is
the kernel's buffer, which it maps, and stands by itself.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml
from tests.exporters.gpu.stub import build

from benchmarks.bmc import resources
from benchmarks.ioam_packet import frame, traced
from benchmarks.serving import powercap
from joulepath.tag.settings import MAX_FLOWS
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.redfish_server import RedfishServer, dict_tree
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.network import isolation
from joulepath_lab.network.namespace import NetworkNamespace, add_address
from joulepath_lab.run.ports import free_port

DEVICES, TRACES, OUTLETS, GPUS = 10, 100, 24, 8
SCRAPES = 10
PORT = 10479
SECRET = "benchmark"  # noqa: S105  # of devices that are here only


class Row(NamedTuple):
    """One exporter: its name here, its arguments, and the number of lines of its exposition once all is read."""

    name: str
    arguments: Sequence[str]
    shown: Callable[[], int]
    most_mib: float
    """It shall stay below this, without the ring."""


def resident(pid: int) -> tuple[float, float]:
    """Resident memory [MiB] without packet rings, and the rings."""
    ring = total = 0
    mapped = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            mapped = words[5] if len(words) > 5 else ""
        elif words[0] == "Rss:":
            total += int(words[1])
            ring += int(words[1]) if mapped.startswith("socket:") else 0
    return (total - ring) / 1024, ring / 1024


def fetch(path: str = "metrics") -> str:
    """The exporter's answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{path}", timeout=10) as answer:
        return str(answer.read().decode())


def measure_memory(row: Row) -> tuple[float, float]:
    """Starts it, waits until it shows everything, scrapes it some times. Raises RuntimeError where it does not."""
    command = [sys.executable, "-m", "joulepath", *row.arguments, f"--web.listen-address=127.0.0.1:{PORT}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(row, process)
            for _ in range(SCRAPES):
                row.shown()
                time.sleep(0.2)
            return resident(process.pid)
        finally:
            process.terminate()


def _wait(row: Row, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if row.shown():
                return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > end:
            process.terminate()
            _, output = process.communicate()
            raise RuntimeError(f"{row.name}: {output[-300:]}")
        time.sleep(0.2)


@contextmanager
def pdus(folder: Path) -> Iterator[Path]:
    """Ten PDUs of 24 outlets; their configuration."""
    outlets = {number: (f"outlet-{number}", 100.0 + number) for number in range(1, OUTLETS + 1)}
    with ExitStack() as stack:
        agents = [stack.enter_context(Agent(rpdu2_objects(lambda: outlets), SECRET)) for _ in range(DEVICES)]
        (folder / "community").write_text(SECRET)
        targets = {
            f"pdu-{at}": {"address": f"127.0.0.1:{agent.address[1]}", "community_file": "community", "interval": 1}
            for at, agent in enumerate(agents)
        }
        yield _config(folder / "pdu.yaml", {"targets": targets})


@contextmanager
def bmcs(folder: Path, by_ipmi: int) -> Iterator[Path]:
    """Starts ten BMCs, `by_ipmi` of them with IPMI; yields their configuration."""
    (folder / "password").write_text(SECRET)
    targets: dict[str, dict[str, object]] = {}
    with ExitStack() as stack:
        for number in range(by_ipmi):
            port = free_port(socket.SOCK_DGRAM)
            file = folder / f"bmc-{number}.json"
            simulated = {"port": port, "user": SECRET, "password": SECRET, "dcmi": {"current": 215, "maximum": 276}}
            file.write_text(json.dumps(simulated))
            command = [sys.executable, "-m", "joulepath_lab.devices.ipmi_bmc", str(file)]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert process.stdout is not None  # noqa: S101  # as was asked for
            process.stdout.readline()
            login = {"user": SECRET, "password_file": "password"}
            targets[f"ipmi-{number}"] = {"address": f"ipmi://127.0.0.1:{port}", "interval": 1, **login}
        for number in range(DEVICES - by_ipmi):
            server = stack.enter_context(RedfishServer(dict_tree(resources())))
            targets[f"bmc-{number}"] = {"address": f"redfish+http://127.0.0.1:{server.port}", "interval": 1}
        yield _config(folder / "bmc.yaml", {"targets": targets})


def _config(path: Path, data: object) -> Path:
    path.write_text(yaml.safe_dump(data))
    return path


def all_polled(config: Path, metric: str) -> Callable[[], int]:
    """Whether every target of the configuration shows the metric; asks each."""
    names = list(yaml.safe_load(config.read_text())["targets"])
    return lambda: all(f"\n{metric}{{" in fetch(f"probe?target={name}") for name in names)


def lines(metric: str, at_least: int) -> Callable[[], int]:
    """Whether /metrics has at least this number of samples."""
    return lambda: fetch().count(f"\n{metric}") >= at_least


def gpu(folder: Path) -> Path:
    """A library that answers like NVML of a host with GPUs."""
    state = folder / "gpus"
    state.write_text(
        f"gpus {GPUS}\n"
        + "".join(
            f"gpu.{at}.uuid GPU-{at}\ngpu.{at}.name H100\ngpu.{at}.bus {at}\ngpu.{at}.power 70000\n"
            for at in range(GPUS)
        )
    )
    os.environ["STUB_STATE"] = str(state)
    return build("nvml.c", "libnvidia-ml.so.1", folder)


def ids() -> list[str]:
    """The traces."""
    return [f"{number:032x}" for number in range(1, TRACES + 1)]


def ioam(folder: Path) -> Path:
    """Counts a hundred traces both ways."""
    namespace = {"key": "full", "ids": ids()}
    nodes = [{"node_id": 4, "interfaces": {"vb": {"received": "uplink", "sent": "downlink"}}}]
    return _config(folder / "ioam.yaml", {"nodes": nodes, "namespaces": {123: namespace}, "hold_seconds": 0})


def tag(folder: Path) -> Path:
    """As many flows as there may be."""
    flows = {
        f"flow-{at}": {"destination": f"fd01::{at + 2:x}", "ioam_namespace": 123, "id": name}
        for at, name in enumerate(ids()[:MAX_FLOWS])
    }
    return _config(folder / "tag.yaml", {"interfaces": ["va"], "flows": flows})


def sending(metric: str, at_least: int) -> Callable[[], int]:
    """Sends a packet of each trace, then looks."""
    packets = [frame(traced(3, stamped=False).replace(bytes(range(16)), bytes.fromhex(name))) for name in ids()]
    look = lines(metric, at_least)

    def send_and_look() -> int:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            for interface in ("va", "vb"):
                sender.bind((interface, 0))
                for packet in packets:
                    sender.send(packet)
        return look()

    return send_and_look


def table(folder: Path) -> None:
    """Prints a row for each exporter."""
    powercap(folder / "sys")
    print(f"{'':44}{'resident':>10}{'ring':>10}{'below':>10}")
    with pdus(folder) as pdu, bmcs(folder, 0) as redfish:
        _print(Row("rapl", ["rapl", f"--path.sysfs={folder / 'sys'}"], lines("rapl_package_", 2), 30))
        words = ["gpu", "--vendor=nvidia", f"--path.nvml={gpu(folder)}"]
        _print(Row(f"gpu, {GPUS} GPUs", words, lines("gpu_energy_joules_total{", GPUS), 35))
        for library in ("gufo", "pysnmp"):
            arguments = ["pdu", f"--config={pdu}", f"--snmp-library={library}"]
            _print(
                Row(
                    f"pdu, {DEVICES} of {OUTLETS} outlets, {library}",
                    arguments,
                    all_polled(pdu, "pdu_outlet_power_watts"),
                    60,
                )
            )
        _print(
            Row(
                f"bmc, {DEVICES} by Redfish",
                ["bmc", f"--config={redfish}"],
                all_polled(redfish, "bmc_chassis_power_watts"),
                60,
            )
        )
    with bmcs(folder, DEVICES // 2) as mixed:
        name = f"bmc, {DEVICES // 2} by Redfish, {DEVICES // 2} by IPMI"
        _print(Row(name, ["bmc", f"--config={mixed}"], all_polled(mixed, "bmc_chassis_power_watts"), 60))
    for backend in ("ebpf", "packet"):
        arguments = ["ioam", f"--config={ioam(folder)}", f"--backend={backend}"]
        shown = sending("ioam_trace_packets_total{", 2 * TRACES)
        _print(Row(f"ioam, {TRACES} traces both ways, {backend}", arguments, shown, 45))
    _print(Row(f"tag, {MAX_FLOWS} flows", ["tag", f"--config={tag(folder)}"], lines("ioam_tag_packets", MAX_FLOWS), 45))


def _print(row: Row) -> None:
    try:
        memory, ring = measure_memory(row)
    except RuntimeError as fault:
        print(f"{row.name:44} not measured: {fault}")
        return
    print(f"{row.name:44}{memory:>6.1f} MiB{ring:>6.0f} MiB{row.most_mib:>6.0f} MiB", flush=True)


def main() -> None:
    """Goes into a namespace, then prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if not parser.parse_args().inside:
        isolation.enter([sys.executable, "-m", "benchmarks.memory", "--inside"], rootless=os.geteuid() != 0)
    namespace = NetworkNamespace()
    namespace.join("va", namespace, "vb")
    with namespace.ip() as ip:
        add_address(ip, "va", "fd01::1")
    with namespace.entered(), tempfile.TemporaryDirectory() as folder:
        table(Path(folder))


if __name__ == "__main__":
    main()
