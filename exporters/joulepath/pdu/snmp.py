# SPDX-License-Identifier: Apache-2.0
"""A small SNMP client: get some objects, walk one column. Done with pysnmp; another library fits behind `Client`.

pysnmp wants one engine on one event loop (an engine used over two loops hangs), so engines and sockets are made within
the loop that runs.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

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

from joulepath.errors import JoulepathError
from joulepath.pdu.credentials import AuthProtocol, Community, Credentials, PrivacyProtocol, User

__all__ = [  # with what a client needs, so that its users import from one place
    "Client",
    "Community",
    "Credentials",
    "Endpoint",
    "Engine",
    "Limits",
    "Missing",
    "NoAnswerError",
    "Oid",
    "PysnmpClient",
    "SnmpError",
    "User",
    "Value",
    "address",
    "dotted",
    "parsed",
]

Oid: TypeAlias = tuple[int, ...]


class Missing(Enum):
    """Why an object has no value (RFC 3416 section 2.3)."""

    NO_SUCH_OBJECT = "noSuchObject"
    NO_SUCH_INSTANCE = "noSuchInstance"
    END_OF_MIB_VIEW = "endOfMibView"


Value: TypeAlias = int | bytes | Oid | Missing
"""INTEGER, Gauge, Counter and TimeTicks are int, OCTET STRING and its kin bytes, OBJECT IDENTIFIER an Oid."""


@dataclass(frozen=True)
class Endpoint:
    """Where an agent listens, over UDP."""

    host: str
    port: int = 161

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"udp://{host}:{self.port}"


class SnmpError(JoulepathError):
    """A request failed; the message says how, without the device's name and never with its credentials."""


class NoAnswerError(SnmpError):
    """Nothing came back: a dead host, a closed port and a wrong community look alike."""

    def __init__(self, limits: "Limits") -> None:
        super().__init__(
            f"no answer within {limits.timeout * (1 + limits.retries):g} s: check the address, the network and the "
            "community (a wrong community gets no answer either)"
        )


class _NoSuchNameError(SnmpError):
    """How SNMP v1 says that an object does not exist; `index` counts from 0."""

    def __init__(self, index: int) -> None:
        super().__init__("the agent has no such object")
        self.index = index


class _TooBigError(SnmpError):
    """The answer would not fit the agent's datagram."""


class Client(Protocol):
    """One agent."""

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """The objects' values, Missing where there is none. Raises SnmpError."""

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """All instances below `column` by their index, in order. Asks for `repetitions` rows at a time.

        Raises SnmpError, also where the agent goes backwards or has no end.
        """

    async def close(self) -> None:
        """Releases what belongs to this agent."""


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


@dataclass(frozen=True)
class Limits:
    """What a client asks of an agent at most."""

    timeout: float = 2.0
    """Seconds until a request is sent again."""
    retries: int = 1
    rows: int = 4096
    """Instances of one walk."""
    requests: int = 512
    """Requests of one walk."""


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


async def address(endpoint: Endpoint, turn: int) -> tuple[int, tuple[str, int]]:
    """The address family, host and port of an endpoint. Raises SnmpError.

    A name may have several addresses and the agent only one of them: IPv4 first, the next at each `turn`.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SnmpError(f"the name {endpoint.host!r} is not known: {error.strerror}") from None
    addresses = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    family, _, _, _, where = addresses[turn % len(addresses)]
    return family, (str(where[0]), int(where[1]))


def dotted(oid: Oid) -> str:
    """`(1, 3, 6)` as `1.3.6`."""
    return ".".join(map(str, oid))


def parsed(text: str) -> Oid:
    """`1.3.6`, with or without a leading dot, as `(1, 3, 6)`. Raises ValueError."""
    parts = text.removeprefix(".").split(".")
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"{text!r} is no object identifier; write it in digits, as in 1.3.6.1.4.1.318")
    return tuple(map(int, parts))


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
