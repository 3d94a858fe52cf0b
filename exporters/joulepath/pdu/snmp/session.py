# SPDX-License-Identifier: Apache-2.0
"""One exchange with an agent, and the limits that were learned about an agent that departs from the standards."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from joulepath.pdu.snmp.client import Missing, Oid, SnmpError, parse_oid
from joulepath.pdu.snmp.messages import Answer, Kind

logger = logging.getLogger(__name__)

FORGET_SECONDS = 3600.0
"""The time after which a learned limit is tried again: a bad minute must not make an agent slow for good."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 10.0, 600.0
"""A refused object is asked for again after 10 s, and then after twice as long each time."""

NO_ERROR, TOO_BIG, NO_SUCH_NAME, GEN_ERR = 0, 1, 2, 5
"""error-status (RFC 1157 section 4.1, RFC 3416 section 3)."""

SYS_OBJECT_ID = parse_oid("1.3.6.1.2.1.1.2.0")  # SNMPv2-MIB; every agent has it


class Session(Protocol):
    """One agent as a version of SNMP speaks to it."""

    @property
    def bulk(self) -> bool:
        """Whether the version has GETBULK."""

    @property
    def elsewhere(self) -> str:
        """The other address that answers come from; empty where they come from the one asked."""

    async def ask(self, kind: Kind, oids: Sequence[Oid], repetitions: int = 0, *, retries: int | None = None) -> Answer:
        """One request, sent again (`retries` times, or as its limits say) where nothing comes back.

        Raises NoAnswerError, GarbledError, SnmpError.
        """

    def close(self) -> None:
        """Releases the socket."""


def missing(status: int, *, v1: bool) -> Missing:
    """Why an object has no value where the agent answers with an error-status."""
    if status == NO_SUCH_NAME:
        return Missing.NO_SUCH_INSTANCE if v1 else Missing.NO_SUCH_NAME
    return {TOO_BIG: Missing.TOO_BIG, GEN_ERR: Missing.GEN_ERR}.get(status, Missing.REFUSED)


async def answers(session: Session, kind: Kind, oid: Oid) -> bool:
    """Whether the agent answers a request for one object, asked once."""
    try:
        await session.ask(kind, [oid], retries=0)
    except SnmpError:
        return False
    return True


@dataclass
class _Refusal:
    """An object that the agent refuses: why, and when to ask for it again."""

    why: Missing
    wait: float
    due: float


class Habits:
    """The limits of one agent, learned from its answers. The log gets one line for each."""

    def __init__(self, name: str) -> None:
        """`name` is the agent's address."""
        self._name = name
        self._told: set[str] = set()
        self._refused: dict[Oid, _Refusal] = {}
        self._since: float | None = None
        self._elsewhere = False
        self.objects: int | None = None
        """The most objects of a GET that is answered; None where no limit is known."""
        self.rows: int | None = None
        """The most rows of a GETBULK that is answered."""
        self.bulk = True
        """Whether GETBULK works."""
        self.index = True
        """Whether error-index points at the object that is refused, as far as is known."""

    @property
    def odd(self) -> bool:
        """Whether the agent needs to be asked with care."""
        return self._elsewhere or self._since is not None or bool(self._refused)

    def review(self, now: float) -> None:
        """Forgets old lessons about the agent."""
        if self._since is not None and now - self._since >= FORGET_SECONDS:
            self._since = self.objects = self.rows = None
            self.bulk = True

    def limit_objects(self, most: int, now: float) -> None:
        """Notes that the agent answers a GET of this number of objects, but not a larger one."""
        if self.objects is None or most < self.objects:
            self.objects = most
            self._note_fault(f"does not answer requests of many objects: asks for {most} at a time", now)

    def limit_rows(self, most: int, now: float) -> None:
        """Notes that the agent answers a GETBULK of this number of rows, but not a larger one."""
        if self.rows is None or most < self.rows:
            self.rows = most
            self._note_fault(f"does not answer GETBULK of many rows: asks for {most} at a time", now)

    def without_bulk(self, now: float) -> None:
        """Notes that GETBULK does not work."""
        if self.bulk:
            self.bulk = False
            self._note_fault("does not answer GETBULK correctly: asks row by row with GETNEXT", now)

    def answers_from(self, where: str) -> None:
        """Notes that answers come from another address."""
        self._elsewhere = True
        self._tell(f"answers from {where}: takes what has the request's identifier and community")

    def _note_fault(self, line: str, now: float) -> None:
        self._since = now
        self._tell(line)

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            logger.warning("%s: %s", self._name, line)

    def held(self, oids: Sequence[Oid], now: float) -> Mapping[Oid, Missing]:
        """Objects that are not asked for now since the agent refused them; of those due again all but one."""
        held = {oid: self._refused[oid] for oid in oids if oid in self._refused}
        due = min(held, key=lambda oid: held[oid].due, default=None)
        if due is not None and held[due].due <= now:
            del held[due]
        return {oid: refusal.why for oid, refusal in held.items()}

    def note(self, oid: Oid, why: Missing | None, now: float) -> None:
        """Notes whether the agent refused an object (`why`) or gave it. If it gives one again, it may give all."""
        if why is not None:
            before = self._refused.get(oid)
            wait = FIRST_RETRY_SECONDS if before is None else min(2 * before.wait, LAST_RETRY_SECONDS)
            self._refused[oid] = _Refusal(why, wait, now + wait)
        elif oid in self._refused:
            self._refused.clear()
