# SPDX-License-Identifier: Apache-2.0
"""The checks between a client and the routes; `joulepath.web.config` makes one from a `web-config.yml`."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from joulepath.web.events import Reason
from joulepath.web.http import Request, Response

if TYPE_CHECKING:
    import ssl


BUSY_SECONDS = 1.0
"""Before a client is told that too many logins wait: it would only ask again."""


@dataclass(frozen=True)
class Refusal:
    """An answer without a look at the routes."""

    response: Response
    reason: Reason
    after: float = 0.0
    """Seconds before it is sent."""


class RateLimit:
    """At most `burst` requests at once, and one more for every `interval` seconds (a token bucket)."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more request is allowed now."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Users(Protocol):
    """Who may ask."""

    def allowed(self, authorization: str, is_present: Callable[[], bool]) -> bool:
        """Whether the header `Authorization` names a user with his password. May take a while.

        Raises BusyError of `joulepath.web.auth`.
        """


@dataclass(frozen=True)
class Security:
    """One reading of the file; replaced whole. Without any argument everybody may ask, unencrypted."""

    context: "ssl.SSLContext | None" = None
    """TLS, where it is served."""
    allowed_sans: frozenset[str] = frozenset()
    """Of client certificates, one of these subject alternative names; any where empty."""
    users: Users | None = None
    rate_limit: RateLimit | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every response."""
    files: tuple[Path, ...] = ()
    """The rules as read."""
    source: object = field(default=None, compare=False, repr=False)
    """Equal where the files said the same."""

    @property
    def tls(self) -> tuple[object, frozenset[str]]:
        """The TLS rules that a connection is checked against when it begins."""
        return self.context, self.allowed_sans

    def refusal(self, request: Request, is_present: Callable[[], bool]) -> Refusal | None:
        """The answer to a request that may not be answered; `is_present` says whether its client still is there."""
        if self.rate_limit is not None and not self.rate_limit.take():
            return Refusal(Response.text(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests."), "rate_limit")
        if self.users is None:
            return None
        from joulepath.web.auth import BusyError  # noqa: PLC0415  # bcrypt comes with a web-config.yml only

        try:
            if self.users.allowed(request.header("authorization"), is_present):
                return None
        except BusyError:
            busy = Response.text(HTTPStatus.SERVICE_UNAVAILABLE, "Too many logins.", {"Retry-After": "1"})
            return Refusal(busy, "logins", BUSY_SECONDS)
        return Refusal(Response.text(HTTPStatus.UNAUTHORIZED, "Unauthorized.", {"WWW-Authenticate": "Basic"}), "login")
