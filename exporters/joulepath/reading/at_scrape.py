# SPDX-License-Identifier: Apache-2.0
"""Counters read at the scrape: at most once in half a second, and often enough that a wrap is never missed."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

R = TypeVar("R")


class ScrapeReader(Generic[R]):
    """Calls `read` when a scrape asks and the last value is older than `min_interval` seconds.

    Between `start` and `stop` a guard thread also calls it every `guard_interval` seconds, for counters that wrap.
    """

    def __init__(
        self,
        read: Callable[[], R],
        *,
        min_interval: float = 0.5,
        guard_interval: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._min_interval = min_interval
        self._guard_interval = guard_interval
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, R] | None = None
        self._polls = {"success": 0, "failure": 0}
        self._seconds = 0.0
        self._stopped = threading.Event()

    def get(self) -> R:
        """The latest value; two scrapers at once share one reading. Raises what `read` raises."""
        with self._lock:
            now = self._clock()
            if self._last is None or now - self._last[0] >= self._min_interval:
                self._last = (now, self._counted(now))
            return self._last[1]

    @property
    def totals(self) -> tuple[Mapping[str, int], float]:
        """Readings so far by result, and the time they took [s]."""
        with self._lock:
            return dict(self._polls), self._seconds

    def start(self) -> None:
        """Starts the guard, if an interval was given."""
        if self._guard_interval is not None:
            threading.Thread(target=self._guard, args=(self._guard_interval,), name="guard", daemon=True).start()

    def stop(self) -> None:
        """Ends the guard."""
        self._stopped.set()

    def finish(self) -> None:
        """Ends the guard and reads a last time: `get` gives that from now on, and nothing is read any more.

        Raises what `read` raises.
        """
        self.stop()
        with self._lock:
            self._last = (float("inf"), self._counted(self._clock()))

    def _counted(self, began: float) -> R:
        result = "failure"
        try:
            value = self._read()
            result = "success"
        finally:
            self._polls[result] += 1
            self._seconds += self._clock() - began
        return value

    def _guard(self, interval: float) -> None:
        wait = interval
        while not self._stopped.wait(wait):
            age = self._age()
            if age >= interval:  # no scrape has asked for so long
                try:
                    self.get()
                except JoulepathError:
                    pass  # the scrape reports it
                except Exception:  # a defect in one reading must not end the guard
                    logger.exception("unexpected fault")
                age = 0.0
            wait = interval - age

    def _age(self) -> float:
        """Seconds since the last reading."""
        with self._lock:
            return self._clock() - self._last[0] if self._last else float("inf")
