# SPDX-License-Identifier: Apache-2.0
"""One client's connection: requests one after the other, each within its time. A client that dawdles is cut off."""

import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from joulepath.web.http import BadRequestError, Request, Response, parse
from joulepath.web.security import Security

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""From the connection, or the first octet of a further request, to the end of the request's head."""
IDLE_SECONDS = 330.0
"""Between two requests; Prometheus keeps a connection for 300."""
SEND_SECONDS = 30.0
"""For the client to take the whole response."""
_MAX_HEAD = 16384

State = Literal["new", "answering", "idle"]


class Connection:
    """Runs in a thread of its own; `state` and `cut` are for the server's."""

    def __init__(
        self,
        client: socket.socket,
        security: Callable[[], Security],
        answer: Callable[[Request], Response],
        stopping: Callable[[], bool],
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self.state: State = "new"
        """`new` before the first whole request, then `idle` between requests."""
        self._socket = client
        self._security = security
        self._answer = answer
        self._stopping = stopping
        self._head_seconds = head_seconds
        self._buffer = bytearray()
        self._local = ""

    def cut(self) -> None:
        """Ends the connection from another thread."""
        try:
            # The base class's: that of an SSLSocket would take the TLS state away from under the other thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def run(self) -> None:
        """Answers until the client or the server has enough."""
        try:
            security = self._security()
            if self._secured(security):
                self._serve(security)
        except OSError as error:  # TLS and time-outs, too: a client's trouble is no event
            logger.debug("connection ended: %s", error)
        finally:
            self._socket.close()

    def _secured(self, security: Security) -> bool:
        """Does the TLS handshake where there is TLS. Raises OSError."""
        where = self._socket.getsockname()
        self._local = f"{where[0]}:{where[1]}" if isinstance(where, tuple) else "localhost"
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if security.context is None:
            return True
        self._socket.settimeout(self._head_seconds)
        secured = security.context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = secured
        secured.do_handshake()
        return _known(secured, security)

    def _serve(self, security: Security) -> None:
        while (head := self._head()) is not None:
            self.state = "answering"
            now = self._security()
            if (now.context is None) != (security.context is None):
                return  # encrypted where it must not be, or the other way round
            extra = now.headers.items()
            try:
                request = parse(head, self._local)
            except BadRequestError as error:
                response = Response.text(HTTPStatus.BAD_REQUEST, f"Bad request: {error}.")
                self._send(response.encoded(head_only=False, close=True, extra=extra))
                return
            response = now.refusal(request) or self._safely(request)
            close = not request.keep_alive or self._ends(security)
            self._send(response.encoded(head_only=request.method == "HEAD", close=close, extra=extra))
            logger.debug("answered", extra={"path": request.path, "status": response.status.value})
            self.state = "idle"
            if close or self._ends(security):
                return

    def _ends(self, security: Security) -> bool:
        """Whether this is the last request here: the server stops, or other rules hold for new connections."""
        return self._stopping() or self._security() is not security

    def _safely(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except Exception:  # a defect in one exposition must not look like a dead exporter
            logger.exception("cannot answer", extra={"path": request.path})
            return Response.text(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; the log says more.")

    def _head(self) -> bytes | None:
        """The next request up to its empty line; None where the client has ended."""
        buffer = self._buffer
        deadline = time.monotonic() + (IDLE_SECONDS if self.state == "idle" and not buffer else self._head_seconds)
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > _MAX_HEAD:
                raise ConnectionError("a request of more than 16 KiB")
            if buffer or self.state == "new":
                self._socket.settimeout(max(deadline - time.monotonic(), 1e-3))
            else:
                self._socket.settimeout(IDLE_SECONDS)
            data = self._socket.recv(4096)
            if not data:
                return None
            if not buffer and self.state == "idle":
                deadline = time.monotonic() + self._head_seconds
            buffer += data
        head = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        return head

    def _send(self, data: bytes) -> None:
        deadline = time.monotonic() + SEND_SECONDS
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(max(deadline - time.monotonic(), 1e-3))
            rest = rest[self._socket.send(rest) :]


def _known(secured: "ssl.SSLSocket", security: Security) -> bool:
    """Whether the client's certificate, where it has one, bears an allowed name."""
    certificate = secured.getpeercert()
    if not security.allowed_sans or not certificate:
        return True
    from joulepath.web.tls import names  # noqa: PLC0415  # only with a web-config.yml

    if security.allowed_sans & names(certificate):
        return True
    logger.debug("a client's certificate bears none of client_allowed_sans")
    return False
