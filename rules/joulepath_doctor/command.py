# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath doctor`."""

import argparse
import shutil
import sys

from joulepath_doctor.context import context
from joulepath_doctor.examine import CHECKS, examine
from joulepath_doctor.output import as_json, summary, table
from joulepath_prometheus.arguments import add_server, prometheus
from joulepath_topology import read
from joulepath_topology.arguments import add_topology, duration
from joulepath_topology.durations import seconds

SINCE = "1h"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_topology(parser)
    add_server(parser)
    parser.add_argument(
        "--since",
        type=duration,
        default=seconds(SINCE),
        metavar="DURATION",
        help=f"how far to look back (default: {SINCE})",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the table")


def run(args: argparse.Namespace) -> int:
    """Prints the findings. Returns 1 where one is an error or a warning, else 0. Raises JoulepathError."""
    topology = read(args.topology, _warn)
    with prometheus(args) as server:
        made = context(topology, server, args.since, file=str(args.topology))
        findings = examine(made)
    if args.json:
        _print(as_json(made, findings))
    else:
        if findings:
            _print(table(findings, shutil.get_terminal_size((120, 24)).columns))
        _print(f"{args.topology} on {made.server.url}: {len(CHECKS)} checks, {summary(findings)}")
    return int(any(finding.kind.severity != "note" for finding in findings))


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    # A question mark stands for a sign that the terminal does not have.
    print(text.encode(encoding, "replace").decode(encoding))  # noqa: T201  # the command's output


def _warn(line: str) -> None:
    print(f"joulepath doctor: {line}", file=sys.stderr)  # noqa: T201  # beside the command's errors
