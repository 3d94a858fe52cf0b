# SPDX-License-Identifier: Apache-2.0
"""`Client` with pysnmp, which is Python alone and always there.

pysnmp wants one engine on one event loop (an engine used over two loops hangs), so engines and sockets are made within
the loop that runs.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from pyasn1.type import univ
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC128_SHA224,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC256_SHA384,
    USM_AUTH_HMAC384_SHA512,
    USM_AUTH_NONE,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB192_AES,
    USM_PRIV_CFB256_AES,
    USM_PRIV_NONE,
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    Udp6TransportTarget,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
    next_cmd,
)
from pysnmp.proto import errind, rfc1905

from joulepath.pdu.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol
from joulepath.pdu.snmp import Endpoint, Limits, Missing, NoAnswerError, Oid, SnmpError, Value, address, dotted


class _NoSuchNameError(SnmpError):
    """How SNMP v1 says that an object does not exist; `index` counts from 0."""

    def __init__(self, index: int) -> None:
        super().__init__("the agent has no such object")
        self.index = index


class _TooBigError(SnmpError):
    """The answer would not fit the agent's datagram."""


KEPT_OBJECTS = 4096
"""The objects of polls repeat, those of walks do not."""


class Engine:
    """The pysnmp engine of the running event loop, shared by all clients of it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Any = None
        self._clients = 0
        self._objects: dict[Oid, Any] = {}

    def object(self, oid: Oid) -> Any:
        """The object as pysnmp wants it; kept, since the library takes longer to make one than to ask for it."""
        if oid not in self._objects:
            if len(self._objects) >= KEPT_OBJECTS:
                self._objects.clear()
            self._objects[oid] = ObjectType(ObjectIdentity(oid))
        return self._objects[oid]

    def acquire(self) -> Any:
        """The engine of the running loop; each call is to be met by one `release`."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._engine, self._clients, self._objects = loop, SnmpEngine(), 0, {}
        self._clients += 1
        return self._engine

    def release(self) -> None:
        """Closes the engine's sockets after its last client."""
        self._clients -= 1
        if self._clients == 0:
            self._engine.close_dispatcher()
            self._loop = self._engine = None


class PysnmpClient:
    """`Client` with pysnmp; resolves the name at the first request and again after a fault."""

    def __init__(
        self, engine: Engine, endpoint: Endpoint, credentials: Credentials, limits: Limits | None = None
    ) -> None:
        self._shared = engine
        self._endpoint = endpoint
        self._credentials = _security(credentials)
        self._bulk = not isinstance(credentials, Community) or credentials.version > 1
        self._limits = limits or Limits()
        self._engine: Any = None
        self._transport: Any = None
        self._silences = 0

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        wanted, found = list(oids), dict[Oid, Value]()
        while wanted:
            try:
                return {**found, **dict(await self._request(get_cmd, wanted))}
            except _NoSuchNameError as missing:  # v1 answers nothing at all where one object is missing
                found[wanted.pop(missing.index)] = Missing.NO_SUCH_INSTANCE
            except _TooBigError:
                if len(wanted) == 1:
                    raise
                half = len(wanted) // 2
                return {**found, **await self.get(wanted[:half]), **await self.get(wanted[half:])}
        return found

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `Client.walk`."""
        rows: dict[Oid, Value] = {}
        last = column
        for _ in range(self._limits.requests):
            try:
                found = await (
                    self._request(bulk_cmd, [last], 0, repetitions) if self._bulk else self._request(next_cmd, [last])
                )
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
        if self._engine is not None:
            self._shared.release()
        self._engine = self._transport = None

    async def _request(self, command: Any, oids: Sequence[Oid], *options: int) -> list[tuple[Oid, Value]]:
        if self._engine is None:
            self._engine = self._shared.acquire()
        if self._transport is None:
            self._transport = await self._connected()
        try:
            fault, status, index, found = await command(
                self._engine,
                self._credentials,
                self._transport,
                ContextData(),
                *options,
                *map(self._shared.object, oids),
                lookupMib=False,
            )
        except PySnmpError as error:
            self._transport = None
            raise SnmpError(f"SNMP failed: {type(error).__name__}") from error
        if isinstance(fault, errind.RequestTimedOut):
            self._transport = None
            self._silences += 1
            raise NoAnswerError(self._limits)
        if fault:
            raise SnmpError(f"SNMP failed: {fault}")
        if int(status) == _NO_SUCH_NAME and 0 < int(index) <= len(oids):
            raise _NoSuchNameError(int(index) - 1)
        if int(status) == _TOO_BIG:
            raise _TooBigError(f"the agent has no room for an answer at {dotted(oids[0])}")
        if status:
            raise SnmpError(f"the agent refused with {status.prettyPrint()} at {dotted(oids[0])}")
        return [(tuple(oid), _plain(value)) for oid, value in found]

    async def _connected(self) -> Any:
        family, where = await address(self._endpoint, self._silences)
        kind = Udp6TransportTarget if family == socket.AF_INET6 else UdpTransportTarget
        return await kind.create(where, timeout=self._limits.timeout, retries=self._limits.retries)


_TOO_BIG, _NO_SUCH_NAME = 1, 2  # error-status of RFC 1157

_AUTH: Mapping[AuthProtocol, Any] = {
    "md5": USM_AUTH_HMAC96_MD5,
    "sha": USM_AUTH_HMAC96_SHA,
    "sha224": USM_AUTH_HMAC128_SHA224,
    "sha256": USM_AUTH_HMAC192_SHA256,
    "sha384": USM_AUTH_HMAC256_SHA384,
    "sha512": USM_AUTH_HMAC384_SHA512,
}

_PRIVACY: Mapping[PrivacyProtocol, Any] = {
    "des": USM_PRIV_CBC56_DES,
    "aes128": USM_PRIV_CFB128_AES,
    "aes192": USM_PRIV_CFB192_AES,
    "aes256": USM_PRIV_CFB256_AES,
}


def _security(credentials: Credentials) -> Any:
    if isinstance(credentials, Community):
        # The community's index in the engine is its own hash; two agents with the same one share it.
        return CommunityData(credentials.secret, mpModel=credentials.version - 1)
    return UsmUserData(
        credentials.name,
        authKey=credentials.auth_secret or None,
        privKey=credentials.privacy_secret or None,
        authProtocol=_AUTH[credentials.auth_protocol] if credentials.auth_secret else USM_AUTH_NONE,
        privProtocol=_PRIVACY[credentials.privacy_protocol] if credentials.privacy_secret else USM_PRIV_NONE,
    )


_MISSING = (
    (rfc1905.NoSuchObject, Missing.NO_SUCH_OBJECT),
    (rfc1905.NoSuchInstance, Missing.NO_SUCH_INSTANCE),
    (rfc1905.EndOfMibView, Missing.END_OF_MIB_VIEW),
)


def _plain(value: Any) -> Value:
    for kind, missing in _MISSING:
        if isinstance(value, kind):
            return missing
    if isinstance(value, univ.Integer):  # Integer32, Unsigned32, Gauge32, Counter32, Counter64, TimeTicks
        return int(value)
    if isinstance(value, univ.ObjectIdentifier):
        return tuple(value)
    if isinstance(value, univ.OctetString):  # also IpAddress and Opaque
        return bytes(value)
    return Missing.NO_SUCH_INSTANCE  # NULL: an agent's way to say nothing
