# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath report`: asks a server about a period, prints tables, and writes files."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from joulepath_prometheus.arguments import add_server
from joulepath_prometheus.arguments import prometheus as server
from joulepath_report import files, output, text
from joulepath_report.build import build
from joulepath_report.model import Report
from joulepath_report.notes import ends_earlier
from joulepath_report.period import chosen, unix
from joulepath_topology import read
from joulepath_topology.arguments import add_topology, duration
from joulepath_topology.durations import seconds

SINCE = "24h"

WRITERS: dict[str, tuple[str, Callable[[Report], str | bytes]]] = {
    "html": ("one page with charts and all tables, which needs no network", files.html_text),
    "csv": ("all numbers, one in each line", files.csv_text),
    "json": ("the whole report", files.json_text),
    "parquet": ("the same numbers as in CSV", files.parquet_bytes),
    "md": ("tables in Markdown, and the method", text.markdown),
    "tex": ("tables in LaTeX, with booktabs", text.latex),
}
"""By option: the help, and what makes the file's contents."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    add_server(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--since",
        type=duration,
        default=seconds(SINCE),
        metavar="DURATION",
        help=f"how far to look back (default: {SINCE})",
    )
    begin.add_argument(
        "--from", dest="begin", metavar="TIME", help="begin: 2026-11-28, 2026-11-28T10:00:00Z, ... (UTC)"
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="end (default: now)")
    parser.add_argument(
        "--compare-policies",
        action="store_true",
        help="show each application's energy under all policies, and the spread",
    )
    for name, (contents, _) in WRITERS.items():
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {contents}; - is the standard output")


def run(args: argparse.Namespace) -> int:
    """Prints the report and writes the files. Raises JoulepathError."""
    topology = read(args.topology)
    begin, end = (
        None if given is None else unix(given, option) for given, option in ((args.begin, "--from"), (args.end, "--to"))
    )
    # The last rows look half a window ahead, and come with the evaluation after it.
    latest = time.time() - topology.window / 2 - topology.interval
    remarks = [ends_earlier(topology)] if end is None or end > latest else []
    begin, end = chosen(begin, end, args.since, latest)
    wanted: dict[str, Path] = {name: path for name in WRITERS if (path := getattr(args, name)) is not None}
    output.check(wanted)
    with server(args) as prometheus:
        report = build(prometheus, topology, begin, end, remarks, compare=args.compare_policies)
    if output.STDOUT not in wanted.values():
        output.show(text.terminal(report))
    for name, path in wanted.items():
        output.write(path, WRITERS[name][1](report))
    return 0 if report.flow else 1
