# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam`: counts packets and bytes per IOAM trace on interfaces of this host."""

import argparse
import dataclasses
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import exporter
from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.backends import AUTO, BACKENDS, ChosenSource
from joulepath.ioam.collector import families
from joulepath.ioam.pcap import PcapSource
from joulepath.ioam.settings import MAX_NODE_ID, Bounds, Point, Settings
from joulepath.ioam.source import Source

PORT = 10474
_ONCE_SECONDS = 1.0
_RECEIVED, _CAPTURED = "received", "captured"


class IoamExporter:
    """The exporter of one host; its counts are on `/metrics`."""

    name = "ioam"
    reads = "packets and bytes per IOAM trace"
    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True

    def __init__(self, source: Source, once_seconds: float = _ONCE_SECONDS, epoch: float | None = None) -> None:
        """With `epoch`, counters say when they were created: see collector.families."""
        self._source = source
        self._epoch = epoch
        self._once_seconds = once_seconds

    def collect(self) -> Iterable[Metric]:
        """The counts so far."""
        return families(self._source.reading(), self._epoch)

    def probe(self, target: str) -> Iterable[Metric]:
        """There is no target but this host."""
        raise KeyError(target)

    def once(self) -> Iterable[Metric]:
        """Counts for a moment, or a capture to its end."""
        self._source.start()
        try:
            self._source.finish(self._once_seconds)
            reading = self._source.reading()
        finally:
            self._source.stop()
        if not reading.captures:
            raise JoulepathError("no interface is up, or no packet in the capture: nothing could be counted")
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
    parser.add_argument(
        "--interface",
        metavar="IF",
        help="without a file: count the packets received here; with --pcap: where the capture is from",
    )
    parser.add_argument("--pcap", metavar="FILE", help="count this capture (pcap, pcapng; - for standard input)")
    parser.add_argument("--node-id", type=_node_id, metavar="N", help="without a file: this node's IOAM node id")
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=AUTO,
        help="ebpf counts in the kernel, packet in this process; auto (the default) takes ebpf where it is allowed",
    )
    parser.add_argument(
        "--web.created-timestamps",
        dest="created_timestamps",
        action="store_true",
        help="say when counters of traces and paths were created (OpenMetrics _created, for Prometheus 3)",
    )
    exporter.add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Counts and serves until a signal."""
    epoch = time.time() - time.monotonic() if args.created_timestamps else None
    return exporter.run(IoamExporter(_source(args), epoch=epoch), args)


def _source(args: argparse.Namespace) -> Source:
    if args.pcap is None:
        return ChosenSource(_shown(_settings(args), args), args.backend, give_up_rights=True)
    if args.config is not None:
        return PcapSource(_shown(_settings(args), args), args.pcap, args.interface)
    if args.node_id is None or args.interface is not None:
        raise UsageError("say whose capture it is: --pcap FILE with --node-id N, or with --config FILE")
    point = Point(args.pcap, "received", args.node_id, _CAPTURED, path=True)
    return PcapSource(_shown(Settings(points=(point,), bounds=Bounds()), args), args.pcap)


def _shown(settings: Settings, args: argparse.Namespace) -> Settings:
    """Nobody scrapes a series before --once has printed it."""
    return dataclasses.replace(settings, hold_seconds=0.0) if args.once else settings


def _settings(args: argparse.Namespace) -> Settings:
    if args.config is not None:
        if args.node_id is not None or (args.interface is not None and args.pcap is None):
            raise UsageError("--config says where to count: leave out --interface and --node-id")
        # Only a file needs pydantic and YAML.
        from joulepath.ioam import config  # noqa: PLC0415

        return config.read(args.config)
    if args.interface is None or args.node_id is None:
        raise UsageError("say what to count: --config FILE, or --interface IF (or --pcap FILE) with --node-id N")
    point = Point(args.interface, "received", args.node_id, _RECEIVED, path=True)
    return Settings(points=(point,), bounds=Bounds())


def _node_id(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_NODE_ID:
        raise argparse.ArgumentTypeError(f"{text!r} is not a node id, 0 to {MAX_NODE_ID}")
    return int(text)
