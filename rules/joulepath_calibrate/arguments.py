# SPDX-License-Identifier: Apache-2.0
"""Arguments that the actions share: where measurements come from, and how far back."""

import argparse
import math
from pathlib import Path

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.settings import read as read_access
from joulepath_topology.durations import seconds

TOPOLOGY = "YAML file that says what is where (docs/guides/topology.md)"
SINCE = "24h"


def add_source(parser: argparse.ArgumentParser, csv: str) -> None:
    """Adds --prometheus and --csv, of which one is needed, --http-config and --since. `csv` is the help of --csv."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prometheus", metavar="URL", help="server that has the rules of this topology")
    source.add_argument("--csv", type=Path, metavar="FILE", help=csv)
    parser.add_argument("--http-config", type=Path, metavar="FILE", help="login and certificates for --prometheus")
    parser.add_argument(
        "--since", type=duration, default=seconds(SINCE), metavar="DURATION", help=f"how far to look back ({SINCE})"
    )


def prometheus(args: argparse.Namespace) -> Prometheus:
    """The server of --prometheus, with --http-config. Raises UsageError for a wrong URL or file."""
    return Prometheus(args.prometheus, read_access(args.http_config) if args.http_config is not None else None)


def duration(text: str) -> float:
    """Seconds of an argument such as 24h."""
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a duration such as {SINCE}: {text!r}") from None


def above_zero(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0: {text!r}")
    return value
