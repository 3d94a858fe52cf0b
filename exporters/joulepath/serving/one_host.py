# SPDX-License-Identifier: Apache-2.0
"""The base of exporters that have one target, the host that they run on."""

from collections.abc import Collection, Iterable
from pathlib import Path

from prometheus_client.core import Metric


class OneHost:
    """All families are on `/metrics`. An exporter with a configuration file sets `files` and overrides `reload`."""

    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True

    def probe(self, target: str) -> Iterable[Metric]:
        """Raises KeyError: this host is the only target."""
        raise KeyError(target)

    def reload(self) -> None:
        """Does nothing: there is no configuration but the arguments."""
