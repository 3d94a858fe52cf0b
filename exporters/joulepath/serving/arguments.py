# SPDX-License-Identifier: Apache-2.0
"""The arguments that every exporter takes."""

import argparse
import socket
from collections.abc import Sequence
from pathlib import Path

from joulepath import web
from joulepath.errors import UsageError
from joulepath.web.listen import passed_by_systemd


def add_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    """The arguments that every exporter takes; `port` is its default on all addresses."""
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        type=web.Address.parse,
        metavar="[HOST]:PORT",
        help=f"where to serve; may be given several times (default :{port})",
    )
    parser.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="serve on the sockets that systemd passes, instead of an address",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        type=Path,
        metavar="FILE",
        help="TLS, users and headers (docs/guides/serving.md)",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="least severity of the lines on standard error (default info)",
    )
    parser.add_argument(
        "--run-as",
        dest="run_as",
        metavar="USER",
        help="started by root: become this user before the first request is answered (docs/guides/security.md)",
    )
    parser.add_argument(
        "--once", action="store_true", help="read once, print the exposition, exit 1 if nothing could be read"
    )
    parser.set_defaults(port=port)


def listeners(args: argparse.Namespace) -> Sequence[web.Address | socket.socket]:
    """Where to serve: addresses, or the sockets that systemd passes. Raises UsageError."""
    if not args.systemd_socket:
        return args.listen or [web.Address("", args.port)]
    if args.listen:
        raise UsageError("--web.systemd-socket says where to serve: leave out --web.listen-address")
    return passed_by_systemd()
