# SPDX-License-Identifier: Apache-2.0
"""`Client` with gufo-snmp, which encodes and decodes in Rust: a sixth of pysnmp's CPU for a poll. An extra, `fast`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp import SnmpError as GufoError
from gufo.snmp import SnmpVersion
from gufo.snmp import User as GufoUser
from gufo.snmp.aio import SnmpSession
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

from joulepath.pdu.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol
from joulepath.pdu.snmp import (
    Endpoint,
    Limits,
    Missing,
    NoAnswerError,
    Oid,
    SnmpError,
    Value,
    address,
    dotted,
    parsed,
)

T = TypeVar("T")

_written = lru_cache(16384)(dotted)
_read = lru_cache(16384)(parsed)
"""The objects of polls repeat; the library has them as text."""

REFRESH_SECONDS = 120.0
"""SNMP v3 agents refuse requests whose idea of their clock is 150 s old (RFC 3414 section 2.2.3)."""

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


class _NoSuchNameError(Exception):
    """The agent has no such object."""


class GufoClient:
    """One agent. Resolves its name at the first request and again after a fault."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials, limits: Limits | None = None) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._limits = limits or Limits()
        self._session: SnmpSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refreshed = 0.0
        self._silences = 0

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        if isinstance(self._credentials, Community) and self._credentials.version == 1:
            # One missing object spoils a v1 answer, and the library does not say which.
            return {oid: _plain((await self._some([_written(oid)])).get(_written(oid))) for oid in oids}
        names = list(map(_written, oids))
        found = await self._some(names)
        return {oid: _plain(found.get(name)) for oid, name in zip(oids, names, strict=True)}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `Client.walk`."""
        rows: dict[Oid, Value] = {}
        session = await self._ready()
        bulk = not isinstance(self._credentials, Community) or self._credentials.version > 1
        base = dotted(column)
        found = session.getbulk(base, repetitions) if bulk else session.getnext(base)
        last = column
        while True:
            try:
                name, value = await self._answered(found.__anext__)
            except StopAsyncIteration:
                return rows
            except _NoSuchNameError:
                return rows
            oid = _read(name)
            if oid[: len(column)] != column:
                return rows
            if oid <= last:
                raise SnmpError(f"the agent goes in circles at {dotted(oid)}")
            rows[oid[len(column) :]] = _plain(value)
            last = oid
            if len(rows) > self._limits.rows:
                raise SnmpError(f"{base} has no end: stopped after {len(rows)} rows")

    async def close(self) -> None:
        """See `Client.close`."""
        self._session = None  # the socket closes with it

    async def _some(self, names: Sequence[str]) -> Mapping[str, Any]:
        session = await self._ready()
        try:
            found: Mapping[str, Any] = await self._answered(lambda: session.get_many(names))
        except _NoSuchNameError:
            return {}
        if not found and len(names) > 1:
            # What the library makes of an answer that has no room (tooBig) as well as of one without any object.
            half = len(names) // 2
            return {**await self._some(names[:half]), **await self._some(names[half:])}
        return found

    async def _ready(self) -> SnmpSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            _, (host, port) = await address(self._endpoint, self._silences)
            self._session, self._loop = _session(host, port, self._credentials, self._limits), loop
            self._refreshed = float("-inf")
        if not isinstance(self._credentials, Community) and loop.time() - self._refreshed > REFRESH_SECONDS:
            await self._answered(self._session.refresh)
            self._refreshed = loop.time()
        return self._session

    async def _answered(self, request: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        for _ in range(1 + self._limits.retries):
            asked = loop.time()
            try:
                return await request()
            except (TimeoutError, ConnectionError):
                # A closed port answers at once by ICMP: as silent as a dead host, and perhaps only restarting.
                await asyncio.sleep(asked + self._limits.timeout - loop.time())
            except GufoError as error:
                if "NoSuchName" in type(error).__name__ or "NoSuchInstance" in type(error).__name__:
                    raise _NoSuchNameError from None
                self._session = None
                raise SnmpError(f"SNMP failed: {error or type(error).__name__}") from error
            except (OSError, ValueError, RuntimeError) as error:
                self._session = None
                raise SnmpError(f"SNMP failed: {type(error).__name__}") from error
            except BaseException as error:
                # gufo-snmp 0.13 panics at some datagrams, and the PanicException of its bindings is no Exception.
                if type(error).__name__ != "PanicException":
                    raise
                self._session = None
                raise SnmpError("the answer is no message of SNMP") from error
        self._session = None
        self._silences += 1
        raise NoAnswerError(self._limits)


def _session(host: str, port: int, credentials: Credentials, limits: Limits) -> SnmpSession:
    common: dict[str, Any] = {"port": port, "timeout": limits.timeout}
    if isinstance(credentials, Community):
        version = SnmpVersion.v1 if credentials.version == 1 else SnmpVersion.v2c
        return SnmpSession(host, community=credentials.secret, version=version, **common)
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
        return parsed(value)
    if isinstance(value, float):
        return Missing.NO_SUCH_INSTANCE  # Opaque: no device of a profile measures in it
    return value if isinstance(value, bytes) else int(value)
