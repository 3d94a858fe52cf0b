# SPDX-License-Identifier: Apache-2.0
"""`joulepath pfcp`: binds the capture of N4, the sessions, the file of flows and the collector."""

import argparse
import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.errors import JoulepathError, UsageError
from joulepath.exporter import Condition
from joulepath.pfcp.collector import families
from joulepath.pfcp.flowsfile import FlowsWriter
from joulepath.pfcp.metrics import SHOWN
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.settings import Settings
from joulepath.pfcp.source.live import LiveSource
from joulepath.pfcp.source.pcap import PcapSource
from joulepath.pfcp.statefile import StateFile
from joulepath.serving import rights
from joulepath.serving.arguments import add_arguments
from joulepath.serving.one_host import OneHost
from joulepath.serving.run import serve

PORT = 10480
_ONCE_SECONDS = 1.0


class PfcpExporter(OneHost):
    """The exporter of one place on N4. `read` reads the settings again, from `file`."""

    name = "pfcp"
    reads = "usage reports of 5G user planes"
    shown = SHOWN

    def __init__(
        self,
        settings: Settings,
        source: Callable[[Tracker], LiveSource | PcapSource] = LiveSource,
        *,
        read: Callable[[], Settings] | None = None,
        file: Path | None = None,
        once_seconds: float = _ONCE_SECONDS,
    ) -> None:
        self.files = () if file is None else (file,)
        self._settings = settings
        self._read = read
        self._once_seconds = once_seconds
        self._tracker = Tracker(settings)
        self._source = source(self._tracker)
        self._writer = self._make_writer()
        self._state = None if settings.state is None else StateFile(self._tracker, settings.state)
        self._up: bool | None = None

    def collect(self) -> Iterable[Metric]:
        """The counts so far."""
        captured = self._source.reading()
        self._up = bool(captured.interfaces)
        return families(self._tracker, captured, None if self._writer is None else self._writer.written)

    def condition(self, target: str = "") -> Condition:
        """Up while an interface is captured, as of the last `collect`. Raises KeyError as `probe` does."""
        return dataclasses.replace(super().condition(target), up=self._up)

    def once(self) -> Iterable[Metric]:
        """Captures for a moment, or reads a file to its end."""
        self._source.start(self._settings.interfaces, self._settings.mirrors)
        try:
            self._source.finish(self._once_seconds)
            found = list(self.collect())
        finally:
            self._source.stop()
        if not self._up:
            raise JoulepathError("no interface is up, or no packet in the capture: nothing could be read")
        if self._writer is not None:
            self._writer.look(at_once=True)
        return found

    def claim(self) -> None:
        """Opens the capture in a file, while this is still root."""
        if isinstance(self._source, PcapSource):
            self._source.claim()

    def start(self) -> None:
        """Takes up the sessions of before a restart, and begins to capture."""
        if self._state is not None and isinstance(self._source, LiveSource):
            self._state.start()
        self._source.start(self._settings.interfaces, self._settings.mirrors)
        if self._writer is not None:
            self._writer.start()

    def reload(self) -> None:
        """Goes on by the settings as they are now; sessions and counters stay."""
        if self._read is None:
            return
        settings = self._read()
        if settings == self._settings:
            return
        before = self._settings
        if (settings.interfaces, settings.mirrors) != (before.interfaces, before.mirrors):
            self._source.stop()
            try:
                self._source.start(settings.interfaces, settings.mirrors)
            except JoulepathError:
                self._source.start(before.interfaces, before.mirrors)
                raise
        self._settings = settings
        self._tracker.apply(settings)
        if settings.state != before.state:
            if self._state is not None:
                self._state.stop()
            self._state = None if settings.state is None else StateFile(self._tracker, settings.state)
            if self._state is not None:
                self._state.begin()
        if settings.flows != before.flows:
            if self._writer is not None:
                self._writer.stop()
            self._writer = self._make_writer()
            if self._writer is not None:
                self._writer.start()

    def stop(self) -> None:
        """Ends the capture."""
        self._source.stop()
        if self._writer is not None:
            self._writer.stop()
        if self._state is not None:
            self._state.stop()

    def _make_writer(self) -> FlowsWriter | None:
        return None if self._settings.flows is None else FlowsWriter(self._tracker, self._settings.flows)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="what to capture, and groups (docs/guides/pfcp.md)")
    parser.add_argument("--interface", metavar="IF", help="without `interfaces` in a file: capture N4 here")
    parser.add_argument("--pcap", metavar="FILE", help="read this capture (pcap, pcapng; - for standard input)")
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Captures and serves until a signal."""
    read = partial(_settings, args)
    source: Callable[[Tracker], LiveSource | PcapSource] = LiveSource
    if args.pcap is not None:
        source = partial(PcapSource, path=args.pcap)
    again = read if args.pcap is None and args.config is not None else None
    exporter = PfcpExporter(read(), source, read=again, file=args.config)
    capabilities = () if args.pcap is not None else (rights.CAP_NET_RAW,)
    return serve(exporter, args, capabilities=capabilities, claim=exporter.claim)


def _settings(args: argparse.Namespace) -> Settings:
    settings = Settings()
    if args.config is not None:
        settings = apart.read("joulepath.pfcp.config", args.config)
    if args.interface is not None:
        if settings.interfaces or settings.mirrors or args.pcap is not None:
            raise UsageError("--interface: leave it out, as --config or --pcap says where N4 comes from")
        settings = dataclasses.replace(settings, interfaces=(args.interface,))
    if args.pcap is None and not (settings.interfaces or settings.mirrors):
        raise UsageError("say where N4 passes: `interfaces` in --config FILE, or --interface IF (or --pcap FILE)")
    return settings
