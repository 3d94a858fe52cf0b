# SPDX-License-Identifier: Apache-2.0
"""One client's connection: requests one after the other, each within its time. A client that dawdles is cut off."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from joulepath.web import sockets
from joulepath.web.events import Events
from joulepath.web.http import MAX_HEAD, BadRequestError, HeadTooLongError, Request, Response, parse
from joulepath.web.security import Refusal, Security

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""From the connection, or the first octet of a further request, to the end of the request's head."""
IDLE_SECONDS = 330.0
"""Between two requests; Prometheus keeps a connection for 300."""
SEND_SECONDS = 10.0
"""For the client to take the whole response; a scrape has 10 s where Prometheus' configuration does not say more."""
STALL_SECONDS = 3.0
"""For the client to take the next octets of it."""
TURN_SECONDS = 10.0
"""For a request to wait until fewer than MAX_ANSWERS others are answered."""
MAX_ANSWERS = 8
"""Answers that are made at the same time."""
MAX_EMPTY_LINES = 8
_TAKEN_LOOK_SECONDS = 0.01
_TAKEN_LOOK_LONGEST = 0.16
_PIECE = 32768
"""Octets to send at once: TLS takes all or, after STALL_SECONDS, none."""
_SMALL = 65536
"""Octets of a body that goes into one buffer with its head."""

State = Literal["new", "waiting", "answering", "sending", "idle"]


@dataclass(frozen=True)
class Shared:
    """The state that all connections of a server share."""

    security: Callable[[], Security]
    answer: Callable[[Request], Response]
    stopping: Callable[[], bool]
    events: Events
    head_seconds: float = HEAD_SECONDS
    turns: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MAX_ANSWERS))


