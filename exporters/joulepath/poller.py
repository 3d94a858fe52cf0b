# SPDX-License-Identifier: Apache-2.0
"""Polls gauge sources (PDU, BMC) on their own clock and integrates their watts. The only place with state.

All targets share one event loop in one thread; a target that fails or is slow affects no other. Scrapes take the last
snapshot and wait for nothing.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from joulepath.energy import Energy, Integrator
from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

WITHDRAW_AFTER_SECONDS = 30.0
"""A target unread for so long has its series withdrawn; its counters go on when it returns."""


class Reading(Protocol):
    """What a source returns: whatever its collector needs, and these two for the poller."""

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Every active power [W] to be integrated, by a key of the source's choice that stays the same over polls."""

    @property
    def rejected(self) -> Mapping[str, int]:
        """How many values of this poll were no measurements, by reason."""


R = TypeVar("R", bound=Reading)
R_co = TypeVar("R_co", bound=Reading, covariant=True)


class Source(Protocol[R_co]):
    """One device. It keeps its session between reads."""

    async def read(self) -> R_co:
        """All readings of one poll. Raises JoulepathError with one line that names the device and the fault."""

    async def close(self) -> None:
        """Ends the session."""


@dataclass(frozen=True)
class Snapshot(Generic[R]):
    """What is known of one target. Replaced whole after each poll, so a scrape sees one consistent state."""

    up: bool | None = None
    """Whether the last poll succeeded; None before the first."""
    reading: R | None = None
    """The last reading; None before the first one."""
    read_at: float | None = None
    """When it was read, monotonic seconds."""
    read_timestamp: float | None = None
    """When it was read, seconds since the epoch."""
    energy: Mapping[Hashable, Energy] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    polls: Mapping[str, int] = field(default_factory=dict)
    """Polls so far by result: success, failure, missed (its turn came while the one before was still under way)."""
    poll_seconds: float = 0.0
    """Time spent in polls so far."""

    def current(self, now: float) -> R | None:
        """The reading, unless it is too old at monotonic `now` to stand for the present."""
        if self.read_at is None or now - self.read_at >= WITHDRAW_AFTER_SECONDS:
            return None
        return self.reading


@dataclass(frozen=True)
class Target(Generic[R]):
    """A device under its configured name, polled every `interval` seconds."""

    name: str
    source: Source[R]
    interval: float


class _State(Generic[R]):
    """One target's counters and last snapshot."""

    def __init__(self, target: Target[R]) -> None:
        self.target = target
        self.snapshot: Snapshot[R] = Snapshot()
        # Three missed polls or 15 s, whichever is longer, are bridged; a longer hole is not.
        self._max_hole = max(3 * target.interval, 15.0)
        self._integrators: dict[Hashable, Integrator] = {}
        self._rejected: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._seconds = 0.0

    def succeeded(self, reading: R, began: float, ended: float, timestamp: float) -> None:
        at = (began + ended) / 2  # the device answered somewhere between
        for key, watts in reading.watts.items():
            self._integrators.setdefault(key, Integrator(self._max_hole)).add(at, watts)
        self._rejected.update(reading.rejected)
        self._polls["success"] += 1
        self._seconds += ended - began
        self.snapshot = self._made(up=True, reading=reading, read_at=at, read_timestamp=timestamp)

    def failed(self, began: float, ended: float) -> None:
        self._polls["failure"] += 1
        self._seconds += ended - began
        last = self.snapshot
        self.snapshot = self._made(
            up=False, reading=last.reading, read_at=last.read_at, read_timestamp=last.read_timestamp
        )

    def missed(self, polls: int) -> None:
        self._polls["missed"] += polls

    def _made(self, *, up: bool, reading: R | None, read_at: float | None, read_timestamp: float | None) -> Snapshot[R]:
        return Snapshot(
            up=up,
            reading=reading,
            read_at=read_at,
            read_timestamp=read_timestamp,
            energy={key: integrator.energy for key, integrator in self._integrators.items()},
            rejected=dict(self._rejected),
            polls=dict(self._polls),
            poll_seconds=self._seconds,
        )


class Poller(Generic[R]):
    """Polls every target on its own interval [s], from `start` to `stop`."""

    def __init__(
        self,
        targets: Iterable[Target[R]],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._states = {target.name: _State(target) for target in targets}
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._polling = threading.Event()

    @property
    def names(self) -> Sequence[str]:
        """The configured targets."""
        return list(self._states)

    def snapshot(self, name: str) -> Snapshot[R]:
        """What is known of a target now. Raises KeyError for a name that is not configured."""
        return self._states[name].snapshot

    def current(self, name: str) -> R | None:
        """The target's reading, unless it is too old."""
        return self.snapshot(name).current(self._clock())

    def once(self) -> Mapping[str, JoulepathError]:
        """Polls every target once and returns the faults by name."""

        async def all_once() -> list[JoulepathError | None]:
            faults = await asyncio.gather(*(self._poll(state) for state in self._states.values()))
            await self._close()
            return faults

        faults = asyncio.run(all_once())
        return {name: fault for name, fault in zip(self._states, faults, strict=True) if fault is not None}

    def start(self) -> None:
        """Begins to poll, in a thread with an event loop of its own."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="poller", daemon=True)
        self._thread.start()
        self._polling.wait()  # until there is something that `stop` can end

    def stop(self) -> None:
        """Ends polling and closes every source; returns when that is done, after 10 s at the latest."""
        if self._loop is not None and self._thread is not None:
            for task in self._tasks:
                self._loop.call_soon_threadsafe(task.cancel)
            self._thread.join(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Begun one after the other over their interval: a hundred devices at once would keep each other waiting.
        self._tasks = [
            asyncio.create_task(self._poll_forever(state, state.target.interval * turn / len(self._states)))
            for turn, state in enumerate(self._states.values())
        ]
        self._polling.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    async def _close(self) -> None:
        await asyncio.gather(*(state.target.source.close() for state in self._states.values()), return_exceptions=True)

    async def _poll_forever(self, state: _State[R], after: float) -> None:
        interval = state.target.interval
        due = self._clock() + after
        await asyncio.sleep(after)
        while True:
            was_up = state.snapshot.up
            fault = await self._poll(state)
            if fault is not None and was_up is not False:
                logger.warning(str(fault), extra={"target": state.target.name})
            elif fault is None and was_up is False:
                logger.info("answers again", extra={"target": state.target.name})
            # The grid is fixed, so that a slow answer does not stretch the interval.
            due += interval
            late = self._clock() - due
            if late > 0:
                turns = int(late // interval) + 1
                state.missed(turns)
                due += turns * interval
            await asyncio.sleep(due - self._clock())

    async def _poll(self, state: _State[R]) -> JoulepathError | None:
        began = self._clock()
        try:
            reading = await state.target.source.read()
        except JoulepathError as fault:
            state.failed(began, self._clock())
            return fault
        except Exception as error:  # a defect in reading one device must not end the polling of the others
            logger.exception("unexpected fault", extra={"target": state.target.name})
            state.failed(began, self._clock())
            return JoulepathError(f"{state.target.name}: unexpected {type(error).__name__}: {error}")
        state.succeeded(reading, began, self._clock(), self._wall_clock())
        return None
