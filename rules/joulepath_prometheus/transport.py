# SPDX-License-Identifier: Apache-2.0
"""Sends requests to one server: bounded in time and size, with one line for each fault.

Credentials go to the server of the URL alone: redirects to another are not followed, and a .netrc file is not read.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

import requests
import urllib3

from joulepath.errors import UsageError
from joulepath_prometheus.errors import PrometheusError, one_line
from joulepath_prometheus.faults import fault
from joulepath_prometheus.settings import Access

MOST_BYTES = 64 << 20
"""Of an answer, unpacked: about 2 million samples."""
MOST_ADDRESS_BYTES = 2000
"""Longer questions go as the body of a POST: servers and proxies cut addresses at 4 to 8 KiB."""
MOST_REDIRECTS = 3
GRACE_SECONDS = 2.0
"""The wait after the time-out that the server is asked to keep, so that it can say itself what took too long."""

Parameters = Sequence[tuple[str, str]]
_LOGIN = re.compile(r"//.*@")
_PIECE = 1 << 16
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """An answer of the server, whatever it is."""

    status: int
    reason: str
    body: bytes
    headers: Mapping[str, str]


def base_url(url: str) -> str:
    """The URL of a server without what follows its path. Raises UsageError for one that cannot be asked."""
    shown = one_line(_LOGIN.sub("//", url))
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{shown}: is not a URL: {error}") from None
    if "@" in parts.netloc:
        raise UsageError(f"{shown.partition('?')[0]}: a URL cannot hold a login: state it as basic_auth in a file")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{shown}: is not the URL of a Prometheus: give http://HOST:9090 or https://HOST/PREFIX")
    if parts.query or parts.fragment:
        raise UsageError(f"{shown}: leave out what follows ? or #: the server's own address is enough")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


class Transport:
    """The server at `url`, a prefix included; questions are paths below it."""

    def __init__(
        self,
        url: str,
        access: Access,
        *,
        timeout: float,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = base_url(url)
        self._access = access
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._clock = clock
        self._session = requests.Session()
        self._session.auth = _as_it_is
        if access.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def ask(self, path: str, parameters: Parameters = (), *, may_post: bool = False) -> Reply:
        """The answer to a GET, or to a POST where that may be and the address would be long. Raises PrometheusError."""
        encoded = urlencode(parameters)
        address = f"{self.url}{path}"
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._request(address, encoded, post=may_post and len(encoded) > MOST_ADDRESS_BYTES)
            target = reply.headers.get("Location")
            if reply.status not in {301, 302, 303, 307, 308} or target is None:
                return reply
            address = self._redirected(address, target)
        raise PrometheusError(f"{self.url}: redirects without end: give the address of Prometheus itself")

    def _redirected(self, address: str, target: str) -> str:
        """The address that a redirect leads to, without parameters: they are sent again."""
        try:
            there = urlsplit(urljoin(address, target))
            same = _origin(there) == _origin(urlsplit(self.url))
        except ValueError:
            raise PrometheusError(f"{self.url}: redirects to {one_line(target)!r}, which is not a URL") from None
        if not same:
            netloc = there.netloc.rpartition("@")[2]
            shown = one_line(urlunsplit((there.scheme, netloc, there.path.partition("/api/v1/")[0], "", "")))
            raise PrometheusError(
                f"{self.url}: redirects to {shown}, which is not followed: a login would go there, too; if that is "
                "your Prometheus, give that address"
            )
        return urlunsplit(there._replace(query="", fragment=""))

    def _request(self, address: str, encoded: str, *, post: bool) -> Reply:
        headers = {**self._access.headers, "Accept": "application/json"}
        if post:
            headers["Content-Type"] = _FORM
        elif encoded:
            address = f"{address}?{encoded}"
        deadline = self._clock() + self._timeout + GRACE_SECONDS
        try:
            with self._session.request(
                "POST" if post else "GET",
                address,
                data=encoded if post else None,
                headers=headers,
                timeout=(self._timeout, self._timeout + GRACE_SECONDS),
                verify=self._access.verify,
                cert=self._access.certificate,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response, deadline)
                return Reply(response.status_code, response.reason or "", body, response.headers)
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:  # RequestException is an OSError
            raise fault(self.url, error, self._timeout) from None

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > self._most_bytes:
                raise PrometheusError(
                    f"{self.url}: answers with more than {self._most_bytes >> 20} MiB: ask for fewer series, a shorter "
                    "range or a larger step"
                )
            if self._clock() > deadline:
                raise TimeoutError
        return bytes(body)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leaves the headers alone: without such a function requests looks for a login in .netrc."""
    return request


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port if parts.port is not None else default
