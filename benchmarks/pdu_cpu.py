# SPDX-License-Identifier: Apache-2.0
"""CPU time of one scrape interval of a recorded PDU: `joulepath pdu` against Debian's prometheus-snmp-exporter.

    python -m benchmarks.pdu_cpu [--snmp-exporter PATH] [WALK.snmprec:MODULE ...]

snmpsim speaks the walk (of an AP8641 of snmpsim-data where none is named) to all, one after the other in turns, so that
the machine's mood is shared. Joulepath's interval is one poll and one scrape of it; the other exporter's one scrape.
MODULE says which columns the other exporter walks: those that Joulepath's profile reads, without the names and scales
that Joulepath keeps.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import snmpsim_data
import yaml

from joulepath_lab.run import programs
from joulepath_lab.run.ports import free_port

MODULES = {
    "raritan": ["1.3.6.1.4.1.13742.6.5.2.3.1.4", "1.3.6.1.4.1.13742.6.5.3.3.1.4", "1.3.6.1.4.1.13742.6.5.4.3.1.4"],
    "apc": [
        f"1.3.6.1.4.1.318.1.1.26.{column}"
        for column in (
            *("4.3.1.5", "4.3.1.9", "4.3.1.16", "4.3.1.17", "6.3.1.5", "6.3.1.6", "6.3.1.7", "6.3.1.8", "6.3.1.9"),
            *("8.3.1.5", "9.4.3.1.6", "9.4.3.1.7", "9.4.3.1.11"),
        )
    ],
}
APC = Path(snmpsim_data.__file__).parent / "data" / "UPS" / "apc-8641.snmprec"
INDEXES = {"raritan": 3, "apc": 1}
INTERVAL = 1.0


def main() -> None:
    """Prints a table of medians in ms of CPU for each interval."""
    parser = argparse.ArgumentParser()
    parser.add_argument("walks", nargs="*", metavar="WALK.snmprec:MODULE", default=[f"{APC}:apc"])
    parser.add_argument("--snmp-exporter", type=Path, help="default: installed, else Debian's package unpacked")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--intervals", type=int, default=10)
    args = parser.parse_args()
    other = args.snmp_exporter or programs.obtain("prometheus-snmp-exporter")
    for walk in args.walks:
        path, _, module = walk.rpartition(":")
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(path), module, other, Path(folder), args.rounds, args.intervals)


def compare(walk: Path, module: str, other: Path, folder: Path, rounds: int, intervals: int) -> None:
    """One device, all contestants in turns."""
    agent = start_agent(walk, folder)
    contestants = {
        "snmp_exporter": start_other(other, module, walk.stem, folder),
        "joulepath, gufo-snmp": start_joulepath("gufo", agent.port, walk.stem, folder),
        "joulepath, pysnmp": start_joulepath("pysnmp", agent.port, walk.stem, folder),
    }
    try:
        used: dict[str, list[float]] = {name: [] for name in contestants}
        for name, contestant in contestants.items():
            url = contestant.url.format(agent=f"127.0.0.1:{agent.port}", module=module)
            deadline = time.monotonic() + 60
            while "power" not in (text := fetch(url)) and time.monotonic() < deadline:
                time.sleep(0.5)
            print(f"{walk.stem}: {name} answers {sum(not line.startswith('#') for line in text.splitlines())} samples")
        for _ in range(rounds):
            for name, contestant in contestants.items():
                url = contestant.url.format(agent=f"127.0.0.1:{agent.port}", module=module)
                contestant.resume()
                fetch(url)
                time.sleep(2 * INTERVAL)
                polls, before = contestant.polls(), contestant.cpu()
                for _ in range(intervals):
                    time.sleep(INTERVAL)
                    fetch(url)
                spent = contestant.cpu() - before
                done = (contestant.polls() - polls) or intervals
                used[name].append(spent / done * 1000)
                contestant.pause()
        base = statistics.median(used["snmp_exporter"])
        for name, values in used.items():
            median = statistics.median(values)
            print(
                f"{walk.stem:16} {name:22} {median:7.2f} ms CPU an interval (of {len(values)} rounds "
                f"{min(values):.2f} to {max(values):.2f}), {median / base:5.2f} times snmp_exporter"
            )
    finally:
        for contestant in contestants.values():
            contestant.stop()
        agent.stop()


class Running:
    """A process with a URL."""

    def __init__(self, command: list[str], url: str, port: int, log: Path) -> None:
        self.url, self.port, self.log = url, port, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self._watched = psutil.Process(self.process.pid)

    def cpu(self) -> float:
        """Seconds of CPU of all its threads, by the scheduler's clock: /proc counts in ticks of 10 ms."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # clock_getcpuclockid(3) as Linux has it

    def polls(self) -> int:
        """How many polls an exporter with a clock of its own has made."""
        if "/probe?" not in self.url:
            return 0
        lines = fetch(f"http://127.0.0.1:{self.port}/metrics").splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith('joulepath_polls_total{result="s'))

    def pause(self) -> None:
        """Not while others are measured."""
        self._watched.suspend()

    def resume(self) -> None:
        self._watched.resume()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.resume()
        self.process.terminate()
        self.process.wait(20)


def start_agent(walk: Path, folder: Path) -> Running:
    """snmpsim with one walk; the community is its stem."""
    data, cache = folder / "data", folder / "cache"
    data.mkdir()
    cache.mkdir()
    shutil.copy(walk, data)
    port = free_port(socket.SOCK_DGRAM)
    command = [str(Path(sys.executable).with_name("snmpsim-command-responder")), f"--data-dir={data}"]
    command += [f"--cache-dir={cache}", f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
    if os.geteuid() == 0:
        command += ["--process-user=root", "--process-group=root"]
    log = folder / "agent.log"
    agent = Running(command, "", port, log)
    while "Listening at" not in log.read_text():
        time.sleep(0.1)
    return agent


def start_other(program: Path, module: str, community: str, folder: Path) -> Running:
    """prometheus-snmp-exporter with a module for the columns."""
    labels = [{"labelname": f"index{number}", "type": "gauge"} for number in range(INDEXES[module])]
    columns = MODULES[module]
    metrics = [
        {"name": f"power_{place}", "oid": column, "type": "gauge", "help": "A column.", "indexes": labels}
        for place, column in enumerate(columns)
    ]
    config = folder / "snmp.yml"
    config.write_text(
        yaml.safe_dump({module: {"walk": columns, "metrics": metrics, "version": 2, "auth": {"community": community}}})
    )
    port = free_port(socket.SOCK_STREAM)
    command = [str(program), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    return Running(command, f"http://127.0.0.1:{port}/snmp?target={{agent}}&module={{module}}", port, folder / "o.log")


def start_joulepath(library: str, agent: int, community: str, folder: Path) -> Running:
    """`joulepath pdu` that polls every second."""
    port = free_port(socket.SOCK_STREAM)
    config, secret = folder / f"{library}.yaml", folder / "community"
    secret.write_text(community)
    config.write_text(
        yaml.safe_dump(
            {"targets": {"pdu": {"address": f"127.0.0.1:{agent}", "community_file": str(secret), "interval": INTERVAL}}}
        )
    )
    command = [sys.executable, "-m", "joulepath", "pdu", f"--config={config}", f"--snmp-library={library}"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    return Running(command, f"http://127.0.0.1:{port}/probe?target=pdu", port, folder / f"{library}.log")


def fetch(url: str) -> str:
    """A page, empty while the exporter has not answered."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


if __name__ == "__main__":
    main()
