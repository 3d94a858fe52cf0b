# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam`: counts packets and bytes per IOAM trace on interfaces of this host."""

import argparse
import dataclasses
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.bpf import tc
from joulepath.bpf.libbpf import claim_memory
from joulepath.errors import JoulepathError, UsageError
from joulepath.exporter import Condition
from joulepath.ioam.backend.choice import BACKENDS, ChosenSource
from joulepath.ioam.backend.pcap import PcapSource
from joulepath.ioam.backend.source import TrafficSource
from joulepath.ioam.collector import families
from joulepath.ioam.metrics import SHOWN
from joulepath.ioam.settings import MAX_NODE_ID, Before, Bounds, Point, Settings
from joulepath.reading.carry import Carry
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.one_host import OneHost
from joulepath.serving.run import serve

PORT = 10474
_ONCE_SECONDS = 1.0
_KERNEL = frozenset({rights.CAP_BPF, rights.CAP_NET_ADMIN, rights.CAP_PERFMON})
_NEEDS = {"ebpf": _KERNEL, "packet": frozenset({rights.CAP_NET_RAW}), "pcap": frozenset[int]()}
"""Capabilities by backend: interfaces come back, and a reload may name others."""
_RECEIVED, _CAPTURED = "received", "captured"


class IoamExporter(OneHost):
    """The exporter of one host; its counts are on `/metrics`. `read` reads the settings again, from `file`."""

    name = "ioam"
    reads = "packets and bytes per IOAM trace"
    shown = SHOWN

    def __init__(
        self,
        settings: Settings,
        *,
        read: Callable[[], Settings] | None = None,
        file: Path | None = None,
        source: Callable[[Settings], TrafficSource],
        once_seconds: float = _ONCE_SECONDS,
        epoch: float | None = None,
    ) -> None:
        """With `epoch`, counters say when they were created: see collector.families."""
        self.files = () if file is None else (file,)
        self._settings = settings
        self._read = read
        self._make = source
        self._epoch = epoch
        self._once_seconds = once_seconds
        # One tuple, so that no scrape sees the counts of an ended source twice, or not at all.
        self._counting = (source(settings), Carry())
        self._captures: bool | None = None

    def collect(self) -> Iterable[Metric]:
        """The counts so far."""
        source, carry = self._counting
        reading = source.reading()
        self._captures = bool(reading.captures)
        return carry.onto(families(reading, self._epoch))

    def condition(self, target: str = "") -> Condition:
        """Up while an interface is captured, as of the last `collect`. Raises KeyError as `probe` does."""
        return dataclasses.replace(super().condition(target), up=self._captures)

    def once(self) -> Iterable[Metric]:
        """Counts for a moment, or a capture to its end: packets that have not yet come cannot be read."""
        source, _ = self._counting
        source.start()
        try:
            source.finish(self._once_seconds)
            reading = source.reading()
        finally:
            source.stop()
        if not reading.captures:
            raise JoulepathError("no interface is up, or no packet in the capture: nothing could be counted")
        return list(families(reading))

    def claim(self) -> None:
        """Takes the steps that need root: lifts a limit, opens a capture in a file, asks for programs' names."""
        claim_memory()
        source, _ = self._counting
        if isinstance(source, PcapSource):
            source.claim()
            return
        for interface in {point.interface for point in self._settings.points if point.way == "sent"}:
            with suppress(OSError):  # it is away
                tc.ask_names(socket.if_nametoindex(interface))

    def start(self) -> None:
        """Begins to count."""
        self._counting[0].start()

    def reload(self) -> None:
        """Counts by the settings as they are now and keeps earlier counts. No node counts the packets in between."""
        if self._read is None:
            return
        settings = self._read()
        if settings == self._settings:
            return
        source, carry = self._counting
        source.stop()
        last = source.reading()
        carry = carry.ended(families(last, self._epoch))
        known = frozenset(point.interface for point in self._settings.points)
        before = dataclasses.replace(last.counts.before(), interfaces=known)
        try:
            self._count(settings, carry, before)
        except JoulepathError:
            self._count(self._settings, carry, before)
            raise
        self._settings = settings

    def _count(self, settings: Settings, carry: Carry, before: Before) -> None:
        source = self._make(dataclasses.replace(settings, before=before))
        source.start()
        self._counting = (source, carry)

    def stop(self) -> None:
        """Ends counting."""
        self._counting[0].stop()


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="what to count where (docs/guides/ioam.md)")
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
        help="ebpf counts in the kernel, packet in this process, auto takes ebpf where it is allowed; default: "
        "what the file says, else auto",
    )
    parser.add_argument(
        "--web.created-timestamps",
        dest="created_timestamps",
        action="store_true",
        help="say when counters of traces and paths were created (OpenMetrics _created, for Prometheus 3)",
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Counts and serves until a signal."""
    read = partial(_settings, args)
    epoch = time.time() - time.monotonic() if args.created_timestamps else None
    again = read if args.pcap is None else None  # a capture is counted once
    source = partial(_source, args)
    settings = read()
    ioam = IoamExporter(settings, read=again, file=args.config, source=source, epoch=epoch)
    backend = "pcap" if args.pcap is not None else args.backend or settings.backend
    # Which one `auto` takes, it knows once all is open.
    capabilities = _NEEDS.get(backend, frozenset[int]().union(*_NEEDS.values()))
    return serve(ioam, args, capabilities=capabilities, claim=ioam.claim)


def _keep(backend: str) -> None:
    rights.keep(_NEEDS[backend])


def _source(args: argparse.Namespace, settings: Settings) -> TrafficSource:
    if args.pcap is None:
        return ChosenSource(settings, args.backend, opened=_keep)
    return PcapSource(settings, args.pcap, args.interface if args.config is not None else None, opened=_keep)


def _settings(args: argparse.Namespace) -> Settings:
    settings = _from_file(args) if args.config is not None else _from_arguments(args)
    # With --once, a scrape cannot come before the series is printed.
    return dataclasses.replace(settings, hold_seconds=0.0) if args.once else settings


def _from_file(args: argparse.Namespace) -> Settings:
    if args.node_id is not None or (args.interface is not None and args.pcap is None):
        raise UsageError("--config says where to count: leave out --interface and --node-id")
    read: Settings = apart.read("joulepath.ioam.config", args.config)
    return read


def _from_arguments(args: argparse.Namespace) -> Settings:
    if args.pcap is not None:
        if args.node_id is None or args.interface is not None:
            raise UsageError("name the node of the capture: --pcap FILE with --node-id N, or with --config FILE")
        point = Point(args.pcap, "received", args.node_id, _CAPTURED, path=True)
    else:
        if args.interface is None or args.node_id is None:
            raise UsageError("say what to count: --config FILE, or --interface IF (or --pcap FILE) with --node-id N")
        point = Point(args.interface, "received", args.node_id, _RECEIVED, path=True)
    return Settings(points=(point,), bounds=Bounds())


def _node_id(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_NODE_ID:
        raise argparse.ArgumentTypeError(f"{text!r} is not a node id, 0 to {MAX_NODE_ID}")
    return int(text)
