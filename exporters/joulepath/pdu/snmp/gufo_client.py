# SPDX-License-Identifier: Apache-2.0
"""`SnmpClient` with gufo-snmp (extra `fast`), which encodes and decodes in Rust: a sixth of pysnmp's CPU for a poll."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp import SnmpError as GufoError
from gufo.snmp import SnmpVersion
from gufo.snmp import User as GufoUser
from gufo.snmp.aio import SnmpSession
from gufo.snmp.policer import BasePolicer
from gufo.snmp.user import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    BaseAuthKey,
    BasePrivKey,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
)

from joulepath.pdu.snmp.careful_client import CarefulClient
from joulepath.pdu.snmp.client import (
    Limits,
    Missing,
    NoAnswerError,
    Oid,
    SnmpEndpoint,
    SnmpError,
    Value,
    format_oid,
    opaque,
    parse_oid,
    resolve_address,
)
from joulepath.pdu.snmp.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol
from joulepath.pdu.snmp.session import FORGET_SECONDS

T = TypeVar("T")

_written = lru_cache(16384)(format_oid)
_read = lru_cache(16384)(parse_oid)
"""The objects of polls repeat; the library has them as text."""

REFRESH_SECONDS = 120.0
"""SNMP v3 agents refuse requests with a time that is 150 s behind their clock (RFC 3414 section 2.2.3)."""

SLOW = 3
"""Requests in a row without a timely answer that make an agent a slow one: the careful client waits longer."""

KEPT = 4096
"""Objects that are remembered as absent, or as the last of their columns."""

_AUTH: Mapping[AuthProtocol, type[BaseAuthKey]] = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}

_PRIVACY: Mapping[PrivacyProtocol, type[BasePrivKey]] = {
    "des": DesKey,
    "aes128": Aes128Key,
    "aes192": Aes192Key,
    "aes256": Aes256Key,
}


class _Requests(BasePolicer):
    """Counts the requests of a session: the library asks before each one."""

    def __init__(self) -> None:
        self.count = 0

    def get_timeout(self, ts: int) -> None:  # noqa: ARG002  # the library's signature
        """Counts a request, without a delay."""
        self.count += 1


class GufoClient:
    """One agent that keeps to the standards; departures from them are left to the careful client.

    Asks each request once. Resolves its name at the first one and again after a fault.
    """

    def __init__(
        self,
        endpoint: SnmpEndpoint,
        credentials: Credentials,
        careful: Callable[[], CarefulClient],
        limits: Limits | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._make = careful
        self._limits = limits or Limits()
        self._made: CarefulClient | None = None
        self._session: SnmpSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refreshed = 0.0
        self._requests = _Requests()
        self._silences = 0
        self._lost = False
        """Whether the careful client too had no answer at last."""
        self._slow = 0
        """Requests in a row without an answer in time."""
        self._careful_until = 0.0
        self._absent: set[Oid] = set()
        """Objects that the agent does not have; it was asked."""
        self._ends: set[Oid] = set()
        """The last rows of columns with nothing behind them; the agent was asked."""

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `SnmpClient.get`."""
        values: dict[Oid, Value] = {}
        if not self._odd:
            try:
                values = await self._some(oids)
            except SnmpError:
                return await self._with_care(self._careful.get(oids))
        left = [oid for oid in oids if oid not in values and oid not in self._absent]
        if left:
            asked = await self._with_care(self._careful.get(left, others=bool(values)))
            _keep(
                self._absent,
                {oid for oid, value in asked.items() if isinstance(value, Missing) and not value.refused},
            )
            values |= asked
        self._absent -= {oid for oid, value in values.items() if not isinstance(value, Missing)}
        return {oid: values.get(oid, Missing.NO_SUCH_INSTANCE) for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `SnmpClient.walk`."""
        if not self._odd:
            try:
                rows, closed = await self._rows(column, repetitions)
                last = column + next(reversed(rows), ())
                if rows and closed and self._careful_sure(len(rows)):
                    return rows
                if last in self._ends:
                    return rows
                if await self._with_care(self._careful.ends(column, last, len(rows))):
                    _keep(self._ends, {last})
                    return rows
            except SnmpError:
                pass  # asked again
        return await self._with_care(self._careful.walk(column, repetitions))

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        self._session = None  # the socket closes with it
        if self._made is not None:
            await self._made.close()

    @property
    def _careful(self) -> CarefulClient:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def _odd(self) -> bool:
        slow = asyncio.get_running_loop().time() < self._careful_until
        return self._lost or slow or (self._made is not None and self._made.odd)

    async def _with_care(self, work: Awaitable[T]) -> T:
        self._lost = True
        try:
            answer = await work
            self._lost = False
            return answer
        finally:
            # One socket for each agent is enough.
            if self._odd:
                self._session = None
            elif isinstance(self._credentials, Community):
                await self._careful.close()

    def _careful_sure(self, rows: int) -> bool:
        return self._made is not None and self._made.sure(rows)

    async def _some(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        """The objects that the answer contains."""
        session = await self._ready()
        names = list(map(_written, oids))
        answers: Mapping[str, Any] = await self._await_answer(lambda: session.get_many(names))
        return {oid: _plain(answers[name]) for oid, name in zip(oids, names, strict=True) if name in answers}

    async def _rows(self, column: Oid, repetitions: int) -> tuple[dict[Oid, Value], bool]:
        """The rows by GETBULK, and whether the agent named the next object. Raises SnmpError, also for disorder."""
        session = await self._ready()
        pages = session.getbulk(_written(column), repetitions)
        rows: dict[Oid, Value] = {}
        last = column
        while True:
            asked = self._requests.count
            try:
                name, value = await self._await_answer(pages.__anext__)
            except StopAsyncIteration:
                return rows, self._requests.count == asked
            oid = _read(name)
            if oid <= last:
                raise SnmpError(f"the agent goes in circles at {format_oid(oid)}")
            rows[oid[len(column) :]] = _plain(value)
            last = oid
            if len(rows) > self._limits.rows:
                raise SnmpError(f"{format_oid(column)} has no end: stopped after {len(rows)} rows")

    async def _ready(self) -> SnmpSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            _, (host, port) = await resolve_address(self._endpoint, self._silences)
            self._session, self._loop = _session(host, port, self._credentials, self._limits, self._requests), loop
            self._refreshed = float("-inf")
        if not isinstance(self._credentials, Community) and loop.time() - self._refreshed > REFRESH_SECONDS:
            await self._await_answer(self._session.refresh)
            self._refreshed = loop.time()
        return self._session

    async def _await_answer(self, request: Callable[[], Awaitable[T]]) -> T:
        try:
            answered = await request()
        except (TimeoutError, ConnectionError):
            self._session = None
            self._silences += 1
            self._slow += 1
            if self._slow >= SLOW:
                self._slow = 0
                self._careful_until = asyncio.get_running_loop().time() + FORGET_SECONDS
            raise NoAnswerError(self._limits) from None
        except (GufoError, OSError, ValueError, RuntimeError) as error:
            self._session = None
            raise SnmpError(f"SNMP failed: {error or type(error).__name__}") from error
        except BaseException as error:
            # gufo-snmp 0.13 panics at some datagrams, and the PanicException of its bindings is not an Exception.
            if type(error).__name__ != "PanicException":
                raise
            self._session = None
            raise SnmpError("the answer is not an SNMP message") from error
        self._slow = 0
        return answered


def _keep(known: set[Oid], more: set[Oid]) -> None:
    if len(known) + len(more) > KEPT:
        known.clear()
    known |= more


def _session(host: str, port: int, credentials: Credentials, limits: Limits, requests: "_Requests") -> SnmpSession:
    common: dict[str, Any] = {"port": port, "timeout": limits.timeout, "policer": requests}
    if isinstance(credentials, Community):
        return SnmpSession(host, community=credentials.secret, version=SnmpVersion.v2c, **common)
    user = GufoUser(
        credentials.name,
        auth_key=_AUTH[credentials.auth_protocol](credentials.auth_secret.encode())
        if credentials.auth_secret
        else None,
        priv_key=_PRIVACY[credentials.privacy_protocol](credentials.privacy_secret.encode())
        if credentials.privacy_secret
        else None,
    )
    return SnmpSession(host, user=user, version=SnmpVersion.v3, **common)


def _plain(value: Any) -> Value:
    if value is None:
        return Missing.NO_SUCH_INSTANCE
    if isinstance(value, str):  # an object identifier or an address: octet strings are bytes
        return parse_oid(value)
    if isinstance(value, bytes):  # an Opaque too
        return opaque(value)
    return value if isinstance(value, float) else int(value)
