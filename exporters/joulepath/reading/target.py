# SPDX-License-Identifier: Apache-2.0
"""A polled device: where its readings come from, what is known of it, and its counters."""

import math
from collections import Counter, deque
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from joulepath.reading.bounds import Rows
from joulepath.reading.energy import MAX_HOLE_SECONDS, Energy, Integrator

WITHDRAW_AFTER_SECONDS = 30.0
"""A target unread for this time, or for three intervals, has its series withdrawn; its counters go on when it returns.

Those of a row that it no longer has, while others are read, end after an hour (`joulepath.reading.bounds`)."""


class Reading(Protocol):
    """The result of a source: whatever its collector needs, and these two for the poller."""

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Every active power [W] to be integrated, by a key of the source's choice that stays the same over polls."""

    @property
    def rows(self) -> Collection[Hashable]:
        """The keys of `watts`, and of devices that exist but give no power now. A source bounds them."""

    @property
    def rejected(self) -> Mapping[str, int]:
        """How many values of this poll were not measurements, by reason."""


R = TypeVar("R", bound=Reading)
R_co = TypeVar("R_co", bound=Reading, covariant=True)


class DeviceSource(Protocol[R_co]):
    """One device. It keeps its session between reads."""

    async def read(self) -> R_co:
        """All readings of one poll. Raises JoulepathError with one line that names the device and the fault."""

    async def close(self) -> None:
        """Ends the session."""


@dataclass(frozen=True)
class Snapshot(Generic[R]):
    """The knowledge of one target. Replaced whole after each poll, so a scrape sees one consistent state."""

    up: bool | None = None
    """Whether the last poll succeeded; None before the first."""
    reading: R | None = None
    """The last reading; None before the first one."""
    read_at: float | None = None
    """When it was read, monotonic seconds."""
    read_timestamp: float | None = None
    """When it was read, seconds since the epoch."""
    fault: str = ""
    """Why the last poll that failed did so."""
    fault_timestamp: float | None = None
    """When that was, seconds since the epoch; None where none ever failed."""
    energy: Mapping[Hashable, Energy] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    polls: Mapping[str, int] = field(default_factory=dict)
    """Polls so far by result: success, failure, missed (its turn came while the one before was still under way)."""
    poll_seconds: float = 0.0
    """Time spent in polls so far."""
    max_age: float = WITHDRAW_AFTER_SECONDS
    """How old the reading may be to stand for the present [s]."""

    def current(self, now: float) -> R | None:
        """The reading, unless it is too old at monotonic `now` to stand for the present."""
        if self.read_at is None or now - self.read_at >= self.max_age:
            return None
        return self.reading


@dataclass(frozen=True)
class Target(Generic[R]):
    """A device under its configured name, polled every `interval` seconds."""

    name: str
    source: DeviceSource[R]
    interval: float
    made_of: object = None
    """All that the source was made of. When the configuration is read again, an equal one means: nothing changed."""
    files: tuple[Path, ...] = ()
    """Files that it was read from, beside the configuration."""


class State(Generic[R]):
    """One target's counters and last snapshot."""

    def __init__(self, target: Target[R]) -> None:
        self.target = target
        self.snapshot: Snapshot[R] = Snapshot()
        self._integrators: dict[Hashable, Integrator] = {}
        self._rows: Rows[Hashable] = Rows(math.inf)
        self._rejected: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._seconds = 0.0
        self._fault: tuple[str, float | None] = ("", None)
        self._lately: deque[float] = deque(maxlen=3)

    @property
    def _turn(self) -> float:
        """Seconds between polls as they are: a device that takes longer than its interval misses turns."""
        # The median: one stall makes no slow device.
        usual = sorted(self._lately)[(len(self._lately) - 1) // 2] if self._lately else 0.0
        return self.target.interval * max(1, math.ceil(usual / self.target.interval))

    @property
    def _max_hole(self) -> float:
        # Three missed polls or 15 s, whichever is longer, are bridged; a longer hole is not.
        return max(3 * self._turn, MAX_HOLE_SECONDS)

    def take(self, target: Target[R]) -> None:
        """Another source under the same name: the counters go on, and nothing is known of it yet."""
        self.target = target
        self._lately.clear()
        self._fault = ("", None)
        for integrator in self._integrators.values():
            integrator.interrupt(self._max_hole)
        self.snapshot = self._made(up=None, reading=None, read_at=None, read_timestamp=None)

    def succeeded(self, reading: R, began: float, ended: float, timestamp: float) -> None:
        at = (began + ended) / 2  # the device answered somewhere between
        self._lately.append(ended - began)
        hole = self._max_hole
        self._rows.take(reading.rows, at)
        for key in self._rows.forgotten & self._integrators.keys():
            del self._integrators[key]
        for key, watts in reading.watts.items():
            integrator = self._integrators.get(key)
            if integrator is None:
                integrator = self._integrators[key] = Integrator(hole)
            integrator.widen(hole)
            integrator.add(at, watts)
        self._rejected.update(reading.rejected)
        self._polls["success"] += 1
        self._seconds += ended - began
        self.snapshot = self._made(up=True, reading=reading, read_at=at, read_timestamp=timestamp)

    def failed(self, fault: str, began: float, ended: float, timestamp: float) -> None:
        self._polls["failure"] += 1
        self._fault = (fault, timestamp)
        self._seconds += ended - began
        last = self.snapshot
        self.snapshot = self._made(
            up=False, reading=last.reading, read_at=last.read_at, read_timestamp=last.read_timestamp
        )

    def missed(self, polls: int) -> None:
        self._polls["missed"] += polls

    def _made(
        self, *, up: bool | None, reading: R | None, read_at: float | None, read_timestamp: float | None
    ) -> Snapshot[R]:
        return Snapshot(
            up=up,
            reading=reading,
            read_at=read_at,
            read_timestamp=read_timestamp,
            fault=self._fault[0],
            fault_timestamp=self._fault[1],
            energy={key: integrator.energy for key, integrator in self._integrators.items()},
            rejected=dict(self._rejected),
            polls=dict(self._polls),
            poll_seconds=self._seconds,
            max_age=max(WITHDRAW_AFTER_SECONDS, 3 * self._turn),
        )
