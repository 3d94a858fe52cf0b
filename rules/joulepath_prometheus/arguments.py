# SPDX-License-Identifier: Apache-2.0
"""Arguments of the commands that ask a Prometheus."""

import argparse
from pathlib import Path

from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.settings import read


def add_server(parser: argparse.ArgumentParser) -> None:
    """Adds --prometheus, which is required, and --http-config."""
    parser.add_argument("--prometheus", metavar="URL", required=True, help="server that has the rules of this topology")
    add_http_config(parser)


def add_http_config(parser: argparse.ArgumentParser) -> None:
    """Adds --http-config."""
    parser.add_argument("--http-config", type=Path, metavar="FILE", help="login and certificates for --prometheus")


def prometheus(args: argparse.Namespace) -> Prometheus:
    """The server of --prometheus, with --http-config. Raises UsageError for a wrong URL or file."""
    return Prometheus(args.prometheus, read(args.http_config) if args.http_config is not None else None)
