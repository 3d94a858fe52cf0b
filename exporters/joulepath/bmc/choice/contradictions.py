# SPDX-License-Identifier: Apache-2.0
"""Readings that their own statistics contradict: a node of an enclosure that publishes the enclosure's power."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

BEYOND = 1.5
"""A reading beyond its extremes by more than this factor measures something else than its statistics do."""
CATCH_UP_SECONDS = 60.0
"""After their interval and this time, the extremes include a step of the load."""
MAX_INTERVAL_SECONDS = 1200.0
"""A longer interval started at the last reset: its extremes include a step at once."""


@dataclass(frozen=True)
class PowerStatistics:
    """The extremes [W] of one reading over an interval [s]."""

    low: float
    high: float
    interval: float
    factor: float = BEYOND

    def admit(self, watts: float) -> bool:
        """Whether a reading measures the same thing as these extremes."""
        return self.low / self.factor <= watts <= self.high * self.factor

    @property
    def catches_up(self) -> float:
        """Seconds after which the extremes include a step of the load."""
        return min(self.interval, MAX_INTERVAL_SECONDS) + CATCH_UP_SECONDS


class Contradictions:
    """Tells a reading of something else (for ever beyond its statistics) from a step of the load (for their interval).

    A reading that was beyond from the start on is taken for the former until it is within them once.
    """

    def __init__(self) -> None:
        self._within: set[Hashable] = set()
        self._since: dict[Hashable, float] = {}

    def keep(self, keys: Collection[Hashable]) -> None:
        """Forgets all keys but these."""
        self._within &= set(keys)
        self._since = {key: since for key, since in self._since.items() if key in keys}

    def rejects(self, key: Hashable, watts: float, past: PowerStatistics | None, now: float) -> bool:
        """Whether the reading of `key` at monotonic `now` is of something else. Without statistics it is not."""
        if past is None:
            return False
        if past.admit(watts):
            self._within.add(key)
            self._since.pop(key, None)
            return False
        since = self._since.setdefault(key, now)
        return key not in self._within or now - since >= past.catches_up
