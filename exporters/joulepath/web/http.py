# SPDX-License-Identifier: Apache-2.0
"""Requests without a body and their responses: as much of HTTP/1.1 (RFC 9112) as a scrape needs."""

import http.client
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"


class BadRequestError(Exception):
    """The request cannot be answered; what follows it on the connection cannot be trusted."""


@dataclass(frozen=True)
class Request:
    """One request; `headers` are looked up in any case of letters."""

    method: str
    path: str
    """Decoded, without the query."""
    query: str
    headers: Message
    http10: bool = False
    local: str = ""
    """The address it came in at, as HOST:PORT."""

    def header(self, name: str) -> str:
        """The header's value, empty where it is absent."""
        return str(self.headers.get(name, ""))

    @property
    def keep_alive(self) -> bool:
        """Whether the client may send another request on this connection."""
        return not self.http10 and "close" not in self.header("Connection").lower()


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] | None = None

    @classmethod
    def text(cls, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> "Response":
        """A line for people."""
        return cls(status, f"{text}\n".encode(), TEXT, headers)

    def encoded(self, *, head_only: bool, close: bool, extra: Iterable[tuple[str, str]] = ()) -> bytes:
        """As it goes over the wire."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in (*(self.headers or {}).items(), *extra)),
        ]
        if close:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if head_only else head + self.body


def parse(head: bytes, local: str = "") -> Request:
    """The request whose head, up to its empty line, is given. Raises BadRequestError."""
    line, _, rest = head.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[1].startswith("/"):
        raise BadRequestError("not a request of HTTP/1.1")
    try:
        headers = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException:
        raise BadRequestError("headers that are none") from None
    if headers.get("Transfer-Encoding") or headers.get("Content-Length", "0") != "0":
        raise BadRequestError("a request here has no body")
    method, target, version = words
    path, _, query = target.partition("?")
    if version == "HTTP/1.1" and "Host" not in headers:
        raise BadRequestError("no Host")
    return Request(method, unquote(path), query, headers, version == "HTTP/1.0", local)
