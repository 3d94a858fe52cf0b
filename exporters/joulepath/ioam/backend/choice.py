# SPDX-License-Identifier: Apache-2.0
"""The backend that counts on interfaces: in the kernel where that is allowed, else AF_PACKET."""

import logging
from collections.abc import Sequence
from typing import get_args

from joulepath.bpf.libbpf import BpfError, UnavailableError
from joulepath.errors import UsageError
from joulepath.ioam.backend.ebpf import EbpfSource
from joulepath.ioam.backend.packet import PacketSource
from joulepath.ioam.backend.source import Opened, TrafficReading, TrafficSource, ignore_backend, refuse_cgroups
from joulepath.ioam.settings import Backend, Flow, Settings

logger = logging.getLogger(__name__)

EBPF, PACKET = "ebpf", "packet"
BACKENDS: tuple[str, ...] = get_args(Backend)


class ChosenSource:
    """`ebpf` if it can be had and is wanted, else `packet`; which one is known once it has started."""

    def __init__(self, settings: Settings, backend: str | None = None, opened: Opened = ignore_backend) -> None:
        """`backend` (one of BACKENDS), if given, overrides the settings."""
        backend = backend or settings.backend
        if backend == EBPF and _mirrors(settings):
            raise UsageError(f"backend: {_MIRROR}")
        self._settings = settings
        self._backend = backend
        self._opened = opened
        self._source: TrafficSource = PacketSource(settings, opened=opened)

    @property
    def name(self) -> str:
        """The label `backend`."""
        return self._source.name

    def start(self) -> None:
        """Begins to count. Raises JoulepathError."""
        if self._backend == PACKET:
            refuse_cgroups(self._settings.flows)
        else:
            try:
                self._start_ebpf()
            except (BpfError, UnavailableError) as fault:
                if self._backend == EBPF:
                    raise
                try:
                    refuse_cgroups(self._settings.flows)
                except UsageError as mistake:
                    raise UsageError([*mistake.messages, *fault.messages]) from None
                logger.warning("counting with AF_PACKET, since: %s", fault)
            else:
                return
        self._source.start()

    def stop(self) -> None:
        """Counts what has arrived and ends."""
        self._source.stop()

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on. Raises JoulepathError."""
        self._source.follow(flows)

    def finish(self, seconds: float) -> None:
        """Returns when a reading is worth printing."""
        self._source.finish(seconds)

    def reading(self) -> TrafficReading:
        """The counts so far."""
        return self._source.reading()

    def _start_ebpf(self) -> None:
        if _mirrors(self._settings):
            raise UnavailableError(_MIRROR)
        source = EbpfSource(self._settings, opened=self._opened)
        source.start()
        self._source = source


_MIRROR = "the direction of each packet (`mirror` of an interface) is known to the packet backend only"


def _mirrors(settings: Settings) -> bool:
    return any(point.rules for point in settings.points)
