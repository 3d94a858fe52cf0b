# SPDX-License-Identifier: Apache-2.0
"""Scrapes of polled devices: each of one piece, never waiting, whoever else scrapes."""

import asyncio
import threading
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulepath.errors import JoulepathError
from joulepath.exporter import Condition
from joulepath.metrics import Family, gauge
from joulepath.reading.poller import Poller, Snapshot, Target
from joulepath.serving.polled import PolledExporter
from joulepath.web import Address, Server
from joulepath_lab.network.namespace import PATIENCE_SECONDS
from joulepath_lab.run.waiting import until
from tests.exporters.web.things import get

pytestmark = pytest.mark.unit

WATTS = gauge("thing_power_watts", "As read.", "outlet")
UP = gauge("thing_up", "Whether it answers.")
OUTLETS = [str(number) for number in range(50)]


@dataclass(frozen=True)
class Reading:
    watts: Mapping[Hashable, float]
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> Collection[Hashable]:
        return self.watts.keys()


class Meter:
    """All of its outlets show the same, and something else at every poll; `before` is awaited in each."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def before(self) -> None:
        """Takes no time."""

    async def read(self) -> Reading:
        await self.before()
        number = float(next(self._numbers))
        return Reading(dict.fromkeys(OUTLETS, number))

    async def close(self) -> None:
        """Has nothing to end."""


def collect(snapshot: Snapshot[Reading], reading: Reading | None) -> Iterable[Family]:
    up = UP.family()
    if snapshot.up is not None:
        up.add_metric([], snapshot.up)
    yield up
    watts = WATTS.family()
    for outlet, value in reading.watts.items() if reading else ():
        watts.add_metric([str(outlet)], value)
        if outlet == OUTLETS[25]:
            time.sleep(0.001)  # long enough for a poll to come in between
    yield watts


@contextmanager
def serving(*targets: Target[Reading]) -> Iterator[Server]:
    exporter = PolledExporter("thing", "Things", Poller(targets), collect, single=False)
    server = Server(exporter, [Address("127.0.0.1", 0)])
    exporter.start()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        exporter.stop()


def values(text: bytes, name: str) -> list[float]:
    families = text_string_to_metric_families(text.decode())
    return [sample.value for family in families for sample in family.samples if sample.name == name]


def test_concurrent_scrapes_each_see_one_poll() -> None:
    seen: list[list[float]] = []
    with serving(Target("one", Meter(), 0.001)) as server:
        until(lambda: b"thing_power_watts" in get(server, "/probe?target=one")[2])

        def scrape() -> None:
            seen.extend(values(get(server, "/probe?target=one")[2], "thing_power_watts") for _ in range(15))

        threads = [threading.Thread(target=scrape) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 90
    assert all(len(scrape) == len(OUTLETS) and len(set(scrape)) == 1 for scrape in seen)
    assert len({scrape[0] for scrape in seen}) > 5  # the meter did go on


def test_no_scrape_waits_for_a_device_and_an_unpolled_one_has_no_up() -> None:
    class Hangs(Meter):
        async def before(self) -> None:
            await asyncio.sleep(60)

    with serving(Target("hangs", Hangs(), 1), Target("works", Meter(), 0.02)) as server:
        until(lambda: values(get(server, "/probe?target=works")[2], "thing_up") == [1])
        began = time.monotonic()
        status, _, body = get(server, "/probe?target=hangs")
        assert (status, values(body, "thing_up")) == (200, [])
        assert get(server, "/-/ready")[0] == 503
        assert time.monotonic() - began < 0.5


def test_a_device_that_holds_up_the_event_loop_holds_up_no_scrape() -> None:
    reading, held, released = count(), threading.Event(), threading.Event()

    class Blocks(Meter):
        async def before(self) -> None:
            if next(reading):  # what a source must not do, and a scrape must survive
                held.set()
                released.wait(PATIENCE_SECONDS)

    with serving(Target("blocks", Blocks(), 0.01)) as server:
        try:
            until(held.is_set)
            for _ in range(20):
                assert values(get(server, "/probe?target=blocks")[2], "thing_up") == [1]
        finally:
            released.set()


def test_ready_when_each_device_was_asked_once_and_for_good() -> None:
    class Dead(Meter):
        async def before(self) -> None:
            raise JoulepathError("dead: no answer")

    with serving(Target("dead", Dead(), 0.05), Target("works", Meter(), 0.05)) as server:
        until(lambda: get(server, "/-/ready")[0] == 200)
        assert values(get(server, "/probe?target=dead")[2], "thing_up") == [0]


def test_the_condition_of_a_device_tells_of_its_last_fault() -> None:
    class Fails(Meter):
        fault: JoulepathError | None = JoulepathError("one: no answer")

        async def before(self) -> None:
            if self.fault is not None:
                raise self.fault

    meter, times = Fails(), iter([100.0, 200.0])
    poller = Poller([Target("one", meter, 1)], wall_clock=lambda: next(times))
    exporter = PolledExporter("thing", "Things", poller, collect, single=True)
    assert exporter.condition() == Condition("one")
    poller.once()
    assert exporter.condition("one") == Condition("one", up=False, fault="one: no answer", fault_timestamp=100.0)
    meter.fault = None
    poller.once()
    assert exporter.condition() == Condition(
        "one", up=True, read_timestamp=200.0, fault="one: no answer", fault_timestamp=100.0
    )
    poller.update([Target("one", Meter(), 1)])  # another device under its name
    assert exporter.condition() == Condition("one")
    with pytest.raises(KeyError):
        exporter.condition("two")
