# SPDX-License-Identifier: Apache-2.0
"""`Session` of SNMP v3 with pysnmp's engine.

pysnmp wants one engine on one event loop (an engine used over two loops hangs), so engines and sockets are made within
the loop that runs.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any

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
from pysnmp.proto import errind

from joulepath.pdu.snmp.client import Limits, NoAnswerError, Oid, SnmpEndpoint, SnmpError, resolve_address
from joulepath.pdu.snmp.credentials import AuthProtocol, PrivacyProtocol, SnmpUser
from joulepath.pdu.snmp.messages import Answer, Kind, plain

KEPT_OBJECTS = 4096
"""The objects of polls repeat, those of walks do not."""


class Engine:
    """The pysnmp engine of the running event loop, shared by all sessions of it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Any = None
        self._sessions = 0
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
            self._loop, self._engine, self._sessions, self._objects = loop, SnmpEngine(), 0, {}
        self._sessions += 1
        return self._engine

    def release(self) -> None:
        """Closes the engine's sockets after its last session."""
        self._sessions -= 1
        if self._sessions == 0:
            self._engine.close_dispatcher()
            self._loop = self._engine = None


_COMMANDS: Mapping[Kind, Any] = {"get": get_cmd, "next": next_cmd, "bulk": bulk_cmd}


class UserSession:
    """One agent. Resolves its name at the first request and again after a fault."""

    bulk = True
    elsewhere = ""
    """The engine knows an agent's engine identifier by the address that it was asked at, and takes no other's."""

    def __init__(self, engine: Engine, endpoint: SnmpEndpoint, user: SnmpUser, limits: Limits) -> None:
        self._shared = engine
        self._endpoint = endpoint
        self._user = _security(user)
        self._limits = limits
        self._engine: Any = None
        self._transport: Any = None
        self._silences = 0

    async def ask(
        self,
        kind: Kind,
        oids: Sequence[Oid],
        repetitions: int = 0,
        *,
        retries: int | None = None,  # noqa: ARG002  # the engine's transports have theirs
    ) -> Answer:
        """See `Session.ask`."""
        if self._engine is None:
            self._engine = self._shared.acquire()
        if self._transport is None:
            self._transport = await self._connect()
        try:
            fault, status, index, bindings = await _COMMANDS[kind](
                self._engine,
                self._user,
                self._transport,
                ContextData(),
                *((0, repetitions) if kind == "bulk" else ()),
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
        if isinstance(fault, errind.UnknownEngineID):
            raise SnmpError(f"SNMP failed: {fault}: does the agent answer from another address than it is asked at?")
        if fault:
            advice = next((f": {text}" for kind, text in _ADVICE.items() if isinstance(fault, kind)), "")
            raise SnmpError(f"SNMP failed: {fault}{advice}")
        return Answer(int(status), int(index), [(tuple(oid), plain(value)) for oid, value in bindings])

    def close(self) -> None:
        """See `Session.close`."""
        if self._engine is not None:
            self._shared.release()
        self._engine = self._transport = None

    async def _connect(self) -> Any:
        family, where = await resolve_address(self._endpoint, self._silences)
        kind = Udp6TransportTarget if family == socket.AF_INET6 else UdpTransportTarget
        return await kind.create(where, timeout=self._limits.timeout, retries=self._limits.retries)


_ADVICE: Mapping[type[errind.ErrorIndication], str] = {
    errind.UnknownUserName: "check user",
    errind.WrongDigest: "check auth_file and auth_protocol",
    errind.AuthenticationFailure: "check auth_file and auth_protocol",
    errind.DecryptionError: "check privacy_file and privacy_protocol",
    errind.UnsupportedSecurityLevel: "see whether the agent's user signs (auth_file) and encrypts (privacy_file)",
}
"""Advice for the faults that agents report of a user (RFC 3414, section 3.2)."""

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


def _security(user: SnmpUser) -> Any:
    return UsmUserData(
        user.name,
        authKey=user.auth_secret or None,
        privKey=user.privacy_secret or None,
        authProtocol=_AUTH[user.auth_protocol] if user.auth_secret else USM_AUTH_NONE,
        privProtocol=_PRIVACY[user.privacy_protocol] if user.privacy_secret else USM_PRIV_NONE,
    )
