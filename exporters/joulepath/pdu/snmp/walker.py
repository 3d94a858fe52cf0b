# SPDX-License-Identifier: Apache-2.0
"""Walks columns of an agent that may lack GETBULK, answer part of it, or refuse a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from joulepath.pdu.snmp.client import (
    GarbledError,
    Limits,
    Missing,
    NoAnswerError,
    Oid,
    RefusedError,
    SnmpError,
    Value,
    format_oid,
)
from joulepath.pdu.snmp.messages import Answer
from joulepath.pdu.snmp.session import (
    NO_ERROR,
    NO_SUCH_NAME,
    SYS_OBJECT_ID,
    TOO_BIG,
    Habits,
    Session,
    answers,
    missing,
)

LEAST_ROWS = 2
"""A GETBULK of fewer rows saves nothing over GETNEXT."""

_SILENCE = -1
"""In place of an error-status: the agent says nothing to this request, and answers others."""

_LAST_INDEX = 2**32 - 1
"""The greatest number of an object identifier (RFC 2578 section 3.5)."""


class Walker:
    """Walks over a session, with the habits of its agent."""

    def __init__(self, session: Session, habits: Habits, limits: Limits, clock: Callable[[], float]) -> None:
        self._session = session
        self._habits = habits
        self._limits = limits
        self._clock = clock
        self._proven = 0
        """The most rows asked for in a GETBULK that was answered lately."""
        self._checked = 0
        """The most rows of a walk that GETNEXT confirmed to be all."""

    async def walk(self, column: Oid, repetitions: int) -> Mapping[Oid, Value]:
        """See `SnmpClient.walk`."""
        self._habits.review(self._clock())
        walk = _Walk(column, self._limits)
        if self._session.bulk and self._habits.bulk:
            await self._by_bulk(walk, repetitions)
        if not walk.ended:
            refused = await self._by_next(walk)
            # GETBULK stops at a refused row, which is not a fault of GETBULK.
            if self._session.bulk and walk.fallen_back and not refused:
                self._habits.without_bulk(self._clock())
        return walk.rows

    async def ends(self, column: Oid, last: Oid, rows: int) -> bool:
        """Whether a walk by GETBULK with `rows` rows rightly ended behind the object `last`."""
        answer = await self._session.ask("next", [last])
        for oid, value in answer.values[:1]:
            if answer.status == NO_ERROR and value is not Missing.END_OF_MIB_VIEW and oid[: len(column)] == column:
                if oid > last:
                    self._habits.without_bulk(self._clock())
                return False
        if answer.status in (NO_ERROR, NO_SUCH_NAME):
            self._checked = max(self._checked, rows)
            return True
        return False

    def sure(self, rows: int) -> bool:
        """Whether the end of a walk by GETBULK of this number of rows needs no check."""
        return 0 < rows <= self._checked

    async def _by_bulk(self, walk: "_Walk", repetitions: int) -> None:
        """Walks as far as GETBULK does what GETNEXT does."""
        while not walk.ended:
            answer = await self._bulk(walk.request(), repetitions)
            before = len(walk.rows)
            if answer is None or answer.status != NO_ERROR or not walk.take(answer.values):
                walk.fallen_back = True
                return
            if walk.ended:
                # Where the agent names what follows, an empty column is not doubted.
                empty = not walk.rows and (self._checked or answer.values[0][1] is not Missing.END_OF_MIB_VIEW)
                if not empty and not self.sure(len(walk.rows)):
                    walk.ended = await self.ends(walk.column, walk.last, len(walk.rows))
                    walk.fallen_back = not walk.ended
                return
            if len(walk.rows) == before:
                walk.fallen_back = True
                return

    async def _bulk(self, last: Oid, repetitions: int) -> Answer | None:
        """One GETBULK, of fewer rows where the agent takes no more; None where it takes none."""
        most = rows = min(repetitions, self._habits.rows or repetitions)
        alive = False
        while rows >= LEAST_ROWS or rows == most:
            try:
                answer = await self._session.ask("bulk", [last], rows, retries=0 if alive else None)
            except (NoAnswerError, GarbledError):
                if not alive:
                    alive = await answers(self._session, "next", last)
                    if not alive and await answers(self._session, "get", SYS_OBJECT_ID):
                        return None  # it is silent behind this object alone
                    if not alive:
                        raise
                    if rows <= self._proven:
                        self._proven = 0
                        continue  # it was lost, perhaps
            else:
                if answer.status != TOO_BIG:
                    self._proven = max(self._proven, rows)
                    if rows < most:
                        self._habits.limit_rows(rows, self._clock())
                    return answer
            rows //= 2
        return None

    async def _by_next(self, walk: "_Walk") -> bool:
        """Walks on by GETNEXT; whether the agent refused a row."""
        refused = False
        while not walk.ended:
            last = walk.request()
            try:
                answer = await self._session.ask("next", [last])
            except (NoAnswerError, GarbledError):
                if not await answers(self._session, "get", SYS_OBJECT_ID):
                    raise
                answer = Answer(_SILENCE, 1, ())
            if answer.status != NO_ERROR:
                answer = await self._walk_behind_refused(walk, answer.status)
                refused = True
            if not answer.values:
                return refused
            walk.step(*answer.values[0])
        return refused

    async def _goes_on_behind(self, column: Oid) -> bool:
        """Whether the agent names the object that follows a column."""
        try:
            answer = await self._session.ask("next", [(*column, _LAST_INDEX)], retries=0)
        except (NoAnswerError, GarbledError):
            return False
        return answer.status == NO_ERROR and bool(answer.values)

    async def _walk_behind_refused(self, walk: "_Walk", status: int) -> Answer:
        """The next row but the refused one, which is named by the likeliest index behind the last.

        Nothing where noSuchName says, as it does in SNMP v1, that the MIB view ends, and where what is refused lies
        behind the whole column.
        """
        for guess in _following(walk.column, walk.last):
            if status == NO_SUCH_NAME and not self._session.bulk:
                break
            try:
                answer = await self._session.ask("next", [guess], retries=0)
            except (NoAnswerError, GarbledError):
                continue
            if answer.status == NO_ERROR and answer.values:
                if status == NO_SUCH_NAME and not walk.has(*answer.values[0]):
                    break
                walk.rows[guess[len(walk.column) :]] = _why(status)
                return answer
        if status == NO_SUCH_NAME or (walk.rows and not await self._goes_on_behind(walk.column)):
            return Answer(NO_ERROR, 0, ())
        raise RefusedError(f"the agent answers what follows {format_oid(walk.last)} with {_why(status).value}")


def _why(status: int) -> Missing:
    return Missing.UNANSWERED if status == _SILENCE else missing(status, v1=False)


class _Walk:
    """A walk under way: its rows so far."""

    def __init__(self, column: Oid, limits: Limits) -> None:
        self.column = column
        self.last = column
        self.rows: dict[Oid, Value] = {}
        self.ended = False
        self.fallen_back = False
        """Whether GETBULK was given up."""
        self._limits = limits
        self._requests = 0

    def request(self) -> Oid:
        """The object to ask behind. Raises SnmpError where the walk has no end."""
        self._requests += 1
        if self._requests > self._limits.requests or len(self.rows) > self._limits.rows:
            raise SnmpError(f"{format_oid(self.column)} has no end: stopped after {len(self.rows)} rows")
        return self.last

    def take(self, rows: Sequence[tuple[Oid, Value]]) -> bool:
        """Takes the rows of a GETBULK if all are in order, else none; returns whether it took any."""
        last = self.last
        for oid, value in rows:
            if value is not Missing.END_OF_MIB_VIEW:
                if oid <= last:
                    return False
                last = oid
        for oid, value in rows:
            if self._leaves(oid, value):
                break
            self._add(oid, value)
        return bool(rows)

    def step(self, oid: Oid, value: Value) -> None:
        """Takes the row of a GETNEXT. Tables out of order are read, those that begin again raise SnmpError."""
        if self._leaves(oid, value):
            return
        if oid == self.last or oid[len(self.column) :] in self.rows:
            raise SnmpError(f"the agent goes in circles at {format_oid(oid)}")
        self._add(oid, value)

    def has(self, oid: Oid, value: Value) -> bool:
        """Whether it is a row of the column."""
        return value is not Missing.END_OF_MIB_VIEW and oid[: len(self.column)] == self.column

    def _leaves(self, oid: Oid, value: Value) -> bool:
        self.ended = not self.has(oid, value)
        return self.ended

    def _add(self, oid: Oid, value: Value) -> None:
        self.last = oid
        if not isinstance(value, Missing):
            self.rows[oid[len(self.column) :]] = value


def _following(column: Oid, last: Oid) -> Iterator[Oid]:
    """Indexes that may follow an object: the next number, or the first row of the next unit."""
    index = last[len(column) :]
    if not index:
        yield from ((*column, *first) for first in ((0,), (0, 1), (1,), (1, 1)))
        return
    yield from ((*last[:-1], last[-1] + step) for step in range(1, 5))
    if len(index) > 1:
        yield (*last[:-2], last[-2] + 1, 1)
