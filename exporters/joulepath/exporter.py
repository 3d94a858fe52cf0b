# SPDX-License-Identifier: Apache-2.0
"""The shape all exporters share: what they serve, the arguments they take, `--once` and the run until a signal.

source  --readings-->  poller or reader  --snapshot-->  collector  --families-->  web
"""

import argparse
import signal
import sys
import threading
from collections.abc import Collection, Iterable, Sequence
from types import FrameType
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from joulepath import __version__, log, web
from joulepath.metrics import Family, gauge, registry

BUILD_INFO = gauge("joulepath_build_info", "Version of the running exporter; always 1.", "version", "exporter")


class Exporter(Protocol):
    """One exporter as the web server and the command line see it."""

    name: str
    """The subcommand."""
    reads: str
    """What it reads, in a few words, for the landing page."""

    @property
    def targets(self) -> Collection[str]:
        """Names that `/probe?target=` answers; empty where the one device is served on `/metrics`."""

    def collect(self) -> Iterable[Metric]:
        """Families of `/metrics`: the exporter's own, and the device's where there is only one. Never blocks on it."""

    def probe(self, target: str) -> Iterable[Metric]:
        """Families of one target. Raises KeyError for a name that is not configured."""

    def once(self) -> Iterable[Metric]:
        """Reads everything once and returns its families. Raises JoulepathError when nothing could be read."""

    def start(self) -> None:
        """Begins to read on its own clock, in threads of its own."""

    def stop(self) -> None:
        """Ends what `start` began and leaves devices and interfaces as they were."""


def build_info(exporter: str) -> Iterable[Family]:
    """`joulepath_build_info` of this process."""
    family = BUILD_INFO.family()
    family.add_metric([__version__, exporter], 1)
    yield family


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
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="least severity of the lines on standard error (default info)",
    )
    parser.add_argument(
        "--once", action="store_true", help="read once, print the exposition, exit 1 if nothing could be read"
    )
    parser.set_defaults(port=port)


def run(exporter: Exporter, args: argparse.Namespace) -> int:
    """Serves `exporter` until SIGTERM or SIGINT, or prints one reading with `--once`. Returns the exit code."""
    log.setup(args.log_level)
    if args.once:
        sys.stdout.buffer.write(generate_latest(registry(exporter.once)))
        return 0
    addresses: Sequence[web.Address] = args.listen or [web.Address("", args.port)]
    server = web.Server(exporter, addresses)
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    exporter.start()
    try:
        server.start()
        ended.wait()
    finally:
        server.stop()
        exporter.stop()
    return 0
