# SPDX-License-Identifier: Apache-2.0
"""Compares the cost of this checkout's rules with those of an earlier commit, on two versions of Prometheus.

The rules of both come from one synthetic topology, each written by its own code, and run in turn over the same
counters. Each server has one core (GOMAXPROCS=1); the counters are served on another. A rule's time is what the server
says of its evaluations: the least over all runs is the work itself, the median includes garbage collection, scrapes
and other programs on the core. As root the server goes before other programs. The pace is faster than 15 s so that
this ends within minutes; figures for a minute are scaled to 15 s.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._synthetic import Size, Target, write
from benchmarks._watched import Costs, Server, Watch, is_right
from joulepath_lab.run import programs

ROOT = Path(__file__).resolve().parent.parent
OLD = "bd39b29"
OLD_SUBJECT = "benchmarks: the scrape's kernel maps are closed by who opened them"
CONSTANTS = "constants.prom"
WINDOW_INTERVALS = 8
WARM_UP_INTERVALS = 60
"""By then the chain has to be complete."""


@contextmanager
def old_code(commit: str) -> Iterator[str]:
    """A PYTHONPATH with the code of an earlier commit."""
    git = ["git", "-C", str(ROOT)]
    known = subprocess.run([*git, "merge-base", "--is-ancestor", commit, "HEAD"], capture_output=True, check=False)
    if known.returncode != 0:
        log = subprocess.run([*git, "log", "--format=%h %s"], capture_output=True, text=True, check=False).stdout
        subcommands = [line.split()[0] for line in log.splitlines() if line.endswith(OLD_SUBJECT)]
        if not subcommands:
            sys.exit(f"the history of this checkout has no commit {commit}: name another with --old")
        commit = subcommands[0]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run([*git, "archive", commit, "rules", "exporters"], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield os.pathsep.join(str(Path(folder) / part) for part in ("rules", "exporters"))


def joulepath(code: str, *words: str) -> str:
    """The output of `joulepath rules` with the code in PYTHONPATH `code`. Exits with its complaint."""
    command = [sys.executable, "-m", "joulepath", "rules", *words]
    environment = {**os.environ, "PYTHONPATH": code}
    result = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    return result.stdout


def generate(topology: Path, folder: Path, code: str, constants: str | None) -> dict[str, float]:
    """Writes the rules into `folder` with the code in PYTHONPATH `code`; gives the time it took and the file's size.

    Scraped constants are written beside them, as `joulepath rules serve` shows them.
    """
    folder.mkdir()
    began = time.monotonic()
    joulepath(code, "generate", str(topology), "-o", str(folder), *(["--constants", constants] if constants else []))
    took = time.monotonic() - began
    if constants == "scraped":
        (folder / CONSTANTS).write_text(joulepath(code, "serve", "--once", str(topology)), encoding="utf-8")
    octets = sum(file.stat().st_size for file in folder.glob("*.rules.yaml"))
    return {"generating [s]": took, "rule file [kB]": octets / 1000}


def configure(folder: Path, target: Target, interval: float) -> None:
    """Writes the server's configuration, with a job for a file of constants where there is one."""
    file = folder / CONSTANTS
    target.constants(file if file.exists() else None)
    here = [{"targets": [f"127.0.0.1:{target.port}"]}]
    jobs: list[dict[str, Any]] = [{"job_name": "benchmark", "honor_labels": True, "static_configs": here}]
    if file.exists():
        jobs.append({**jobs[0], "job_name": "constants", "metrics_path": "/constants"})
    pace = f"{interval:g}s"
    config = {
        "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
        "rule_files": ["*.rules.yaml"],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))


