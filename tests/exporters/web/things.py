# SPDX-License-Identifier: Apache-2.0
"""An exporter of nothing in particular, and a server for it."""

import http.client
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client.core import Metric

from joulepath.exporter import Condition
from joulepath.metrics import Shown, gauge
from joulepath.web import Address, Server

UP = gauge("thing_up", "Whether it answers.")
READ_TIMESTAMP = 1_700_000_000.0


class Things:
    """Two targets; `answer` stands for what a device's snapshot says."""

    name = "thing"
    reads = "Things <of> all kinds"
    targets: tuple[str, ...] = ("one", "t/w o")
    ready = True
    shown: Sequence[Shown] = ()

    def __init__(self, answer: Callable[[], float | None] = lambda: 1.0) -> None:
        self.probed: list[str] = []
        self.answer = answer

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def probe(self, target: str) -> Iterable[Metric]:
        self.probed.append(target)
        return self._families()

    def condition(self, target: str = "") -> Condition:
        return Condition(target or "this thing", up=True, read_timestamp=READ_TIMESTAMP)

    def _families(self) -> Iterable[Metric]:
        family = UP.family()
        value = self.answer()
        if value is not None:
            family.add_metric([], value)
        return [family]


@contextmanager
def serving(things: Things, host: str = "127.0.0.1", **settings: Any) -> Iterator[Server]:
    """A running server at a free port of `host`."""
    server = Server(things, [Address(host, 0)], **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def get(server: Server, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers with small letters, body, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()
