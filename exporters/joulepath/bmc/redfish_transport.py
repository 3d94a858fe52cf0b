# SPDX-License-Identifier: Apache-2.0
"""What the DMTF's client leaves to its caller: TLS, bounded bodies, and sessions that do not pile up in the BMC."""

import ssl
from functools import lru_cache
from pathlib import Path

import aiohttp
from redfish.aio import AsyncRedfishClient

MAX_BODY_BYTES = 2 * 2**20
"""The longest real resource, all sensors of a node expanded, is under 1 MB."""


def tls(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    """How a certificate is checked; shared, since each context holds all authorities. Raises OSError."""
    return _tls(ca_file, verify, None if ca_file is None else ca_file.read_bytes())


@lru_cache(maxsize=64)
def _tls(ca_file: Path | None, verify: bool, _content: bytes | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class TooLongError(aiohttp.ClientPayloadError):
    """A body of more than MAX_BODY_BYTES."""


class Bounded(aiohttp.ClientResponse):
    """A response whose body ends the connection when it is too long."""

    async def read(self) -> bytes:
        body = bytearray()
        async for chunk in self.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                self.close()
                raise TooLongError
        self._body = bytes(body)
        return self._body


class Client(AsyncRedfishClient):  # type: ignore[misc]  # the library has no types
    """One that leaves an ended session to its caller: by itself it makes another without ending the one it has."""

    async def _refresh_session(self, expired_session_key: str) -> bool:  # noqa: ARG002  # its caller's name for it
        return False
