# SPDX-License-Identifier: Apache-2.0
"""Adds to the DMTF's client: TLS, bounded bodies, and sessions that do not pile up in the BMC."""

import contextlib
import json
import ssl
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp
from redfish.aio import AsyncRedfishClient

from joulepath import files

MAX_BODY_BYTES = 2 * 2**20
"""The longest real resource, all sensors of a node expanded, is under 1 MB."""

MAX_RETRY_SECONDS = 300.0
"""The longest Retry-After that is honoured."""


def tls(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    """How a certificate is checked; shared, since each context holds all authorities. Raises OSError."""
    return _tls(ca_file, verify, None if ca_file is None else files.read(ca_file))


@lru_cache(maxsize=64)
def _tls(ca_file: Path | None, verify: bool, _content: bytes | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


MOST_DIGITS = 18
"""A whole number of more digits is read as a float: Python's own may be too large to reckon with."""


def decode_json(text: str) -> Any:
    """Decodes JSON. Raises ValueError for text that is not JSON, RecursionError where it is nested too deeply."""
    return json.loads(text, parse_int=_parse_whole)


def _parse_whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def retry_after(header: Callable[[str], str | None]) -> float:
    """Seconds that an answer asks to be left alone (RFC 9110, section 10.2.3), at most MAX_RETRY_SECONDS.

    A date counts from the answer's own Date: clocks of BMCs are often wrong. Without a date of its own, or with a
    header that is neither seconds nor a date, 0.
    """
    stated = (header("Retry-After") or "").strip()
    if stated.isascii() and stated.isdigit():
        return min(float(stated), MAX_RETRY_SECONDS)
    then, now = _date(stated), _date(header("Date") or "")
    if then is None or now is None:
        return 0
    return min(max(0, then - now), MAX_RETRY_SECONDS)


def _date(stated: str) -> float | None:
    """Seconds since the epoch of an HTTP date."""
    date: datetime | None = None
    with contextlib.suppress(ValueError, TypeError, OverflowError, IndexError):
        date = parsedate_to_datetime(stated)
    return None if date is None else date.timestamp()


class TooLongError(aiohttp.ClientPayloadError):
    """A body of more than MAX_BODY_BYTES."""


class BoundedResponse(aiohttp.ClientResponse):
    """A response that ends the connection when its body is too long."""

    async def read(self) -> bytes:
        body = bytearray()
        async for chunk in self.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                self.close()
                raise TooLongError
        self._body = bytes(body)
        return self._body


class OneSessionClient(AsyncRedfishClient):  # type: ignore[misc]  # the library has no types
    """Leaves an ended session to its caller: the base class would open another without ending the old one."""

    async def _refresh_session(self, expired_session_key: str) -> bool:  # noqa: ARG002  # its caller's name for it
        return False
