# SPDX-License-Identifier: Apache-2.0
"""`joulepath ioam`: counts packets and bytes per IOAM trace and flow on interfaces of this host."""

import argparse
import dataclasses
import logging
import socket
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.bpf import tc
from joulepath.bpf.libbpf import claim_memory
from joulepath.errors import JoulepathError, UsageError
from joulepath.exporter import Condition
from joulepath.files import text_of
from joulepath.ioam.backend.choice import BACKENDS, ChosenSource
from joulepath.ioam.backend.pcap import PcapSource
from joulepath.ioam.backend.source import TrafficSource
from joulepath.ioam.collector import families
from joulepath.ioam.metrics import SHOWN
from joulepath.ioam.settings import MAX_NODE_ID, Before, Bounds, Flow, Point, Settings
from joulepath.ioam.table.flows import joined
from joulepath.ioam.table.overlap import remarks
from joulepath.reading.carry import Carry
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.one_host import OneHost
from joulepath.serving.run import serve

logger = logging.getLogger(__name__)

PORT = 10474
_ONCE_SECONDS = 1.0
_KERNEL = frozenset({rights.CAP_BPF, rights.CAP_NET_ADMIN, rights.CAP_PERFMON})
_NEEDS = {"ebpf": _KERNEL, "packet": frozenset({rights.CAP_NET_RAW}), "pcap": frozenset[int]()}
"""Capabilities by backend: interfaces come back, and a reload may name others."""
_RECEIVED, _CAPTURED = "received", "captured"


class IoamExporter(OneHost):
    """The exporter of one host; its counts are on `/metrics`. `read` reads the settings again, from `file`."""

    name = "ioam"
    reads = "packets and bytes per IOAM trace and flow"
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
        complaints: Sequence[str] = (),
        fallback: Settings | None = None,
    ) -> None:
        """With `epoch`, counters say when they were created: see collector.families.

        `complaints` are told at the start. `fallback` has no flows of a `flows_file`, and is for those that the backend
        does not know.
        """
        self._file = file
        self.complaints = list(complaints)
        """The mistakes in the `flows_file` at the start."""
        self._fallback = fallback
        self._settings = settings
        self._read = read
        self._make = source
        self._epoch = epoch
        self._once_seconds = once_seconds
        # One tuple, so that no scrape sees the counts of an ended source twice, or not at all.
        self._counting = (source(settings), Carry())
        self._captures: bool | None = None

    @property
    def files(self) -> Collection[Path]:  # type: ignore[override]  # they follow the settings
        """The files that are read again when they change."""
        if self._file is None:
            return ()
        return (self._file,) if self._settings.flows_file is None else (self._file, self._settings.flows_file)

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
        for line in [*self.complaints, *remarks(self._settings.flows, sent=self._settings.counts_sent)]:
            logger.warning("%s", line)
        source, carry = self._counting
        try:
            source.start()
        except UsageError as mistake:
            if self._fallback is None or self._fallback == self._settings:
                raise
            self._count(self._fallback, carry, Before())
            self._settings = self._fallback
            self.complaints = [f"{self._settings.flows_file}: {line}" for line in mistake.messages]
            for line in self.complaints:
                logger.warning("%s", line)

    def reload(self) -> None:
        """Counts by the settings as they are now and keeps earlier counts.

        Flows change without a gap. At any other change no node counts the packets in between.
        """
        if self._read is None:
            return
        settings = self._read()
        if settings == self._settings:
            return
        source, carry = self._counting
        if self._settings.counts_flows and self._settings == dataclasses.replace(
            settings, flows=self._settings.flows, flows_file=self._settings.flows_file
        ):
            source.follow(settings.flows)
            self._adopt(settings)
            return
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
        self._adopt(settings)

    def _adopt(self, settings: Settings) -> None:
        before, self._settings = self._settings, settings
        if settings.flows != before.flows:
            for line in remarks(settings.flows, sent=settings.counts_sent):
                logger.warning("%s", line)

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
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="read --config and its flows_file, say which flows never count, and end",
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Counts and serves until a signal."""
    read = Reader(args)
    epoch = time.time() - time.monotonic() if args.created_timestamps else None
    again = read if args.pcap is None else None  # a capture is counted once
    source = partial(_source, args)
    settings = read.first()
    if args.check_config:
        for line in remarks(settings.flows, sent=settings.counts_sent):
            print(line)  # noqa: T201  # the command's output
        return 0
    ioam = IoamExporter(
        settings,
        read=again,
        file=args.config,
        source=source,
        epoch=epoch,
        complaints=read.complaints,
        fallback=read.fallback,
    )
    backend = "pcap" if args.pcap is not None else args.backend or settings.backend
    # Which one `auto` takes, it knows once all is open.
    capabilities = _NEEDS.get(backend, frozenset[int]().union(*_NEEDS.values()))
    return serve(ioam, args, capabilities=capabilities, claim=ioam.claim, complaint=lambda: "; ".join(ioam.complaints))


def _keep(backend: str) -> None:
    rights.keep(_NEEDS[backend])


def _source(args: argparse.Namespace, settings: Settings) -> TrafficSource:
    if args.pcap is None:
        return ChosenSource(settings, args.backend, opened=_keep)
    return PcapSource(settings, args.pcap, args.interface if args.config is not None else None, opened=_keep)


class Reader:
    """Reads the settings: of the two files, only one that has changed is parsed again."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._parsed: dict[str, tuple[Path, str, Any]] = {}
        self.complaints: tuple[str, ...] = ()
        """The mistakes in a `flows_file` that was wrong or absent at the start."""
        self.fallback: Settings | None = None
        """The settings without the flows of the `flows_file`, where `first` found one."""

    def __call__(self) -> Settings:
        """The settings as they are now. Raises UsageError."""
        return self._with_file(self._own())

    def first(self) -> Settings:
        """The settings to begin with: a `flows_file` that is wrong or absent leaves the other flows alone."""
        own = self._own()
        if self._args.once or self._args.check_config or own.flows_file is None:
            return self._with_file(own)
        self.fallback = own
        try:
            return self._with_file(own)
        except UsageError as mistake:
            self.complaints = mistake.messages
            return own

    def _own(self) -> Settings:
        args = self._args
        settings = self._from_file() if args.config is not None else _from_arguments(args)
        # With --once, a scrape cannot come before the series is printed.
        return dataclasses.replace(settings, hold_seconds=0.0) if args.once else settings

    def _with_file(self, settings: Settings) -> Settings:
        if settings.flows_file is None:
            return settings
        more: tuple[Flow, ...] = self._parse("joulepath.ioam.flow_config", settings.flows_file)
        try:
            return dataclasses.replace(settings, flows=joined(settings.flows, more))
        except ValueError as mistake:
            raise UsageError(f"{settings.flows_file}: {mistake}") from None

    def _from_file(self) -> Settings:
        args = self._args
        if args.node_id is not None or (args.interface is not None and args.pcap is None):
            raise UsageError("--config says where to count: leave out --interface and --node-id")
        settings: Settings = self._parse("joulepath.ioam.config", args.config)
        return settings

    def _parse(self, module: str, path: Path) -> Any:
        """The file as its module reads it, from before if it has the same text."""
        text = text_of(path)
        known = self._parsed.get(module)
        if known is None or known[:2] != (path, text):
            known = self._parsed[module] = (path, text, apart.read(module, path, text))
        return known[2]


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
