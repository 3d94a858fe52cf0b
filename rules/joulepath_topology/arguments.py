# SPDX-License-Identifier: Apache-2.0
"""Arguments of the commands that read a topology file."""

import argparse
from pathlib import Path

from joulepath_topology.durations import seconds


def add_topology(parser: argparse.ArgumentParser) -> None:
    """Adds TOPOLOGY, a path."""
    parser.add_argument(
        "topology", type=Path, metavar="TOPOLOGY", help="YAML file that says what is where (docs/guides/topology.md)"
    )


def duration(text: str) -> float:
    """Seconds of an argument such as 24h."""
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a duration such as 24h: {text!r}") from None
