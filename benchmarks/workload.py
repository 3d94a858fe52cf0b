# SPDX-License-Identifier: Apache-2.0
"""The cost of 5,000 processes in 500 cgroups, beside Debian's process-exporter, which reads the same /proc.

Both are scraped in turn, as in benchmarks/serving.py: `python -m benchmarks.workload`, as root. The processes sleep;
they and their cgroups are made for this and removed at the end. process-exporter runs in its cheapest form, without
smaps and threads. `joulepath workload` runs twice: with a workload for each cgroup, and with a rule by program besides,
for which it looks at every process. The cost of `--perf` is that of reading one group of the kernel's own events for
each cgroup and CPU, since few virtual machines have the processor's.
"""

import argparse
import ctypes
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.serving import Scraped, scraped_in_turn
from joulepath.workload.cgroup import Tree, find
from joulepath.workload.counting import Counting, Named
from joulepath.workload.perf import CONTEXT_SWITCHES, CPU_CLOCK, TASK_CLOCK
from joulepath_lab.run import programs

PROCESS_EXPORTER = "prometheus-process-exporter"
PARENT = "joulepath-benchmark"
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
BY_NAME = "process_names: [{name: '{{.Comm}}', cmdline: ['.+']}]\n"


@contextmanager
def crowd(root: Path, groups: int, processes: int) -> Iterator[None]:
    """So many processes that sleep, in so many cgroups below one."""
    top = root / PARENT
    top.mkdir()
    started: list[int] = []
    libc = ctypes.CDLL(None)
    try:
        for number in range(groups):
            (top / f"group-{number}.service").mkdir()
        for number in range(processes):
            pid = os.fork()
            if pid == 0:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.pause()
                os._exit(0)
            started.append(pid)
            (top / f"group-{number % groups}.service" / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for pid in started:
            os.kill(pid, signal.SIGKILL)
        for pid in started:
            os.waitpid(pid, 0)
        for folder in (*top.iterdir(), top):
            if folder.is_dir():
                _remove(folder)


def _remove(folder: Path) -> None:
    """Removes a cgroup; the kernel may take a moment to see its last process end."""
    for _ in range(100):
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.02)


def counting(tree: Tree, rounds: int) -> str:
    """The cost of reading the counters of all groups of the crowd."""
    if tree.perf_root != tree.root:
        return "counters of events: not in these cgroups"
    groups = [Named(key, key[0], None) for key in tree.walk() if key[0].startswith(f"/{PARENT}/")]
    counters = Counting(tree.root, (TASK_CLOCK, CPU_CLOCK, CONTEXT_SWITCHES))
    try:
        began = time.process_time()
        counters.read(groups)
        opened = time.process_time() - began
        reads = []
        for _ in range(rounds):
            began = time.process_time()
            counters.read(groups)
            reads.append(time.process_time() - began)
            time.sleep(0.5)
        return (
            f"counters of {len(groups)} cgroups, {counters.descriptors} descriptors: opened in {opened * 1e3:.1f} ms, "
            f"read in {statistics.median(reads) * 1e3:.1f} ms of CPU time ({min(reads) * 1e3:.1f}.."
            f"{max(reads) * 1e3:.1f} ms)"
        )
    finally:
        counters.close()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--processes", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scrapes", type=int, default=5, help="in each round")
    args = parser.parse_args()
    tree = find(Path("/sys/fs/cgroup"))
    if tree is None:
        sys.exit("no cgroups that count CPU time in /sys/fs/cgroup")
    program = str(programs.obtain(PROCESS_EXPORTER))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "names.yaml").write_text(BY_NAME)
        rule = f"{{cgroup: '/{PARENT}/*'}}"
        (folder / "groups.yaml").write_text(f"workloads: [{rule}]\nhierarchy: {tree.version}\n")
        rules = f"[{{executable: 'python3*'}}, {rule}]"
        (folder / "programs.yaml").write_text(f"workloads: {rules}\nhierarchy: {tree.version}\n")
        stack.enter_context(crowd(Path(tree.root), args.groups, args.processes))
        joulepath = [sys.executable, "-m", "joulepath", "workload", "--config"]
        commands = {
            "joulepath workload, by cgroup": [*joulepath, str(folder / "groups.yaml")],
            "joulepath workload, by program": [*joulepath, str(folder / "programs.yaml")],
            "process-exporter": [
                program,
                f"--config.path={folder / 'names.yaml'}",
                "--gather-smaps=false",
                "--threads=false",
            ],
        }
        exporters = {}
        for name, command in commands.items():
            exporters[name] = Scraped(command, patience=60)
            stack.callback(exporters[name].process.wait)
            stack.callback(exporters[name].process.terminate)
        print(counting(tree, args.rounds * args.scrapes))
        costs = scraped_in_turn(exporters, args.rounds, args.scrapes)
        print(f"{args.processes} processes in {args.groups} cgroups ({tree.version})")
        print(f"{'':32}{'CPU per scrape':>16}{'min..max':>22}{'RSS':>10}{'peak':>10}")
        for name, exporter in exporters.items():
            cost = costs[name]
            spread = f"{min(cost) * 1e3:.1f}..{max(cost) * 1e3:.1f} ms"
            memory = f"{exporter.memory('VmRSS'):>6.1f} MiB{exporter.memory('VmHWM'):>6.1f} MiB"
            print(f"{name:32}{statistics.median(cost) * 1e3:>13.1f} ms{spread:>22}{memory}", flush=True)


if __name__ == "__main__":
    main()
