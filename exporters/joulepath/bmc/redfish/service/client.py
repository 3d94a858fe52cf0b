# SPDX-License-Identifier: Apache-2.0
"""GET of Redfish resources from one BMC: one session that is kept, bounded bodies, one line for each fault.

The DMTF's client (redfish.aio) logs in and keeps the session; a session that the BMC has ended is made anew here.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import aiohttp
from redfish.aio import (
    AsyncRestResponse,
    RedfishConnectionError,
    RedfishError,
    RedfishHTTPError,
    RedfishInvalidTargetError,
    RedfishPasswordChangeRequiredError,
    RedfishTimeoutError,
)

from joulepath.bmc.login import Login
from joulepath.bmc.redfish.service.items import Resource
from joulepath.bmc.redfish.service.transport import (
    MAX_BODY_BYTES,
    BoundedResponse,
    OneSessionClient,
    TooLongError,
    decode_json,
    retry_after,
    tls,
)
from joulepath.errors import JoulepathError

MAX_REDIRECTS = 3
ROOT = "/redfish/v1"
CONNECTIONS = 2
"""Most requests at a time: BMCs have a slow processor and few sockets."""
REFUSED_SECONDS = 60.0, 900.0
"""Time without a further login after the first refusal, and at most: many BMCs lock an account after a few."""


class RedfishFaultError(JoulepathError):
    """The BMC cannot be read; the message contains neither its name nor credentials."""


class RedfishNoAnswerError(RedfishFaultError):
    """One request got no answer; other requests may get one."""


class ResourceFaultError(RedfishFaultError):
    """One resource is missing or is not Redfish; the others may be intact."""


class ResourceBusyError(ResourceFaultError):
    """One resource cannot be read now, as while the BMC starts."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds for which the BMC asks to be left alone."""


