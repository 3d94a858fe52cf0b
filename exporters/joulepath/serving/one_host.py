# SPDX-License-Identifier: Apache-2.0
"""The base of exporters that have one target, the host that they run on."""

import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from prometheus_client.core import Metric

from joulepath.exporter import Condition
from joulepath.metrics import Shown

THIS_HOST = "this host"


class OneHost:
    """All families are on `/metrics`. An exporter with a configuration file sets `files` and overrides `reload`."""

    targets: Collection[str] = ()
    files: Collection[Path] = ()
    ready = True
    shown: Sequence[Shown] = ()

    def probe(self, target: str) -> Iterable[Metric]:
        """Raises KeyError: this host is the only target."""
        raise KeyError(target)

    def condition(self, target: str = "") -> Condition:
        """It is read when a scrape asks: now. Raises KeyError as `probe` does."""
        if target:
            raise KeyError(target)
        return Condition(THIS_HOST, up=True, read_timestamp=time.time())

    def reload(self) -> None:
        """Does nothing: there is no configuration but the arguments."""
