# SPDX-License-Identifier: Apache-2.0
"""An exporter of nothing in particular, and a server for it."""

import http.client
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client.core import Metric

from joulepath.exporter import Condition
from joulepath.metrics import Shown, counter, gauge
from joulepath.web import Address, Server

UP = gauge("thing_up", "Whether it answers.")
NOW = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""
POWER = gauge("thing_power_watts", "Power of an outlet.", "outlet")
ENERGY = counter("thing_energy_joules_total", "Energy of an outlet.", "outlet")
MEASURED = counter("thing_measured_seconds_total", "The time that it covers.", "outlet")


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
        return Condition(target or "this thing", up=True, read_timestamp=NOW)

    def _families(self) -> Iterable[Metric]:
        family = UP.family()
        value = self.answer()
        if value is not None:
            family.add_metric([], value)
        return [family]


class Racks(Things):
    """Targets with outlets, of which one fails."""

    shown: Sequence[Shown] = (Shown("outlets", "W", POWER), Shown("phases", "W", ENERGY))

    def __init__(self, targets: tuple[str, ...], fault: str = "no answer") -> None:
        super().__init__()
        self.targets = targets
        self.watts = 40.0
        self.fault = fault

    def probe(self, target: str) -> Iterable[Metric]:
        self.probed.append(target)
        family = POWER.family()
        if target != self.targets[-1]:
            family.add_metric(["1"], self.watts)
            family.add_metric(["2"], 1200.04)
        return [family]

    def condition(self, target: str = "") -> Condition:
        if target == self.targets[-1]:
            return Condition(target, up=False, fault=self.fault, fault_timestamp=NOW - 7200)
        return Condition(target, up=True, read_timestamp=NOW - 0.44)


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
