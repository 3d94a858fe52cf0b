# SPDX-License-Identifier: Apache-2.0
"""Polls gauge sources (PDU, BMC) on their own clock. With `joulepath.reading.target` the only place with state.

All targets share one event loop in one thread; a target that fails or is slow affects no other. Scrapes take the last
snapshot and wait for nothing.
"""

import asyncio
import logging
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic

from joulepath.errors import JoulepathError
from joulepath.reading.target import WITHDRAW_AFTER_SECONDS, DeviceSource, R, Reading, Snapshot, State, Target

__all__ = ["WITHDRAW_AFTER_SECONDS", "DeviceSource", "Poller", "Reading", "Snapshot", "Target"]

logger = logging.getLogger(__name__)

MAX_SPREAD_SECONDS = 10.0
"""Within so long every target has been asked for the first time."""

CANCEL_SECONDS = 0.5
"""A task that has not ended so long after its cancellation is cancelled again."""


class Poller(Generic[R]):
    """Polls every target on its own interval [s], from `start` to `stop`."""

    def __init__(
        self,
        targets: Iterable[Target[R]],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        # Of the targets now, and of those that the configuration no longer names: should it do so again, their counters
        # go on. One tuple, so that a scrape sees the one configuration or the other, and no total falls meanwhile.
        self._known: tuple[dict[str, State[R]], dict[str, State[R]]] = ({t.name: State(t) for t in targets}, {})
        self._clock = clock
        self._wall_clock = wall_clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._polling = threading.Event()
        self._ended: asyncio.Event | None = None

    @property
    def _states(self) -> Mapping[str, State[R]]:
        return self._known[0]

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
        snapshots = [state.snapshot for states in self._known for state in states.values()]
        polls: Counter[str] = Counter()
        for snapshot in snapshots:
            polls.update(snapshot.polls)
        return polls, sum(snapshot.poll_seconds for snapshot in snapshots)

    @property
    def tried(self) -> bool:
        """Whether each target has been polled once, successfully or not."""
        return all(state.snapshot.up is not None for state in self._states.values())

    def snapshot(self, name: str) -> Snapshot[R]:
        """The state of a target now. Raises KeyError for a name that is not configured."""
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
        # Each device is a socket, and the usual limit of 1024 open files exists for select(2), which is not used here.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
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
        await _ended(self._tasks.values())
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._close()

    def _begin(self, states: Sequence[State[R]]) -> None:
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

    def _exchange(self, wanted: Mapping[str, Target[R]]) -> Sequence[State[R]]:
        """Makes the states those of `wanted`; returns the ones with a new source."""
        now, left = self._known
        known = {**left, **now}
        states: dict[str, State[R]] = {}
        begun: list[State[R]] = []
        for name, target in wanted.items():
            state = known.pop(name, None)
            if state is None:
                state = State(target)
                begun.append(state)
            elif name in left or state.target.made_of is None or state.target.made_of != target.made_of:
                state.take(target)
                begun.append(state)
            states[name] = state
        self._known = (states, known)
        return begun

    async def _close(self) -> None:
        await asyncio.gather(*(state.target.source.close() for state in self._states.values()), return_exceptions=True)

    async def _poll_forever(self, state: State[R], after: float) -> None:
        target, interval = state.target, state.target.interval
        due = self._clock() + after
        await asyncio.sleep(after)
        while True:
            was_up = state.snapshot.up
            fault = await self._poll(state)
            if state.target is not target:
                return  # replaced, and the cancellation was lost
            if fault is not None and was_up is not False:
                logger.warning(str(fault), extra={"target": target.name})
            elif fault is None and was_up is False:
                logger.info("answers again", extra={"target": target.name})
            # The grid is fixed, so that a slow answer does not stretch the interval.
            due += interval
            late = self._clock() - due
            if late > 0:
                turns = int(late // interval) + 1
                state.missed(turns)
                due += turns * interval
            await asyncio.sleep(due - self._clock())

    async def _poll(self, state: State[R]) -> JoulepathError | None:
        target, began = state.target, self._clock()
        reading: R | None = None
        fault: JoulepathError | None = None
        try:
            reading = await target.source.read()
        except JoulepathError as error:
            fault = error
        except Exception as error:  # a defect in reading one device must not end the polling of the others
            logger.exception("unexpected fault", extra={"target": target.name})
            fault = JoulepathError(f"{target.name}: unexpected {type(error).__name__}: {error}")
        if state.target is not target:
            return None  # this is of the former device
        if reading is None:
            state.failed(str(fault), began, self._clock(), self._wall_clock())
        else:
            state.succeeded(reading, began, self._clock(), self._wall_clock())
        return fault


async def _leave(task: asyncio.Task[None], source: DeviceSource[R]) -> None:
    """Ends the polling of a source, then its session."""
    await _ended([task])
    await asyncio.gather(source.close(), return_exceptions=True)


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels tasks until they have ended.

    Once is not enough: `asyncio.wait_for` of Python 3.11, which libraries call, goes on as if nothing was where the
    cancellation comes together with the answer.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_SECONDS)
