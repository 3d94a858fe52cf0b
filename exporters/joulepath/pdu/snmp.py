# SPDX-License-Identifier: Apache-2.0
"""A small SNMP client: get some objects, walk one column. Done with pysnmp; another library fits behind `Client`.

pysnmp wants one engine on one event loop (an engine used over two loops hangs), so engines and sockets are made within
the loop that runs.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeAlias

from pyasn1.type import univ
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    Udp6TransportTarget,
    UdpTransportTarget,
    bulk_cmd,
    get_cmd,
)
from pysnmp.proto import errind, rfc1905

from joulepath.errors import JoulepathError

Oid: TypeAlias = tuple[int, ...]


class Missing(Enum):
    """Why an object has no value (RFC 3416 section 2.3)."""

    NO_SUCH_OBJECT = "noSuchObject"
    NO_SUCH_INSTANCE = "noSuchInstance"
    END_OF_MIB_VIEW = "endOfMibView"


Value: TypeAlias = int | bytes | Oid | Missing
"""INTEGER, Gauge, Counter and TimeTicks are int, OCTET STRING and its kin bytes, OBJECT IDENTIFIER an Oid."""


@dataclass(frozen=True)
class Community:
    """Credentials of SNMP v2c. The community never appears in a representation."""

    secret: str = field(repr=False)


Credentials: TypeAlias = Community
"""What a device wants to know; a union once there is more than v2c."""


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


class Engine:
    """The pysnmp engine of the running event loop, shared by all clients of it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Any = None
        self._clients = 0

    def acquire(self) -> Any:
        """The engine of the running loop; each call is to be met by one `release`."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._engine, self._clients = loop, SnmpEngine(), 0
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
        # The community's index in the engine is its own hash; two agents with the same one share it.
        self._credentials = CommunityData(credentials.secret, mpModel=1)  # noqa: S508  # most PDUs have no more
        self._limits = limits or Limits()
        self._engine: Any = None
        self._transport: Any = None
        self._silences = 0

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        return dict(await self._request(get_cmd, oids))

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """See `Client.walk`."""
        rows: dict[Oid, Value] = {}
        last = column
        for _ in range(self._limits.requests):
            found = await self._request(bulk_cmd, [last], 0, repetitions)
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
            fault, status, _, found = await command(
                self._engine,
                self._credentials,
                self._transport,
                ContextData(),
                *options,
                *(ObjectType(ObjectIdentity(oid)) for oid in oids),
                lookupMib=False,
            )
        except PySnmpError as error:
            self._transport = None
            raise SnmpError(f"SNMP failed: {type(error).__name__}") from error
        if isinstance(fault, errind.RequestTimedOut):
            self._transport = None
            self._silences += 1
            seconds = self._limits.timeout * (1 + self._limits.retries)
            raise NoAnswerError(
                f"no answer within {seconds:g} s: check the address, the network and the community "
                "(a wrong community gets no answer either)"
            )
        if fault:
            raise SnmpError(f"SNMP failed: {fault}")
        if status:
            raise SnmpError(f"the agent refused with {status.prettyPrint()} at {dotted(oids[0])}")
        return [(tuple(oid), _plain(value)) for oid, value in found]

    async def _connected(self) -> Any:
        host, port = self._endpoint.host, self._endpoint.port
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise SnmpError(f"the name {host!r} is not known: {error.strerror}") from None
        # A name may have several addresses and the agent only one of them: IPv4 first, the next after each silence.
        addresses = sorted(found, key=lambda address: address[0] != socket.AF_INET)
        family, _, _, _, where = addresses[self._silences % len(addresses)]
        kind = Udp6TransportTarget if family == socket.AF_INET6 else UdpTransportTarget
        return await kind.create(where[:2], timeout=self._limits.timeout, retries=self._limits.retries)


def dotted(oid: Oid) -> str:
    """`(1, 3, 6)` as `1.3.6`."""
    return ".".join(map(str, oid))


def parsed(text: str) -> Oid:
    """`1.3.6`, with or without a leading dot, as `(1, 3, 6)`. Raises ValueError."""
    parts = text.removeprefix(".").split(".")
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"{text!r} is no object identifier; write it in digits, as in 1.3.6.1.4.1.318")
    return tuple(map(int, parts))


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
