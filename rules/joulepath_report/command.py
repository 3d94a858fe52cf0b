# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath report`: asks a server about a period, prints tables, and writes files."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from joulepath.errors import UsageError
from joulepath_prometheus.arguments import add_server
from joulepath_prometheus.arguments import prometheus as server
from joulepath_report import files, text
from joulepath_report.build import build
from joulepath_report.model import Report
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
        "--since", type=duration, default=seconds(SINCE), metavar="DURATION", help=f"how far to look back ({SINCE})"
    )
    begin.add_argument(
        "--from", dest="begin", metavar="TIME", help="begin: 2026-11-28, 2026-11-28T10:00:00Z, ... (UTC)"
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="end (now)")
    for name, (contents, _) in WRITERS.items():
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {contents}")


def run(args: argparse.Namespace) -> int:
    """Prints the report and writes the files. Raises JoulepathError."""
    topology = read(args.topology)
    begin, end = (
        None if given is None else unix(given, option) for given, option in ((args.begin, "--from"), (args.end, "--to"))
    )
    # The last rows look half a window ahead, and come with the evaluation after it.
    latest = time.time() - topology.window / 2 - topology.interval
    begin, end = chosen(begin, end, args.since, latest)
    with server(args) as prometheus:
        report = build(prometheus, topology, begin, end)
    for name, (_, contents) in WRITERS.items():
        path: Path | None = getattr(args, name)
        if path is not None:
            _write(path, contents(report))
    print(text.terminal(report))  # noqa: T201  # the command's output
    return 0 if report.flow else 1


def _write(path: Path, contents: str | bytes) -> None:
    """Raises UsageError for a file that cannot be written."""
    try:
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
