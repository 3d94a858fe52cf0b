# SPDX-License-Identifier: Apache-2.0
"""Arguments that the actions share: where measurements come from, and how far back."""

import argparse
import math
from pathlib import Path

from joulepath_prometheus.arguments import add_http_config
from joulepath_topology.arguments import duration
from joulepath_topology.durations import seconds

SINCE = "24h"


def add_source(parser: argparse.ArgumentParser, csv: str) -> None:
    """Adds --prometheus and --csv, of which one is needed, --http-config and --since. `csv` is the help of --csv."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prometheus", metavar="URL", help="server that has the rules of this topology")
    source.add_argument("--csv", type=Path, metavar="FILE", help=csv)
    add_http_config(parser)
    parser.add_argument(
        "--since",
        type=duration,
        default=seconds(SINCE),
        metavar="DURATION",
        help=f"how far to look back (default: {SINCE})",
    )


def above_zero(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0: {text!r}")
    return value
