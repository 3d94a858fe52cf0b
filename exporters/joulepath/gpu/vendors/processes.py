# SPDX-License-Identifier: Apache-2.0
"""NVML's utilisation of processes as mean shares of consecutive times.

nvmlDeviceGetProcessUtilization (nvml.h) gives one sample for each process that was active since `lastSeenTimeStamp`
[us]: its mean utilisation since then [%], and when the driver last saw it active. The driver samples every 1/6 s to
1 s. Without a new sample it answers NVML_ERROR_NOT_FOUND, which may mean idle or too soon. Observed faults of the
driver: utilisation far above 100 %, and samples that are older than was asked for (nvtop's issue 110).
"""

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from joulepath.gpu.source import Shares

LAG_SECONDS = 1.0
"""The longest time between two samples of the driver: a time without any is known to be idle so much later."""
STEP_SECONDS = 0.5
"""The system's clock was set if it moved so far against the monotonic one between two readings."""
LONGEST_SECONDS = 60.0
"""The driver keeps its samples in a ring; of a longer time some may be lost."""


class Sample(NamedTuple):
    """One process: `at` [us] on the driver's clock, and `percent` of the multiprocessors."""

    pid: int
    at: int
    percent: float


class ImpossibleError(ValueError):
    """An answer that cannot be right."""


class Window:
    """The time that no sample has covered yet. `ask(since)` gives the samples after `since` [us].

    Each window ends at the newest sample, where the next begins, so that every sample counts in one of them.
    """

    def __init__(
        self,
        ask: Callable[[int], Collection[Sample]],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._wall_clock = wall_clock
        self._began: float | None = None
        self._since = 0
        """`_began` on the driver's clock; 0 until that is known."""
        self._wall = 0.0
        """The system's clock less the monotonic one [s]."""
        self._is_wall: bool | None = None
        """Whether the driver's clock is the system's, or the monotonic one; None until a sample tells."""

    def read(self) -> Shares | None:
        """The shares of the time until the newest sample; None without one, or if the time cannot be known.

        Raises ImpossibleError, and leaves out the time, for an answer that cannot be right.
        """
        now = self._clock()
        wall, before = self._wall_clock() - now, self._wall
        self._wall = wall
        samples = [sample for sample in self._ask(self._since) if sample.at > self._since]
        newest = max((sample.at for sample in samples), default=None)
        if newest is not None:
            self._is_wall = abs((now + wall) * 1e6 - newest) < abs(now * 1e6 - newest)
        began = self._began
        if began is None or abs(wall - before) >= STEP_SECONDS or now - began > LONGEST_SECONDS:
            self._begin(now)
            return None
        if any(
            not 0 <= sample.percent <= 100 or sample.at / 1e6 - self._ahead > now + LAG_SECONDS for sample in samples
        ):
            self._begin(now)
            raise ImpossibleError
        if newest is not None:
            end = min(now, newest / 1e6 - self._ahead)
            self._begin(end)
            self._since = newest
        elif now - began >= 2 * LAG_SECONDS:
            end = now - LAG_SECONDS
            self._begin(end)
        else:
            return None
        return Shares(end - began, _shares(samples)) if end > began else None

    def interrupt(self) -> None:
        """The time until the next reading is not measured."""
        self._began = None

    @property
    def _ahead(self) -> float:
        """The driver's clock less the monotonic one [s]."""
        return self._wall if self._is_wall else 0.0

    def _begin(self, at: float) -> None:
        self._began = at
        if self._is_wall is not None:
            self._since = int((at + self._ahead) * 1e6)


def _shares(samples: Collection[Sample]) -> dict[int, float]:
    """The mean of each process; together at most 1."""
    percents: dict[int, list[float]] = {}
    for sample in samples:
        percents.setdefault(sample.pid, []).append(sample.percent)
    of = {pid: sum(values) / len(values) / 100 for pid, values in percents.items()}
    total = max(1.0, sum(of.values()))
    return {pid: share / total for pid, share in of.items()}
