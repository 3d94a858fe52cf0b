# SPDX-License-Identifier: Apache-2.0
"""The generations of one topology that are still served: Prometheus may be reloaded minutes after the file changed."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joulepath.exposition import Page
from joulepath_rules.serving.generation import Generation, families

KEPT_SECONDS = 600.0
"""A replaced generation is served for this time."""

MOST = 4
"""Generations at a time: of a file that changes every few seconds, the ones replaced longest ago go first."""


@dataclass(frozen=True)
class _Replaced:
    generation: Generation
    at: float


class History:
    """The current generation and the replaced ones. Thread-safe."""

    def __init__(self, current: Generation, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._current = current
        self._replaced: list[_Replaced] = []
        self._page: tuple[Sequence[str], Page] | None = None

    @property
    def current(self) -> Generation:
        """The one that the file holds."""
        return self._current

    def replace(self, generation: Generation) -> None:
        """Serves `generation` from now on, and the one before for KEPT_SECONDS."""
        with self._lock:
            if generation.hash == self._current.hash:
                return
            # One that returns is current again, and no longer replaced.
            others = [one for one in self._replaced if one.generation.hash != generation.hash]
            self._replaced = [*others, _Replaced(self._current, self._clock())][1 - MOST :]
            self._current = generation

    def served(self) -> list[Generation]:
        """The current one first, then the replaced ones."""
        with self._lock:
            return self._served()

    def page(self) -> Page:
        """The series of all of them; the same object until one comes or goes."""
        with self._lock:
            served = self._served()
            hashes = [generation.hash for generation in served]
            if self._page is None or self._page[0] != hashes:
                self._page = hashes, Page(families(served))
            return self._page[1]

    def _served(self) -> list[Generation]:
        now = self._clock()
        self._replaced = [one for one in self._replaced if now - one.at < KEPT_SECONDS]
        return [self._current, *(one.generation for one in self._replaced)]