def run(program: Path, rules: Path, target: Target, size: Size, args: argparse.Namespace) -> Costs:
    """Starts one server over the rules in a folder of its own, and watches it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in rules.iterdir():
            (folder / file.name).symlink_to(file)
        configure(folder, target, args.interval)
        server = Server(program, folder, args.core, args.nice)
        try:
            began = time.monotonic()
            most = WARM_UP_INTERVALS * args.interval
            server.wait(f'count(application:power_watts{{application!="unattributed"}}) == {size.applications}', most)
            full = began + (WINDOW_INTERVALS + 1) * args.interval
            time.sleep(max(0.0, full - time.monotonic()))
            watch = Watch(server)
            for _ in range(args.evaluations):
                watch.step()
            # The slowest to come; then all rows are there.
            server.wait(f"count(application:joules_per_bit) == {size.applications}", most)
            costs = watch.costs(args.interval)
            is_right(server, size)
            return costs
        finally:
            server.stop()


Figures = Mapping[str, float]


Over = Callable[[Iterable[float]], float]


def over(runs: Sequence[Figures], how: Over = statistics.median) -> dict[str, float]:
    """The median (or another statistic) of each figure over the runs."""
    names = dict.fromkeys(name for each in runs for name in each)
    return {name: how(each.get(name, 0.0) for each in runs) for name in names}


Column = tuple[Figures, Figures, str]
"""Old, new and the format of both."""


def show(title: str, columns: Mapping[str, Column]) -> None:
    """Prints one line for each name with old, new and their ratio in each column."""
    print(f"\n{title:40}" + "".join(f"{f'{column} old':>16}{'new':>10}{'ratio':>7}" for column in columns))
    for name in dict.fromkeys(name for old, new, _ in columns.values() for name in [*old, *new]):
        cells = []
        for old, new, form in columns.values():
            before, after = old.get(name, 0.0), new.get(name, 0.0)
            quotient = f"{after / before:.2f}" if before else "-"
            cells.append(f"{before:16{form}}{after:10{form}}{quotient:>7}")
        print(f"{name:40}{''.join(cells)}")


def report(version: str, old: Sequence[Costs], new: Sequence[Costs], by_rule: bool) -> None:
    """Prints the tables of one server."""

    def sum_with_chain(part: Callable[[Costs], Figures], form: str, how: Over = statistics.median) -> Column:
        """With the sum of the chain itself: without constants and slower groups."""
        sides = []
        for runs in (old, new):
            total = over([part(each) for each in runs], how)
            chain = sum(value for name, value in total.items() if not name.startswith(("group", "constants")))
            sides.append({"the chain": chain, **dict(sorted(total.items()))})
        return sides[0], sides[1], form

    columns = {
        "least [s]": sum_with_chain(lambda run: run.least, ".3f", min),
        "median [s]": sum_with_chain(lambda run: run.median, ".3f"),
        "rows": sum_with_chain(lambda run: run.rows, ".0f"),
    }
    show(f"Prometheus {version}, each evaluation", columns)
    show("", {"": (over([run.figures for run in old]), over([run.figures for run in new]), ".2f")})
    for side, runs in (("old", old), ("new", new)):
        if any(run.figures["missed evaluations"] for run in runs):
            print(f"{side}: THE SERVER MISSED EVALUATIONS: its figures do not hold; give it a longer --interval")
        if by_rule and runs:
            show_rules(side, runs)


def show_rules(title: str, runs: Sequence[Costs]) -> None:
    """Prints each rule above a millisecond."""
    least = over([{name: seconds[0] for name, seconds in each.rules.items()} for each in runs], min)
    median = over([{name: seconds[1] for name, seconds in each.rules.items()} for each in runs])
    print(f"\n{f'{title}: rules above a millisecond':60}{'least [s]':>12}{'median [s]':>12}")
    for name in sorted((name for name in least if least[name] > 0.001), key=lambda name: -least[name]):
        print(f"{name:60}{least[name]:12.4f}{median[name]:12.4f}")


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--path", type=int, default=10, help="components of each application")
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--anchored", action="store_true", help="half of the components are counted at another")
    parser.add_argument("--no-static", action="store_true", help="no host has static_watts")
    parser.add_argument("--servers", default="2,3", help="major versions of Prometheus")
    parser.add_argument("--interval", type=float, default=5.0, help="of scrapes and evaluations [s]")
    parser.add_argument("--evaluations", type=int, default=6, help="that are watched in each run")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each chain on each server")
    parser.add_argument("--only", choices=["old", "new"])
    parser.add_argument("--old", default=OLD, help="the commit to compare with")
    parser.add_argument("--constants", choices=["rules", "scraped"], help="where the new chain has them from")
    parser.add_argument("--by-rule", action="store_true", help="also print each rule")
    parser.add_argument("--nice", type=int, default=-15 if os.geteuid() == 0 else 0, help="of the servers")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="of the servers")
    return parser.parse_args()


def main() -> None:
    """Prints the tables."""
    args = options()
    size = Size(args.hosts, args.applications, args.path, args.sites, args.anchored, not args.no_static)
    own = {"2": lambda: programs.obtain("prometheus"), "3": programs.next_prometheus}
    servers = [own[major]() for major in args.servers.split(",")]
    others = os.sched_getaffinity(0) - {args.core}
    os.sched_setaffinity(0, others or {args.core})
    target = Target(size)
    costs: dict[tuple[Path, str], list[Costs]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, old_code(args.old) as old:
        folder = Path(name)
        topology = folder / "topology.yaml"
        write(size, args.interval, WINDOW_INTERVALS * args.interval, topology)
        new = os.pathsep.join(str(ROOT / part) for part in ("rules", "exporters"))
        sides = {"old": (old, None), "new": (new, args.constants)}
        files = {}
        for side, (code, constants) in sides.items():
            if args.only in {None, side}:
                files[side] = generate(topology, folder / side, code, constants)
        try:
            for number in range(args.rounds):
                for server in servers:
                    # In turn, so that neither always comes first.
                    for side in list(files)[:: 1 if number % 2 == 0 else -1]:
                        costs[server, side].append(run(server, folder / side, target, size, args))
                        costs[server, side][-1].figures.update(files[side])
        finally:
            target.stop()
    pairs = args.applications * args.path
    print(f"{size}: {pairs} pairs; every {args.interval:g} s; load average {os.getloadavg()[1]:.1f}")
    for server in servers:
        report(programs.version(server), costs[server, "old"], costs[server, "new"], args.by_rule)


if __name__ == "__main__":
    main()
