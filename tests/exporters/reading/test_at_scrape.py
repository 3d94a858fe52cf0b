# SPDX-License-Identifier: Apache-2.0
import itertools
import threading
import time

import pytest

from joulepath.errors import JoulepathError
from joulepath.reading.at_scrape import ScrapeReader
from joulepath_lab.network.namespace import PATIENCE_SECONDS

pytestmark = pytest.mark.unit


def test_two_scrapers_within_half_a_second_share_one_reading() -> None:
    now, reads = [100.0], []

    def read() -> int:
        reads.append(now[0])
        return len(reads)

    reader = ScrapeReader(read, clock=lambda: now[0])
    assert reader.get() == 1
    now[0] += 0.49
    assert reader.get() == 1
    now[0] += 0.02
    assert reader.get() == 2
    assert len(reads) == 2


def test_two_interleaved_scrapers_each_see_what_one_alone_would() -> None:
    def counts(scrapes: dict[float, str]) -> dict[str, list[int]]:
        """A counter of one per second, read at each of the instants by one of the scrapers."""
        now = [0.0]
        reader = ScrapeReader(lambda: int(now[0]), clock=lambda: now[0])
        results: dict[str, list[int]] = {}
        for instant, scraper in sorted(scrapes.items()):
            now[0] = instant
            results.setdefault(scraper, []).append(reader.get())
        return results

    first = {float(second): "a" for second in range(0, 60, 5)}
    second = {second + 2.5: "b" for second in range(0, 60, 5)}
    assert counts({**first, **second}) == {**counts(first), **counts(second)}


def test_readings_are_counted_by_result() -> None:
    now = [0.0]

    def read() -> int:
        now[0] += 0.25
        if now[0] > 2:
            raise JoulepathError("gone")
        return 1

    reader = ScrapeReader(read, clock=lambda: now[0])
    reader.get()
    reader.get()
    now[0] = 5
    with pytest.raises(JoulepathError):
        reader.get()
    assert reader.totals == ({"success": 1, "failure": 1}, 0.5)


def test_the_guard_reads_only_where_no_scrape_has() -> None:
    reads: list[float] = []

    def read() -> None:
        reads.append(time.monotonic())

    reader = ScrapeReader(read, min_interval=0, guard_interval=0.2)
    reader.get()
    reader.start()
    for _ in range(12):
        time.sleep(0.05)
        reader.get()
    scraped = len(reads)
    assert scraped == 13
    time.sleep(0.7)
    reader.stop()
    assert 2 <= len(reads) - scraped <= 4
    assert max(after - before for before, after in itertools.pairwise(reads)) < 0.3


def test_the_guard_outlives_a_defect_in_one_reading() -> None:
    reads: list[float] = []

    def read() -> None:
        reads.append(time.monotonic())
        if len(reads) == 1:
            raise OSError("gone while it was read")

    reader = ScrapeReader(read, min_interval=0, guard_interval=0.05)
    reader.start()
    end = time.monotonic() + PATIENCE_SECONDS
    while len(reads) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    reader.stop()
    assert len(reads) >= 3


def test_the_last_reading_waits_for_one_that_is_under_way_and_none_follows() -> None:
    reads: list[float] = []
    under_way, go_on = threading.Event(), threading.Event()

    def read() -> int:
        reads.append(time.monotonic())
        under_way.set()
        go_on.wait(10)
        return len(reads)

    reader = ScrapeReader(read, min_interval=0, guard_interval=0.05)
    scrape = threading.Thread(target=reader.get)
    scrape.start()
    under_way.wait(10)
    reader.start()
    last = threading.Thread(target=reader.finish)
    last.start()
    last.join(0.2)
    assert last.is_alive()
    go_on.set()
    last.join(10)
    scrape.join(10)
    before = len(reads)
    assert before >= 2
    assert reader.get() == before
    time.sleep(0.2)
    assert len(reads) == before
