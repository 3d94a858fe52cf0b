# SPDX-License-Identifier: Apache-2.0
"""Accepts connections and gives each a thread, a bounded number of them.

When they are too many, the one that has kept the server waiting longest makes room. None does so in its first moments:
new connections wait in the kernel's queue instead, so that a flood of them does not displace a scrape.
"""

import logging
import math
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import Metric

from joulepath.exporter import Served
from joulepath.log import Line
from joulepath.web.connection import HEAD_SECONDS, Connection, Shared, State
from joulepath.web.events import Events
from joulepath.web.listen import Address, bind, describe
from joulepath.web.routes import Routes
from joulepath.web.security import Security

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 128
LEAST_SECONDS = 0.25
"""The time that a connection has for its next step before it makes room for another."""
STUCK_SECONDS = 0.5
"""A client that has taken nothing of its answer for this time does not read."""
BUSY_ANSWERS = 4
"""A connection with more answers, and more than one a second, makes room where no other does."""
_ROOM_LOOK_SECONDS = 0.01
GRACE_SECONDS = 5.0
"""For answers that are under way when the server stops."""


_DISPLACED: Sequence[Mapping[State, float]] = (
    {"new": 0.0, "sending": STUCK_SECONDS},
    {"idle": 0.0},
    {"waiting": 0.0},
    {"sending": 0.0},
)
"""Who makes room, the first kind first: states, and the seconds from which on they count. Who does not ask or does not
read comes first, then who asks nothing now; last a client that reads slowly, since it would lose its answer."""


def _nothing() -> Iterable[Metric]:
    return ()


class Server:
    """Listens from construction on; answers from `start` to `stop`."""

    def __init__(
        self,
        exporter: Served,
        listeners: Sequence[Address | socket.socket],
        *,
        security: Security | None = None,
        telemetry: Callable[[], Iterable[Metric]] = _nothing,
        warnings: Callable[[], Sequence[Line]] = tuple,
        events: Events | None = None,
        max_connections: int = MAX_CONNECTIONS,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self.routes = Routes(exporter, telemetry, warnings)
        self._security = security or Security()
        self._max_connections = max_connections
        self._events = events or Events()
        self._shared = Shared(
            security=lambda: self._security,
            answer=self.routes.answer,
            stopping=lambda: self._stopping,
            events=self._events,
            head_seconds=head_seconds,
        )
        self._connections: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._listeners: list[socket.socket] = []
        try:
            for listener in listeners:
                self._listeners.append(bind(listener) if isinstance(listener, Address) else listener)
        except BaseException:
            self.close()
            raise
        self._woken, self._wake = os.pipe()

    @property
    def ports(self) -> list[int]:
        """The ports in use, in the order of the addresses; useful where 0 was asked for."""
        return [int(listener.getsockname()[1]) for listener in self._listeners]

    def start(self) -> None:
        """Answers requests in threads of its own."""
        self._thread = threading.Thread(target=self._accept_forever, name="web", daemon=True)
        self._thread.start()
        for listener in self._listeners:
            logger.info("listening", extra={"address": describe(listener), "tls": self._security.context is not None})

    def secure(self, security: Security) -> None:
        """Replaces the rules for all requests to come; connections under the old ones end.

        Those that have not begun a request end at once, which every client must expect; the others after it.
        The same rules again, as after a signal to reload, end none.
        """
        if security.source is not None and security.source == self._security.source:
            return
        self._security = security
        self._cut(lambda connection: connection.unasked)

    def stop(self) -> None:
        """Stops listening, lets answers that are under way come to their end, then ends what is left."""
        self._stopping = True
        os.write(self._wake, b"\0")
        if self._thread is not None:
            self._thread.join()
        self.close()
        connections = self._cut(lambda connection: connection.state in ("new", "idle"))
        deadline = time.monotonic() + GRACE_SECONDS
        for connection, thread in connections.items():
            thread.join(max(deadline - time.monotonic(), 0))
            connection.cut()
        os.close(self._wake)
        os.close(self._woken)

    def close(self) -> None:
        """Stops listening."""
        for listener in self._listeners:
            listener.close()

    def _accept_forever(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            for listener in self._listeners:
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ, listener)
            while not self._stopping:
                for key, _ in selector.select():
                    if key.data is not None:
                        self._accept(key.data)

    def _accept(self, listener: socket.socket) -> None:
        if not self._has_room():
            time.sleep(_ROOM_LOOK_SECONDS)  # the selector comes back to it
            return
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return  # the client has left
        except OSError as error:
            self._events.add("no_room", detail=error.strerror or str(error))
            time.sleep(0.1)  # out of file descriptors: another try at once gains nothing
            return
        connection = Connection(client, self._shared)
        thread = threading.Thread(target=self._run, args=(connection,), name="web-connection", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # out of threads: one client less, not the end of serving
            self._events.add("no_room", detail="cannot start a thread")
            with self._lock:
                self._connections.pop(connection, None)
            client.close()

    def _cut(self, chosen: Callable[[Connection], bool]) -> dict[Connection, threading.Thread]:
        """Cuts the chosen connections; returns all that there were."""
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            if chosen(connection):
                connection.cut()
        return connections

    def _has_room(self) -> bool:
        """Whether one more connection may come; cuts one that is displaced by it."""
        with self._lock:
            if len(self._connections) < self._max_connections:
                return True
            displaced = self._displaced()
            if displaced is None:
                return False
            del self._connections[displaced]
        displaced.cut()
        self._events.add("displaced", displaced.client)
        return True

    def _displaced(self) -> Connection | None:
        """The one that makes room: of the first kind of _DISPLACED that there is, the oldest."""
        now = time.monotonic()
        kinds = (
            [c for c in self._connections if now - c.since >= states.get(c.state, math.inf)] for states in _DISPLACED
        )
        oldest = min(next(filter(None, kinds), []), key=lambda connection: connection.since, default=None)
        if oldest is not None and now - oldest.since >= LEAST_SECONDS:
            return oldest
        # Clients that ask without a pause are never old in any state; no scraper asks so often.
        busy = [
            c
            for c in self._connections
            if c.state in ("waiting", "idle") and c.answers > BUSY_ANSWERS and c.answers > now - c.began
        ]
        return max(busy, key=lambda connection: connection.answers / (now - connection.began), default=None)

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.pop(connection, None)
