# SPDX-License-Identifier: Apache-2.0
"""`Session` of SNMP v1 and v2c: one socket for each agent.

The socket is open to all senders, since some agents answer from another of their addresses or ports. An answer counts
by what an attacker who does not see the request cannot guess within its time: the identifier, 31 bits of the system's
random numbers, the community, and the socket's port.
"""

import asyncio
import secrets
from collections.abc import Sequence
from functools import lru_cache

from joulepath.pdu.snmp import messages
from joulepath.pdu.snmp.client import GarbledError, Limits, NoAnswerError, Oid, SnmpEndpoint, SnmpError, resolve_address
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.snmp.messages import Answer, Kind

KEPT_REQUESTS = 16
"""Those of polls repeat, but for their identifier; those of surveys do not."""

LONGEST_WAIT = 10.0
"""Seconds that an agent that is usually slow is waited for at most, where its `timeout` is not longer."""

MAX_STRANGERS = 16
"""Datagrams of others that are looked at for each request."""

Sender = tuple[str, int]


class CommunitySession:
    """One agent. Resolves its name at the first request and again after a fault."""

    def __init__(self, endpoint: SnmpEndpoint, community: Community, limits: Limits) -> None:
        self._endpoint = endpoint
        self._community = community
        self._limits = limits
        self._request = lru_cache(KEPT_REQUESTS)(messages.request)
        self._socket: tuple[asyncio.DatagramTransport, _Received] | None = None
        self._where: Sender = ("", 0)
        self._silences = 0
        self._took = 0.0
        """Seconds that the last answer took."""
        self.elsewhere = ""
        """See `Session.elsewhere`."""

    @property
    def bulk(self) -> bool:
        """See `Session.bulk`."""
        return self._community.version > 1

    async def ask(self, kind: Kind, oids: Sequence[Oid], repetitions: int = 0, *, retries: int | None = None) -> Answer:
        """See `Session.ask`."""
        transport, received = await self._ready()
        identifier = messages.MIN_ID + secrets.randbelow(messages.MAX_ID - messages.MIN_ID + 1)
        message = self._request(self._community, kind, tuple(oids), repetitions).message(identifier)
        loop = asyncio.get_running_loop()
        began = loop.time()
        received.strangers = MAX_STRANGERS
        # An agent that is asked again before it has answered has twice as much to do.
        wait = max(self._limits.timeout, min(2 * self._took, LONGEST_WAIT))
        for _ in range(1 + (self._limits.retries if retries is None else retries)):
            try:
                transport.sendto(message, self._where)
                async with asyncio.timeout(wait):
                    answer = await self._answer(received, identifier)
                    self._took = loop.time() - began
                    return answer
            except TimeoutError:
                continue
        self.close()
        self._silences += 1
        raise NoAnswerError(self._limits)

    def close(self) -> None:
        """See `Session.close`."""
        if self._socket is not None:
            self._socket[0].close()
            self._socket = None

    async def _answer(self, received: "_Received", identifier: int) -> Answer:
        """The answer to the request; later ones to earlier requests are passed over."""
        while True:
            datagram, sender = await received.datagrams.get()
            try:
                answered, community, answer = messages.answer(datagram)
            except GarbledError:
                if sender == self._where:
                    raise
                continue
            if answered != identifier:
                continue
            if sender != self._where:
                if community != self._community.secret.encode():
                    continue
                self.elsewhere = str(SnmpEndpoint(*sender))
            return answer

    async def _ready(self) -> tuple[asyncio.DatagramTransport, "_Received"]:
        if self._socket is None:
            family, self._where = await resolve_address(self._endpoint, self._silences)
            try:
                loop = asyncio.get_running_loop()
                self._socket = await loop.create_datagram_endpoint(lambda: _Received(self._where), family=family)
            except OSError as error:
                raise SnmpError(f"{self._endpoint} cannot be reached: {error.strerror}") from error
        return self._socket


class _Received(asyncio.DatagramProtocol):
    """Datagrams of the agent at `where`, and a few of others. An ICMP error is as much as silence."""

    def __init__(self, where: Sender) -> None:
        self.datagrams: asyncio.Queue[tuple[bytes, Sender]] = asyncio.Queue(maxsize=64)
        self.strangers = 0
        """So many of others are taken yet."""
        self._where = where

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """More than an agent has to say in a while is dropped."""
        sender = (addr[0], addr[1])
        if sender != self._where:
            if self.strangers == 0:
                return
            self.strangers -= 1
        if not self.datagrams.full():
            self.datagrams.put_nowait((data, sender))