class RedfishClient:
    """One BMC at `base_url`. Connections and session are made at the first `get`."""

    def __init__(
        self,
        base_url: str,
        login: Login | None = None,
        *,
        ca_file: Path | None = None,
        verify: bool = True,
        timeout: float = 40.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._login = login
        self._tls = (ca_file, verify)
        self._timeout = timeout
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._client: OneSessionClient | None = None
        self._entered = login is None
        self._logins = 0
        self._entering = asyncio.Lock()
        self._turns = asyncio.Semaphore(CONNECTIONS)  # the wait here does not count for a request's timeout
        self._no_session = ""
        self._refusals = 0
        self._refused_until: float | None = None
        self._waits: dict[str, tuple[float, str]] = {}

    async def get(self, uri: str) -> Resource:
        """The resource at `uri`. Raises RedfishFaultError, ResourceFaultError where only this one is at fault.

        A resource that asked to be left alone (Retry-After) is not asked for that long: ResourceBusyError.
        """
        until, message = self._waits.get(uri, (0, ""))
        if message and self._clock() < until:
            raise ResourceBusyError(message)
        self._waits.pop(uri, None)
        logins = self._logins
        if not self._entered:
            await self._enter(logins)
            logins = self._logins
        response = await self._follow(uri)
        if response.status == HTTPStatus.UNAUTHORIZED and self._login is not None:
            await self._enter(logins)
            response = await self._follow(uri)
            if response.status == HTTPStatus.UNAUTHORIZED:
                await self._leave()
                raise self._note_refusal()
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise RedfishFaultError("wants a login: state user and password_file, over redfish:// (https)")
        if uri.rstrip("/") != ROOT:  # which is sent in clear text
            self._refusals, self._refused_until = 0, None
        try:
            return _resource(uri, response)
        except ResourceBusyError as busy:
            if busy.wait:
                self._waits[uri] = (self._clock() + busy.wait, str(busy))
            raise

    async def close(self) -> None:
        """Ends the session in the BMC, then the connections."""
        await self._leave()
        http, self._client, self._http = self._http, None, None
        if http is not None:
            await http.close()

    async def _leave(self) -> None:
        """Ends the session, if the BMC still listens; it ends by itself after some minutes."""
        self._entered = self._login is None
        if self._client is not None and self._login is not None:
            with contextlib.suppress(RedfishError, TimeoutError):
                async with asyncio.timeout(min(5.0, self._timeout)):
                    await self._client.logout()

    def _connect(self) -> OneSessionClient:
        if self._client is None:
            try:
                connector = aiohttp.TCPConnector(ssl=tls(*self._tls), limit=CONNECTIONS)
            except (OSError, ValueError) as error:
                raise RedfishFaultError(f"ca_file: {self._tls[0]} cannot be used: {error}") from None
            self._http = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=BoundedResponse
            )
            user, password = (self._login.user, self._login.password) if self._login else (None, None)
            self._client = OneSessionClient(self._base_url, user, password, session=self._http, timeout=self._timeout)
        return self._client

    async def _enter(self, logins: int) -> None:
        """Logs in: with a session, or where the BMC gives none, with Basic authentication.

        Not where that was done since there were so many `logins`: two requests may find the session ended.
        """
        async with self._entering:
            if self._entered and self._logins != logins:
                return
            if self._refused_until is not None and self._clock() < self._refused_until:
                raise RedfishFaultError(
                    f"refused user and password; tried again in {self._refused_until - self._clock():.0f} s"
                )
            client = self._connect()
            try:
                await client.login()
            except RedfishPasswordChangeRequiredError:
                raise RedfishFaultError("wants the password of this user to be changed first") from None
            except RedfishConnectionError as error:
                raise RedfishFaultError(self._fault(error)) from None
            except (RedfishError, RecursionError) as error:
                # No session service, none free, or wrong credentials: the next answer to Basic tells which.
                self._no_session = f"HTTP {error.response.status}" if isinstance(error, RedfishHTTPError) else ""
                await client.login(auth="basic")
            else:
                self._no_session = ""
            self._entered = True
            self._logins += 1

    def _note_refusal(self) -> RedfishFaultError:
        self._entered = False
        first, most = REFUSED_SECONDS
        self._refused_until = self._clock() + min(first * 2**self._refusals, most)
        self._refusals += 1
        if self._no_session:
            return RedfishFaultError(
                f"gives no session ({self._no_session}: are all in use?) and refuses Basic authentication: "
                "end sessions of others, or check user and password"
            )
        return RedfishFaultError("refuses the login: check user and password")

    async def _follow(self, uri: str) -> AsyncRestResponse:
        """The answer after redirects within the same BMC."""
        target = uri
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._request(target)
            if response.status not in {301, 302, 303, 307, 308}:
                return response
            target = response.getheader("Location") or target
        raise ResourceFaultError(f"redirects {uri} without end")

    async def _request(self, target: str) -> AsyncRestResponse:
        try:
            async with self._turns:
                return await self._connect().get(target)
        except RedfishConnectionError as error:
            if isinstance(error.__cause__, TooLongError):
                raise ResourceFaultError(f"answers {target} with more than {MAX_BODY_BYTES} bytes") from None
            # Where no connection comes about, no resource can be read; else the others may be.
            one_alone = not isinstance(error.__cause__, aiohttp.ClientConnectorError)
            raise (RedfishNoAnswerError if one_alone else RedfishFaultError)(self._fault(error)) from None
        except RedfishInvalidTargetError:
            raise ResourceFaultError(f"refers to {target[:200]!r}, which is another host") from None

    def _fault(self, error: RedfishConnectionError) -> str:
        """One line for what kept the request from its answer."""
        cause = error.__cause__
        if isinstance(error, RedfishTimeoutError):
            return f"no answer within {self._timeout:g} s: check the address and the network"
        if isinstance(cause, aiohttp.ClientConnectorCertificateError):
            problem = getattr(cause.certificate_error, "verify_message", "") or "is for another name"
            return f"its certificate cannot be trusted ({problem}): state ca_file, or verify: false (--insecure)"
        for kind, message in _FAULTS:
            if isinstance(cause, kind):
                return message
        if isinstance(cause, aiohttp.ClientConnectorError):
            return f"cannot be reached: {_reason(cause.os_error)}"
        return f"the connection broke ({type(cause).__name__}): is that the port of Redfish?"


def _reason(error: OSError) -> str:
    """Why no connection came about: asyncio puts the address where the system's own words belong."""
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return "the connection was cut while it was set up: is that the port of https?"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or "connection failed"


_FAULTS = (
    (aiohttp.ClientSSLError, "TLS failed: is that the port of https?"),
    (TooLongError, f"answers with more than {MAX_BODY_BYTES} bytes"),
    (aiohttp.ClientConnectorDNSError, "its host name cannot be resolved"),
)


def _resource(uri: str, response: AsyncRestResponse) -> Resource:
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise ResourceBusyError(f"answers {uri} with HTTP {response.status}", retry_after(response.getheader))
    if response.status != HTTPStatus.OK:
        raise ResourceFaultError(f"answers {uri} with HTTP {response.status}")
    try:
        body = decode_json(response.text) if response.read else {}
    except (ValueError, RecursionError):
        what = "HTML" if response.read.lstrip()[:1] == b"<" else "broken JSON"
        raise ResourceFaultError(f"answers {uri} with {what} instead of a resource") from None
    if not isinstance(body, dict):
        raise ResourceFaultError(f"answers {uri} with JSON that is not an object")
    # Some answer a missing resource with HTTP 200 and the error alone (Intel, HPE Cray EX).
    if "error" in body and "@odata.id" not in body:
        raise ResourceFaultError(f"has nothing at {uri}")
    return body
