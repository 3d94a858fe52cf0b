# SPDX-License-Identifier: Apache-2.0
"""GET of many objects from an agent that may refuse one of them, answer fewer or take no large request."""

from collections.abc import Callable, Mapping, Sequence

from joulepath.pdu.snmp.client import GarbledError, Missing, NoAnswerError, Oid, SnmpError, Value
from joulepath.pdu.snmp.session import NO_ERROR, SYS_OBJECT_ID, TOO_BIG, Habits, Session, answers, missing

MAX_REFUSALS = 16
"""Refused objects that one `get` finds out; the rest wait for the next one, so that a busy agent is left in peace."""


class Getter:
    """GET over a session, with the habits of its agent."""

    def __init__(self, session: Session, habits: Habits, clock: Callable[[], float]) -> None:
        self._session = session
        self._habits = habits
        self._clock = clock
        self._proven = 0
        """The most objects that were answered lately: their number does not explain silence at this number."""
        self._refused: dict[Oid, Missing] = {}
        """Objects that the agent refused in this `get`."""

    async def get(self, oids: Sequence[Oid], *, others: bool = False) -> Mapping[Oid, Value]:
        """See `SnmpClient.get`. `others` says that an answer with others left these out."""
        now = self._clock()
        self._habits.review(now)
        held = self._habits.held(oids, now)
        self._refused = {}
        values = await self._parts([oid for oid in dict.fromkeys(oids) if oid not in held], alive=others)
        if len(values) > 1 and not others and all(value is Missing.UNANSWERED for value in values.values()):
            raise SnmpError("the agent answers with other objects than it was asked for")
        for oid, value in values.items():
            if oid in self._refused or not isinstance(value, Missing):
                self._habits.note(oid, self._refused.get(oid), now)
        return {oid: held[oid] if oid in held else values[oid] for oid in oids}

    async def _parts(self, oids: Sequence[Oid], size: int | None = None, *, alive: bool = False) -> dict[Oid, Value]:
        """The objects, in requests of at most `size` and of at most as many as the agent takes."""
        values: dict[Oid, Value] = {}
        start = 0
        while start < len(oids):
            most = min(size or len(oids), self._habits.objects or len(oids))
            values |= await self._read(oids[start : start + most], alive=alive)
            start += most
        return values

    async def _read(self, oids: Sequence[Oid], *, alive: bool) -> dict[Oid, Value]:
        """The objects in one request, or in smaller ones. `alive` says that the agent answers others."""
        if len(self._refused) >= MAX_REFUSALS:
            return dict.fromkeys(oids, Missing.REFUSED)
        try:
            answer = await self._session.ask("get", oids, retries=0 if alive else None)
        except (NoAnswerError, GarbledError):
            if tuple(oids) == (SYS_OBJECT_ID,) or not await answers(self._session, "get", SYS_OBJECT_ID):
                raise
            if len(oids) <= self._proven:
                self._proven = 0  # it answered so many before: the request was lost, perhaps
                return await self._read(oids, alive=True)
            return await self._get_by_halves(oids) if len(oids) > 1 else self._refuses(oids[0], Missing.UNANSWERED)
        if answer.status != NO_ERROR:
            return await self._get_without_refused(oids, answer.status, answer.index)
        wanted = set(oids)
        values = {oid: value for oid, value in answer.values if oid in wanted}
        self._proven = max(self._proven, len(values))
        left = [oid for oid in oids if oid not in values]
        if left and not alive and len(oids) == 1:
            return {oids[0]: Missing.NO_SUCH_INSTANCE}
        return values | await self._get_left_out(left, len(values)) if left else values

    async def _get_by_halves(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        """Asks for the objects in two requests; the second is smaller if the first had to be."""
        half = (len(oids) + 1) // 2
        values = await self._parts(oids, half, alive=True)
        self._limit(half, values)
        return values

    async def _find_refused(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        """Asks for the objects, and finds the refused one by halves."""
        half = (len(oids) + 1) // 2
        values = await self._parts(oids, half, alive=True)
        if not any(isinstance(value, Missing) for value in values.values()):
            self._limit(half, values)  # not one of them, but their number
        return values

    async def _get_left_out(self, oids: Sequence[Oid], answered: int) -> dict[Oid, Value]:
        """The objects that an agent left out of its answer with `answered` objects."""
        if not answered and len(oids) == 1:
            return self._refuses(oids[0], Missing.UNANSWERED)
        if not answered:
            ends = await self._parts([oids[0], oids[-1]], 1, alive=True)
            if all(value is Missing.UNANSWERED for value in ends.values()):
                return dict.fromkeys(oids, Missing.UNANSWERED)
            return ends | await self._get_by_halves([oid for oid in oids if oid not in ends])
        values = await self._parts(oids, answered, alive=True)
        self._limit(answered, values)
        return values

    def _limit(self, most: int, values: Mapping[Oid, Value]) -> None:
        """Remembers a size where that was the fault, and no object was."""
        if values and not any(isinstance(value, Missing) and value.refused for value in values.values()):
            self._habits.limit_objects(most, self._clock())

    async def _get_without_refused(self, oids: Sequence[Oid], status: int, index: int) -> dict[Oid, Value]:
        """The objects where the agent refused them all for one; `index` counts from 1, 0 is unknown."""
        if len(oids) == 1:
            return self._refuses(oids[0], self._missing(status))
        if status == TOO_BIG:
            return await self._get_by_halves(oids)
        if not (self._habits.index and 0 < index <= len(oids)):
            return await self._find_refused(oids)
        named = oids[index - 1]
        alone = await self._read([named], alive=True)
        self._habits.index = isinstance(alone[named], Missing)
        others = [oid for oid in oids if oid != named]
        return alone | await (self._parts(others, alive=True) if self._habits.index else self._find_refused(others))

    def _missing(self, status: int) -> Missing:
        return missing(status, v1=not self._session.bulk)

    def _refuses(self, oid: Oid, why: Missing) -> dict[Oid, Value]:
        if why.refused:
            self._refused[oid] = why
        return {oid: why}
