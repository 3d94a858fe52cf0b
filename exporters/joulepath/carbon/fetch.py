# SPDX-License-Identifier: Apache-2.0
"""Sends a request to a source: bounded in time and size, within the source's rate, with one line for each fault.

A redirect is not followed, since the key would go along; a .netrc file is not read.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
import urllib3
from requests.auth import HTTPBasicAuth

from joulepath import __version__
from joulepath.errors import JoulepathError

MOST_BYTES = 8 << 20
"""Of an answer, unpacked: a week of a country's generation takes 2 MiB."""
TIMEOUT = 20.0
"""Seconds for one whole answer."""
MOST_WAIT_SECONDS = 86400.0
"""A source cannot be silenced for longer by one `Retry-After`."""
WAIT_SECONDS = 300.0
"""After a refusal without `Retry-After`."""
_PIECE = 1 << 16
_SHOWN = 60


class RefusedError(JoulepathError):
    """The source does not take the key or the account."""


class Gate:
    """Keeps to the rate of one source, for all zones of it. Thread-safe; times are monotonic seconds."""

    def __init__(self, least_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least = least_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next = -1.0
        self._shut_until = -1.0

    def wait(self) -> float:
        """Takes the next turn and returns the seconds until it. Raises JoulepathError while the source wants none."""
        with self._lock:
            now = self._clock()
            self._check(now)
            turn = max(now, self._next)
            self._next = turn + self._least
            return turn - now

    def check(self) -> None:
        """Raises JoulepathError while the source wants none: it may have said so since the turn was taken."""
        with self._lock:
            self._check(self._clock())

    def _check(self, now: float) -> None:
        if now < self._shut_until:
            raise JoulepathError(f"wants a pause, and is not asked for the next {self._shut_until - now:.0f} s")

    def shut(self, seconds: float) -> None:
        """Lets no request through for so long."""
        with self._lock:
            self._shut_until = max(self._shut_until, self._clock() + seconds)


class Fetcher:
    """Fetches from one source, over one session."""

    def __init__(
        self,
        gate: Gate,
        *,
        ca_file: Path | None = None,
        timeout: float = TIMEOUT,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._gate = gate
        self._verify: bool | str = True if ca_file is None else str(ca_file)
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._clock = clock
        self._wall_clock = wall_clock
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"joulepath/{__version__}"
        self._session.auth = _as_it_is

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def get(
        self,
        url: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        login: tuple[str, str] | None = None,
    ) -> bytes:
        """The body of an answer. Raises JoulepathError without the address: a key may stand in it."""
        deadline = self._clock() + self._timeout
        try:
            with self._session.get(
                url,
                params=dict(parameters),
                headers=dict(headers),
                auth=_as_it_is if login is None else HTTPBasicAuth(*(part.encode() for part in login)),
                timeout=self._timeout,
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                self._check(response)
                return self._body(response, deadline)
        except TimeoutError:
            raise JoulepathError(f"does not answer within {self._timeout:g} s") from None
        except requests.Timeout:
            raise JoulepathError(f"does not answer within {self._timeout:g} s") from None
        except requests.exceptions.SSLError:
            raise JoulepathError("has a certificate that is not trusted: ca_file names other authorities") from None
        except requests.ConnectionError:
            raise JoulepathError("is not reached: is the network, or the proxy, up?") from None
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:
            raise JoulepathError(f"its answer is cut off or damaged ({type(error).__name__})") from None

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (429, 503):
            seconds = retry_after(response.headers.get("Retry-After", ""), self._wall_clock())
            pause = WAIT_SECONDS if seconds is None else seconds
            self._gate.shut(pause)
            reason = "too many requests" if status == 429 else "it is overloaded or under repair"
            raise JoulepathError(f"answers {status}, {reason}: it is not asked for the next {pause:.0f} s")
        if status in (401, 403):
            raise RefusedError(f"answers {status}: the key or the account is refused, or may not see this zone")
        if 300 <= status < 400:
            raise JoulepathError(f"answers {status}: it has moved, and a key is not sent after it")
        if status != 200:
            raise JoulepathError(f"answers {status} {response.reason or '':.{_SHOWN}}".rstrip())

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > self._most_bytes:
                raise JoulepathError(f"answers with more than {self._most_bytes >> 20} MiB, which is not read")
            if self._clock() > deadline:
                raise TimeoutError
        return bytes(body)


def retry_after(text: str, now: float) -> float | None:
    """Seconds of a `Retry-After` (RFC 9110, 10.2.3), a number or a date, at most MOST_WAIT_SECONDS."""
    try:
        if text.strip().isdecimal():
            seconds = float(text)
        else:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_WAIT_SECONDS)


def written(template: str, seconds: float) -> str:
    """A time as a source wants it."""
    return datetime.fromtimestamp(seconds, UTC).strftime(template)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from looking for a login in .netrc."""
    return request
