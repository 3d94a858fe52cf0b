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
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from joulepath.energy import Energy, Integrator
from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

MAX_SPREAD_SECONDS = 10.0
"""Within so long every target has been asked for the first time."""

WITHDRAW_AFTER_SECONDS = 30.0
"""A target unread for so long, or for three intervals, has its series withdrawn; its counters go on when it returns."""


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
    source: Source[R]
    interval: float
    made_of: object = None
    """All that the source was made of. When the configuration is read again, an equal one means: nothing changed."""
    files: tuple[Path, ...] = ()
    """Files that it was read from, beside the configuration."""


class _State(Generic[R]):
    """One target's counters and last snapshot."""

    def __init__(self, target: Target[R]) -> None:
        self.target = target
        self.snapshot: Snapshot[R] = Snapshot()
        self._integrators: dict[Hashable, Integrator] = {}
        self._rejected: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._seconds = 0.0

    @property
    def _max_hole(self) -> float:
        # Three missed polls or 15 s, whichever is longer, are bridged; a longer hole is not.
        return max(3 * self.target.interval, 15.0)

    def take(self, target: Target[R]) -> None:
        """Another source under the same name: the counters go on, and nothing is known of it yet."""
        self.target = target
        for integrator in self._integrators.values():
            integrator.interrupt(self._max_hole)
        self.snapshot = self._made(up=None, reading=None, read_at=None, read_timestamp=None)

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

    def _made(
        self, *, up: bool | None, reading: R | None, read_at: float | None, read_timestamp: float | None
    ) -> Snapshot[R]:
        return Snapshot(
            up=up,
            reading=reading,
            read_at=read_at,
            read_timestamp=read_timestamp,
            energy={key: integrator.energy for key, integrator in self._integrators.items()},
            rejected=dict(self._rejected),
            polls=dict(self._polls),
            poll_seconds=self._seconds,
            max_age=max(WITHDRAW_AFTER_SECONDS, 3 * self.target.interval),
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
        # Of targets that the configuration no longer names: should it do so again, their counters go on.
        self._left: dict[str, _State[R]] = {}
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._polling = threading.Event()
        self._ended: asyncio.Event | None = None

    @property
    def names(self) -> Sequence[str]:
        """The configured targets."""
        return list(self._states)

    @property
    def targets(self) -> Sequence[Target[R]]:
        """The configured targets as they are now."""
        return [state.target for state in self._states.values()]

    @property
    def totals(self) -> tuple[Mapping[str, int], float]:
        """Polls by result and the time they took [s], of all targets that there ever were."""
        snapshots = [state.snapshot for state in (*self._states.values(), *self._left.values())]
        polls: Counter[str] = Counter()
        for snapshot in snapshots:
            polls.update(snapshot.polls)
        return polls, sum(snapshot.poll_seconds for snapshot in snapshots)

    def snapshot(self, name: str) -> Snapshot[R]:
        """What is known of a target now. Raises KeyError for a name that is not configured."""
        return self._states[name].snapshot

    def view(self, name: str) -> tuple[Snapshot[R], R | None]:
        """One snapshot, and its reading unless that is too old. Raises KeyError."""
        snapshot = self.snapshot(name)
        return snapshot, snapshot.current(self._clock())

    def current(self, name: str) -> R | None:
        """The target's reading, unless it is too old."""
        return self.view(name)[1]

    def update(self, targets: Iterable[Target[R]]) -> None:
        """Takes over a changed configuration: sources made of the same go on, and so do the counters of a name."""
        wanted = {target.name: target for target in targets}
        if self._loop is None:
            self._exchange(wanted)
            return
        taken = threading.Event()

        def take() -> None:
            self._replace(wanted)
            taken.set()

        self._loop.call_soon_threadsafe(take)
        taken.wait(10)

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
        if self._loop is not None and self._thread is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._begin(list(self._states.values()))
        self._polling.set()
        await self._ended.wait()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), *self._leaving, return_exceptions=True)
        await self._close()

    def _begin(self, states: Sequence[_State[R]]) -> None:
        # One after the other over their interval: a hundred devices at once would keep each other waiting.
        for turn, state in enumerate(states):
            after = min(state.target.interval, MAX_SPREAD_SECONDS) * turn / len(states)
            self._tasks[state.target.name] = asyncio.create_task(self._poll_forever(state, after))

    def _replace(self, wanted: Mapping[str, Target[R]]) -> None:
        """On the loop: ends what is no longer wanted in the background, begins what is new."""
        before = {name: state.target for name, state in self._states.items()}
        begun = self._exchange(wanted)
        for name, target in before.items():
            if name not in self._states or self._states[name].target is not target:
                task = asyncio.create_task(_leave(self._tasks.pop(name), target.source))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        self._begin(begun)

    def _exchange(self, wanted: Mapping[str, Target[R]]) -> Sequence[_State[R]]:
        """Makes the states those of `wanted`; returns the ones whose source is new."""
        known = {**self._left, **self._states}
        states: dict[str, _State[R]] = {}
        begun: list[_State[R]] = []
        for name, target in wanted.items():
            state = known.pop(name, None)
            if state is None:
                state = _State(target)
                begun.append(state)
            elif name in self._left or state.target.made_of is None or state.target.made_of != target.made_of:
                state.take(target)
                begun.append(state)
            states[name] = state
        # Replaced whole, so that a scrape sees the one configuration or the other.
        self._states, self._left = states, known
        return begun

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


async def _leave(task: asyncio.Task[None], source: Source[R]) -> None:
    """Ends the polling of a source, then its session."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(source.close(), return_exceptions=True)
