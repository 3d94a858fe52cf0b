# SPDX-License-Identifier: Apache-2.0
"""What stands between a client and the routes; `joulepath.web.config` makes one from a `web-config.yml`."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from joulepath.web.http import Request, Response

if TYPE_CHECKING:
    import ssl


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

    def allowed(self, authorization: str) -> bool:
        """Whether the header `Authorization` names a user with his password. May take a while."""


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
    """What was read."""

    def refusal(self, request: Request) -> Response | None:
        """The response to a request that may not be answered."""
        if self.rate_limit is not None and not self.rate_limit.take():
            return Response.text(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
        if self.users is not None and not self.users.allowed(request.header("Authorization")):
            return Response.text(HTTPStatus.UNAUTHORIZED, "Unauthorized.", {"WWW-Authenticate": "Basic"})
        return None
