# SPDX-License-Identifier: Apache-2.0
"""The cost of serving RAPL, beside Debian's node_exporter with its RAPL collector alone, on one powercap tree.

Both are scraped in turn, as Prometheus does it: one connection kept alive, gzip, OpenMetrics, and further apart than
the 0.5 s within which readings are shared. All processor time of the process between two scrapes counts (schedstat of
all of its threads, so idle wake-ups, too). Median of the rounds.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from joulepath_lab.run import programs
from joulepath_lab.run.ports import free_port

NODE_EXPORTER = "prometheus-node-exporter"
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
SPACING = 0.6


class Scraped:
    """One exporter under test."""

    def __init__(self, command: list[str], patience: float = 5.0) -> None:
        port = free_port()
        listen = f"--web.listen-address=127.0.0.1:{port}"
        self.process = subprocess.Popen([*command, listen], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
        self.seconds: list[float] = []
        end = time.monotonic() + 20
        while not self._answers():
            if time.monotonic() > end:
                sys.exit(f"{command[0]} does not answer")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            self.scrape()
        except OSError:
            self._connection.close()
            return False
        return True

    def scrape(self) -> bytes:
        """One scrape over the one connection."""
        began = time.perf_counter()
        self._connection.request("GET", "/metrics", headers=HEADERS)
        body = self._connection.getresponse().read()
        self.seconds.append(time.perf_counter() - began)
        return body

    def cpu(self) -> float:
        """Processor time so far [s]."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self, key: str) -> float:
        """VmRSS or VmHWM [MiB]."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


def powercap(sysfs: Path) -> None:
    """Two packages with cores and memory each, as on a server with two sockets."""
    for package in range(2):
        names = {f"intel-rapl:{package}": f"package-{package}"}
        names |= {f"intel-rapl:{package}:{n}": name for n, name in enumerate(("core", "dram"))}
        for folder, name in names.items():
            path = sysfs / "class" / "powercap" / folder
            path.mkdir(parents=True)
            for file, text in (("name", name), ("energy_uj", "1000000"), ("max_energy_range_uj", "262143328850")):
                (path / file).write_text(f"{text}\n")


def advance(sysfs: Path) -> None:
    """Every counter moves, as a processor's does."""
    for path in sysfs.glob("class/powercap/*/energy_uj"):
        path.write_text(f"{int(path.read_text()) + 1_000_000}\n")


def scraped_in_turn(
    exporters: Mapping[str, Scraped], rounds: int, scrapes: int, between: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """Seconds of CPU per scrape of each exporter, one for each round; `between` is called before each scrape."""
    per_scrape: dict[str, list[float]] = {name: [] for name in exporters}
    for _ in range(rounds):
        before = {name: exporter.cpu() for name, exporter in exporters.items()}
        for _ in range(scrapes):
            for exporter in exporters.values():
                between()
                exporter.scrape()
                time.sleep(SPACING / len(exporters))
        for name, exporter in exporters.items():
            per_scrape[name].append((exporter.cpu() - before[name]) / scrapes)
    return per_scrape


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scrapes", type=int, default=20, help="in each round")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds without a scrape, at the end")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sysfs = Path(folder)
        powercap(sysfs)
        commands = {
            "joulepath rapl": [sys.executable, "-m", "joulepath", "rapl", f"--path.sysfs={sysfs}"],
            "node_exporter": [
                str(programs.obtain(NODE_EXPORTER)),
                "--collector.disable-defaults",
                "--collector.rapl",
                f"--path.sysfs={sysfs}",
            ],
        }
        exporters = {}
        for name, command in commands.items():
            exporters[name] = Scraped(command)
            stack.callback(exporters[name].process.wait)
            stack.callback(exporters[name].process.terminate)
        per_scrape = scraped_in_turn(exporters, args.rounds, args.scrapes, lambda: advance(sysfs))
        before = {name: exporter.cpu() for name, exporter in exporters.items()}
        time.sleep(args.idle)
        print(f"{'':16}{'CPU/scrape':>12}{'min..max':>16}{'idle CPU/s':>12}{'p50 scrape':>12}{'RSS':>10}{'peak':>10}")
        for name, exporter in exporters.items():
            idle = (exporter.cpu() - before[name]) / args.idle
            costs = per_scrape[name]
            print(
                f"{name:16}{statistics.median(costs) * 1e6:>9.0f} us"
                f"{f'{min(costs) * 1e6:.0f}..{max(costs) * 1e6:.0f} us':>16}{idle * 1e6:>9.0f} us"
                f"{statistics.median(exporter.seconds) * 1e3:>9.2f} ms"
                f"{exporter.memory('VmRSS'):>6.1f} MiB{exporter.memory('VmHWM'):>6.1f} MiB"
            )
        ours, theirs = (statistics.median(per_scrape[name]) for name in exporters)
        memory = [exporter.memory("VmRSS") for exporter in exporters.values()]
        print(f"ratio{'':11}{ours / theirs:>9.2f}{'':40}{memory[0] / memory[1]:>10.2f}")


if __name__ == "__main__":
    main()
