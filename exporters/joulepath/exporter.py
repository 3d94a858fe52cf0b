# SPDX-License-Identifier: Apache-2.0
"""The interface of every exporter: what the web server asks of it, and what running it needs.

source  --readings-->  poller or reader  --snapshot-->  collector  --families-->  web
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from prometheus_client.core import Metric


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
