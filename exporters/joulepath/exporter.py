# SPDX-License-Identifier: Apache-2.0
"""The interface of every exporter: what the web server asks of it, and what running it needs.

source  --readings-->  poller or reader  --snapshot-->  collector  --families-->  web
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prometheus_client.core import Metric

from joulepath.metrics import Shown


@dataclass(frozen=True)
class Condition:
    """How a target is, for the landing page. Times are seconds since the epoch."""

    name: str
    up: bool | None = None
    """Whether it was read the last time; None before the first."""
    read_timestamp: float | None = None
    """When it was last read."""
    fault: str = ""
    """The last fault, in one line."""
    fault_timestamp: float | None = None
    """When that was; None where nothing ever failed."""


class Served(Protocol):
    """An exporter as the web server sees it."""

    name: str
    """The subcommand."""
    reads: str
    """Its readings in a few words, for the landing page."""

    @property
    def targets(self) -> Collection[str]:
        """Names that `/probe?target=` answers; empty where the one device is served on `/metrics`."""

    @property
    def ready(self) -> bool:
        """Whether it has read, or tried to read, all that it serves; stays true. For `/-/ready`."""

    def collect(self) -> Iterable[Metric]:
        """Families of `/metrics`: the exporter's own, and the device's where there is only one. Never blocks on it.

        Those of `joulepath.serving.telemetry` are added by the server.
        """

    def probe(self, target: str) -> Iterable[Metric]:
        """Families of one target. Raises KeyError for a name that is not configured."""

    @property
    def shown(self) -> Sequence[Shown]:
        """The numbers of the landing page, from the families above."""

    def condition(self, target: str = "") -> Condition:
        """Of a target; without a name, of the one on `/metrics`. Raises KeyError for a name that is not configured."""


class Exporter(Served, Protocol):
    """An exporter as the command line sees it."""

    @property
    def files(self) -> Collection[Path]:
        """Files that the configuration was read from; `reload` is called when one changes."""

    def once(self) -> Iterable[Metric]:
        """Reads everything once and returns its families. Raises JoulepathError when nothing could be read."""

    def start(self) -> None:
        """Begins to read on its own clock, in threads of its own."""

    def reload(self) -> None:
        """Reads its configuration again; counters go on. Raises JoulepathError and changes nothing if it is wrong."""

    def stop(self) -> None:
        """Ends what `start` began and leaves devices and interfaces as they were."""
