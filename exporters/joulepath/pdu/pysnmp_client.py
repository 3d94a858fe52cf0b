# SPDX-License-Identifier: Apache-2.0
"""`Client` with pysnmp, which is Python alone and always there."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from joulepath.pdu.messages import Answer, Kind
from joulepath.pdu.snmp import Limits, Missing, Oid, SnmpError, Value, dotted


class Session(Protocol):
    """One agent as a version of SNMP speaks to it."""

    @property
    def bulk(self) -> bool:
        """Whether the version has GETBULK."""

    async def ask(self, kind: Kind, oids: Sequence[Oid], repetitions: int = 0) -> Answer:
        """One request, sent again where nothing comes back. Raises SnmpError."""

    def close(self) -> None:
        """Releases the socket."""


class _NoSuchNameError(SnmpError):
    """How SNMP v1 says that an object does not exist; `index` counts from 0."""

    def __init__(self, index: int) -> None:
        super().__init__("the agent has no such object")
        self.index = index


class _TooBigError(SnmpError):
    """The answer would not fit the agent's datagram."""


_TOO_BIG, _NO_SUCH_NAME = 1, 2
_STATUS = ("noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess")
"""error-status of RFC 1157 and RFC 3416, as far as one who only reads meets them; authorizationError is 16."""


class PysnmpClient:
    """`Client` over a session."""

    def __init__(self, session: Session, limits: Limits | None = None) -> None:
        self._session = session
        self._limits = limits or Limits()

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        found = await self._some(oids)
        return {oid: found.get(oid, Missing.NO_SUCH_INSTANCE) for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `Client.walk`."""
        rows: dict[Oid, Value] = {}
        last = column
        for _ in range(self._limits.requests):
            try:
                found = await self._answered("bulk" if self._session.bulk else "next", [last], repetitions)
            except _NoSuchNameError:  # v1's end of the MIB view
                return rows
            for oid, value in found:
                if value is Missing.END_OF_MIB_VIEW or oid[: len(column)] != column:
                    return rows
                if oid <= last:
                    raise SnmpError(f"the agent goes in circles at {dotted(oid)}")
                rows[oid[len(column) :]] = value
                last = oid
            if not found:
                return rows
            if len(rows) > self._limits.rows:
                break
        raise SnmpError(f"{dotted(column)} has no end: stopped after {len(rows)} rows")

    async def close(self) -> None:
        """See `Client.close`."""
        self._session.close()

    async def _some(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """Of the objects those that there are, and whatever else the agent says."""
        wanted = list(oids)
        while wanted:
            try:
                return dict(await self._answered("get", wanted))
            except _NoSuchNameError as missing:  # v1 answers nothing at all where one object is missing
                del wanted[missing.index]
            except _TooBigError:
                if len(wanted) == 1:
                    raise
                half = len(wanted) // 2
                return {**await self._some(wanted[:half]), **await self._some(wanted[half:])}
        return {}

    async def _answered(self, kind: Kind, oids: Sequence[Oid], repetitions: int = 0) -> Sequence[tuple[Oid, Value]]:
        answer = await self._session.ask(kind, oids, repetitions)
        status = answer.status
        if status == _NO_SUCH_NAME and 0 < answer.index <= len(oids):
            raise _NoSuchNameError(answer.index - 1)
        if status == _TOO_BIG:
            raise _TooBigError(f"the agent has no room for an answer at {dotted(oids[0])}")
        if status:
            name = _STATUS[status] if 0 <= status < len(_STATUS) else f"error-status {status}"
            raise SnmpError(f"the agent refused with {name} at {dotted(oids[0])}")
        return answer.found
