# SPDX-License-Identifier: Apache-2.0
"""Requests without a body and their responses: as much of HTTP/1.1 (RFC 9112) as a scrape needs. h11 parses."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import h11

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"

MAX_HEAD = 16384
"""Octets of a request's head."""

# h11 accepts these where RFC 9112 leaves a choice: 2.2 (a bare LF ends a line), 5.2 (folded lines), 5.5 (control
# characters). A proxy before us may choose otherwise, so that one request would be two.
_LENIENT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\n[ \t]")
_ONCE = re.compile(rb"\n(host|content-length|transfer-encoding):", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")  # RFC 3986 3.2.2 and 3.2.3


class BadRequestError(Exception):
    """The request cannot be answered, and the server does not read on; the text says why."""

    status = HTTPStatus.BAD_REQUEST


class HeadTooLongError(BadRequestError):
    """The head has more than MAX_HEAD octets (RFC 6585 section 5)."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

    def __init__(self) -> None:
        super().__init__(f"the head has more than {MAX_HEAD} octets")


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    """Decoded, without the query."""
    query: str
    headers: Mapping[str, str]
    """By name in small letters; the values of several lines are joined by commas (RFC 9110 section 5.3)."""
    http10: bool = False
    local: str = ""
    """The address at which the request arrived, as HOST:PORT."""

    def header(self, name: str) -> str:
        """The header's value, empty where it is absent; `name` is in small letters."""
        return self.headers.get(name, "")

    @property
    def keep_alive(self) -> bool:
        """Whether the client may send another request on this connection."""
        options = {option.strip() for option in self.header("connection").lower().split(",")}
        return not self.http10 and "close" not in options


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] | None = None
    on_stall: Callable[[], None] | None = None
    """Called when the client does not take the body at once."""

    @classmethod
    def text(cls, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> "Response":
        """A line for people."""
        return cls(status, f"{text}\n".encode(), TEXT, headers)

    def head(self, *, close: bool, extra: Iterable[tuple[str, str]] = ()) -> bytes:
        """Status line and headers as they go over the wire."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in (*(self.headers or {}).items(), *extra)),
        ]
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def parse(head: bytes, local: str = "") -> Request:
    """The request of a head that ends with its empty line. Raises BadRequestError.

    A scraper sends the same head each time: the last ones are remembered, but for those with a password.
    """
    return _parse(head, local) if b"authorization" in head.lower() else _remembered(head, local)


def _parse(head: bytes, local: str) -> Request:
    if _LENIENT.search(head):
        raise BadRequestError("a control character, a bare line end or a folded line")
    once = [name.lower() for name in _ONCE.findall(head)]
    if len(once) != len(set(once)):
        raise BadRequestError("Host, Content-Length or Transfer-Encoding stands twice")
    parser = h11.Connection(h11.SERVER, MAX_HEAD)
    parser.receive_data(head)
    try:
        event = parser.next_event()
    except h11.RemoteProtocolError as error:
        # h11 quotes the line, which may be a misspelt `Authorization`.
        raise BadRequestError(str(error).partition(": bytearray(")[0]) from None
    if not isinstance(event, h11.Request):
        raise BadRequestError("the head has no end")
    if not event.http_version.startswith(b"1."):
        raise BadRequestError("not a request of HTTP/1.1")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "transfer-encoding" in headers or int(headers.get("content-length", "0")):
        raise BadRequestError("a request here has no body")
    path, query = _place(event.target.decode("latin-1"), headers)
    if not _HOST.fullmatch(headers.get("host", "")):
        raise BadRequestError("the Host is not a name or an address")
    return Request(event.method.decode("latin-1"), unquote(path), query, headers, event.http_version == b"1.0", local)


_remembered = lru_cache(maxsize=16)(_parse)


def _place(target: str, headers: dict[str, str]) -> tuple[str, str]:
    """Path and query of a target in origin form or absolute form (RFC 9112 section 3.2); the latter names the host."""
    if not target.startswith("/"):
        try:
            url = urlsplit(target)
        except ValueError:
            raise BadRequestError("the target is not a URL") from None
        if url.scheme not in ("http", "https") or not url.netloc:
            raise BadRequestError("the target is neither a path nor a URL")
        headers["host"] = url.netloc
        return url.path or "/", url.query
    path, _, query = target.partition("?")
    return path, query
