# SPDX-License-Identifier: Apache-2.0
"""`Session` of SNMP v1 and v2c: one socket for each agent."""

import asyncio
import random
from collections.abc import Sequence
from functools import lru_cache

from joulepath.pdu import messages
from joulepath.pdu.credentials import Community
from joulepath.pdu.messages import Answer, Kind
from joulepath.pdu.snmp import Endpoint, Limits, NoAnswerError, Oid, SnmpError, address

KEPT_REQUESTS = 16
"""Those of polls repeat, but for their identifier; those of surveys do not."""


class CommunitySession:
    """One agent. Resolves its name at the first request and again after a fault."""

    def __init__(self, endpoint: Endpoint, community: Community, limits: Limits) -> None:
        self._endpoint = endpoint
        self._community = community
        self._limits = limits
        self._request = lru_cache(KEPT_REQUESTS)(messages.request)
        self._socket: tuple[asyncio.DatagramTransport, _Received] | None = None
        self._silences = 0

    @property
    def bulk(self) -> bool:
        """See `Session.bulk`."""
        return self._community.version > 1

    async def ask(self, kind: Kind, oids: Sequence[Oid], repetitions: int = 0) -> Answer:
        """See `Session.ask`."""
        transport, received = await self._ready()
        identifier = random.randint(messages.MIN_ID, messages.MAX_ID)  # noqa: S311  # it tells answers apart, as the socket does peers
        message = self._request(self._community, kind, tuple(oids), repetitions).message(identifier)
        for _ in range(1 + self._limits.retries):
            try:
                transport.sendto(message)
                async with asyncio.timeout(self._limits.timeout):
                    return await _answer(received, identifier)
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

    async def _ready(self) -> tuple[asyncio.DatagramTransport, "_Received"]:
        if self._socket is None:
            _, where = await address(self._endpoint, self._silences)
            try:
                loop = asyncio.get_running_loop()
                self._socket = await loop.create_datagram_endpoint(_Received, remote_addr=where)
            except OSError as error:
                raise SnmpError(f"{self._endpoint} cannot be reached: {error.strerror}") from error
        return self._socket


class _Received(asyncio.DatagramProtocol):
    """Datagrams of one agent. An ICMP error is as much as silence: the retry asks again."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[bytes] = asyncio.Queue(maxsize=64)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  # the socket knows one peer
        """More than an agent has to say in a while is dropped."""
        if not self.datagrams.full():
            self.datagrams.put_nowait(data)


async def _answer(received: _Received, identifier: int) -> Answer:
    """The answer to the request; later ones to earlier requests are passed over."""
    while True:
        answered, answer = messages.answer(await received.datagrams.get())
        if answered == identifier:
            return answer
