# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam`: counts packets and bytes per IOAM trace on interfaces of this host."""

import argparse
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import exporter
from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.collector import families
from joulepath.ioam.settings import MAX_NODE_ID, Bounds, Point, Settings
from joulepath.ioam.source import PacketSource

PORT = 10474
_ONCE_SECONDS = 1.0
_DIRECTION = "received"


class IoamExporter:
    """The exporter of one host; its counts are on `/metrics`."""

    name = "ioam"
    reads = "packets and bytes per IOAM trace (AF_PACKET)"
    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True

    def __init__(self, source: PacketSource, once_seconds: float = _ONCE_SECONDS) -> None:
        self._source = source
        self._once_seconds = once_seconds

    def collect(self) -> Iterable[Metric]:
        """The counts so far."""
        return families(self._source.reading())

    def probe(self, target: str) -> Iterable[Metric]:
        """There is no target but this host."""
        raise KeyError(target)

    def once(self) -> Iterable[Metric]:
        """Counts for a moment: packets that have not yet come cannot be read."""
        self._source.start()
        try:
            time.sleep(self._once_seconds)
            reading = self._source.reading()
        finally:
            self._source.stop()
        if not reading.captures:
            raise JoulepathError("no interface is up: nothing could be counted")
        return list(families(reading))

    def start(self) -> None:
        """Begins to count."""
        self._source.start()

    def reload(self) -> None:
        """There is no configuration but the arguments."""

    def stop(self) -> None:
        """Ends counting."""
        self._source.stop()


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="what to count where (docs/ioam.md)")
    parser.add_argument("--interface", metavar="IF", help="without a file: count the packets received here")
    parser.add_argument("--node-id", type=_node_id, metavar="N", help="without a file: this node's IOAM node id")
    exporter.add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Counts and serves until a signal."""
    return exporter.run(IoamExporter(PacketSource(_settings(args))), args)


def _settings(args: argparse.Namespace) -> Settings:
    if args.config is not None:
        if args.interface is not None or args.node_id is not None:
            raise UsageError("--config says where to count: leave out --interface and --node-id")
        # Only a file needs pydantic and YAML.
        from joulepath.ioam import config  # noqa: PLC0415

        return config.read(args.config)
    if args.interface is None or args.node_id is None:
        raise UsageError("say what to count: --config FILE, or --interface IF with --node-id N")
    point = Point(args.interface, "received", args.node_id, _DIRECTION, path=True)
    return Settings(points=(point,), bounds=Bounds())


def _node_id(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_NODE_ID:
        raise argparse.ArgumentTypeError(f"{text!r} is not a node id, 0 to {MAX_NODE_ID}")
    return int(text)