class Connection:
    """Runs in a thread of its own; `state`, `since` and `cut` are for the server's."""

    def __init__(self, client: socket.socket, shared: Shared) -> None:
        self.state: State = "new"
        """`new` before the first whole request, `waiting` for an answer's turn, `idle` between requests."""
        self.since = time.monotonic()
        """When the state began; while it sends, when the client's kernel took octets last."""
        self.began = self.since
        self.answers = 0
        """Requests that were answered here."""
        self._socket = client
        self._shared = shared
        self._cut = threading.Event()
        self._is_open = False
        self._buffer = bytearray()
        self._local = ""
        self.client = ""
        """The client's address, for the log."""

    def cut(self) -> None:
        """Ends the connection from another thread."""
        self._cut.set()
        try:
            # The base class's: that of an SSLSocket would take the TLS state away from under the other thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    @property
    def unasked(self) -> bool:
        """Whether the client may send a request, and has not begun one."""
        return self._is_open and self.state in ("new", "idle") and not self._buffer

    def run(self) -> None:
        """Answers until the client or the server has enough."""
        try:
            self.client = sockets.written(self._socket.getpeername())
            self._local = sockets.written(self._socket.getsockname())
            security = self._shared.security()
            if self._secure(security):
                self._is_open = True
                self._serve(security)
        except TimeoutError:
            if self.state != "idle" or self._buffer:
                self._shared.events.add("slow", self.client)
        except OSError as error:  # the client left, or was cut
            logger.debug("connection ended: %s", error)
        except Exception as error:  # noqa: BLE001  # no octets of a client end a thread with a traceback
            self._shared.events.add("error", self.client, f"{type(error).__name__}: {error}")
        finally:
            self._socket.close()

    def _enter(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()

    def _secure(self, security: Security) -> bool:
        """Does the TLS handshake where there is TLS. Raises OSError."""
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if security.context is None:
            return True
        self._socket.settimeout(self._shared.head_seconds)
        secured = security.context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = secured
        self._check_uncut()  # a cut while the socket changed hands has missed it
        try:
            secured.do_handshake()
        except TimeoutError:
            raise
        except OSError as error:  # an SSLError among them: without TLS nothing imports its module
            self._check_uncut()
            reason = getattr(error, "reason", None) or type(error).__name__
            self._shared.events.add("tls", self.client, reason.replace("_", " ").lower())
            return False
        if _is_known(secured, security):
            return True
        self._shared.events.add("certificate", self.client)
        return False

    def _serve(self, security: Security) -> None:
        while True:
            try:
                head = self._head()
                now = self._shared.security()
                if head is None or now.tls != security.tls:
                    return  # the client has ended, or is one that the new rules of TLS have not seen
                request = parse(head, self._local)
            except BadRequestError as error:
                self._shared.events.add("bad_request", self.client, str(error))
                self._send(Response.text(error.status, f"Bad request: {error}."), close=True)
                self._buffer.clear()
                sockets.linger(self._socket)
                return
            if self.answers:
                self._wait_until_taken()
            self.answers += 1
            response = self._response(request, now)
            close = not request.keep_alive or self._ends(security)
            self._send(response, close=close, head_only=request.method == "HEAD")
            logger.debug("answered", extra={"path": request.path, "status": response.status.value})
            del response  # while the connection is idle nothing holds its body
            self._enter("idle")
            if close or self._ends(security):
                return

    def _ends(self, security: Security) -> bool:
        """Whether this is the last request here: the server stops, or other rules hold for new connections."""
        return self._shared.stopping() or self._shared.security() is not security

    def _response(self, request: Request, security: Security) -> Response:
        self._enter("answering")
        refusal = security.refusal(request, lambda: sockets.is_present(self._socket))
        if refusal is None:
            self._enter("waiting")
            if self._shared.turns.acquire(timeout=TURN_SECONDS):
                try:
                    self._check_uncut()
                    self._enter("answering")
                    return self._safely(request)
                finally:
                    self._shared.turns.release()
            busy = Response.text(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at once.", {"Retry-After": "1"})
            refusal = Refusal(busy, "no_room")
        self._shared.events.add(refusal.reason, self.client)
        if refusal.after:
            self._enter("waiting")
            self._cut.wait(refusal.after)
        return refusal.response

    def _safely(self, request: Request) -> Response:
        try:
            return self._shared.answer(request)
        except Exception as error:  # a defect in one exposition must not look like a dead exporter
            self._shared.events.add("error", self.client, f"{request.path}: {type(error).__name__}: {error}")
            logger.debug("cannot answer", exc_info=True)
            return Response.text(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; the log says more.")

    def _head(self) -> bytes | None:
        """The next request up to its empty line; None where the client has ended. Raises BadRequestError."""
        buffer = self._buffer
        deadline = time.monotonic() + (IDLE_SECONDS if self.state == "idle" else self._shared.head_seconds)
        begun = False
        empty = 0
        while True:
            if buffer and not begun:
                begun = True
                if self.state == "idle":
                    deadline = time.monotonic() + self._shared.head_seconds
            while buffer.startswith(b"\r\n"):  # RFC 9112 section 2.2: empty lines before a request
                del buffer[:2]
                empty += 1
                if empty > MAX_EMPTY_LINES:
                    raise BadRequestError(f"more than {MAX_EMPTY_LINES} empty lines before a request")
            if buffer and buffer[0] < 0x20 and buffer != b"\r":
                raise BadRequestError("not a request of HTTP/1.1")
            ends = [end for mark in (b"\n\r\n", b"\n\n") if (end := buffer.find(mark)) >= 0]
            if ends:
                end = min(ends) + (3 if buffer[min(ends) + 1 : min(ends) + 2] == b"\r" else 2)
                if end > MAX_HEAD:
                    raise HeadTooLongError
                head = bytes(buffer[:end])
                del buffer[:end]
                return head
            if len(buffer) > MAX_HEAD:
                raise HeadTooLongError
            self._socket.settimeout(max(deadline - time.monotonic(), 1e-3))
            if not (data := self._socket.recv(4096)):
                return None
            buffer += data

    def _send(self, response: Response, *, close: bool, head_only: bool = False) -> None:
        """Sends the whole response. Raises OSError where the client does not take it in time."""
        self._enter("sending")
        head = response.head(close=close, extra=self._shared.security().headers.items())
        body = b"" if head_only else response.body
        deadline = self.since + SEND_SECONDS
        for data in [head + body] if len(body) <= _SMALL else [head, body]:
            rest = memoryview(data)
            while rest:
                self._socket.settimeout(max(min(deadline - time.monotonic(), STALL_SECONDS), 1e-3))
                rest = rest[self._socket.send(rest[:_PIECE]) :]
                self.since = time.monotonic()
                if rest and response.on_stall is not None and not sockets.takes_more(self._socket):
                    response.on_stall()

    def _wait_until_taken(self) -> None:
        """Waits for the client's kernel to take the last answer before the next one is made. Raises OSError."""
        if not sockets.unsent(self._socket):
            return
        self._enter("sending")
        deadline = self.since + STALL_SECONDS
        wait = _TAKEN_LOOK_SECONDS
        while sockets.unsent(self._socket):
            if time.monotonic() > deadline:
                raise TimeoutError
            if self._cut.wait(wait):
                raise ConnectionAbortedError
            wait = min(2 * wait, _TAKEN_LOOK_LONGEST)

    def _check_uncut(self) -> None:
        """Raises ConnectionAbortedError where another thread has cut the connection."""
        if self._cut.is_set():
            raise ConnectionAbortedError("cut")


def _is_known(secured: "ssl.SSLSocket", security: Security) -> bool:
    """Whether the client's certificate has an allowed name."""
    if not security.allowed_sans:
        return True
    from joulepath.web.tls import names  # noqa: PLC0415  # only with a web-config.yml

    try:
        return bool(security.allowed_sans & names(secured.getpeercert() or {}))
    except ValueError:  # a name that is not UTF-8
        return False
