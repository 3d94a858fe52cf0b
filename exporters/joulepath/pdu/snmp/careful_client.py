# SPDX-License-Identifier: Apache-2.0
"""`SnmpClient` for any agent: it may refuse objects, shorten answers, or take only small requests."""

import time
from collections.abc import Callable, Mapping, Sequence

from joulepath.pdu.snmp.client import Limits, Oid, SnmpEndpoint, Value
from joulepath.pdu.snmp.getter import Getter
from joulepath.pdu.snmp.session import Habits, Session
from joulepath.pdu.snmp.walker import Walker


class CarefulClient:
    """`SnmpClient` over a session."""

    def __init__(
        self,
        session: Session,
        endpoint: SnmpEndpoint,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._clock = clock
        self._habits = Habits(str(endpoint))
        self._getter = Getter(session, self._habits, clock)
        self._walker = Walker(session, self._habits, limits or Limits(), clock)

    @property
    def odd(self) -> bool:
        """Whether the agent was found to need care."""
        return self._habits.odd

    async def get(self, oids: Sequence[Oid], *, others: bool = False) -> Mapping[Oid, Value]:
        """See `SnmpClient.get`. `others` says that these are what was left out of an answer with others."""
        try:
            return await self._getter.get(oids, others=others)
        finally:
            self._look()

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `SnmpClient.walk`."""
        try:
            return await self._walker.walk(column, repetitions)
        finally:
            self._look()

    def sure(self, rows: int) -> bool:
        """Whether a walk by GETBULK of so many rows is known to end where it should."""
        return self._walker.sure(rows)

    async def ends(self, column: Oid, last: Oid, rows: int) -> bool:
        """Whether a walk by GETBULK with so many `rows` rightly ended behind the object `last`. Raises SnmpError."""
        return await self._walker.ends(column, last, rows)

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        self._session.close()

    def _look(self) -> None:
        if self._session.elsewhere:
            self._habits.answers_from(self._session.elsewhere)
