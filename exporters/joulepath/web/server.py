# SPDX-License-Identifier: Apache-2.0
"""Accepts connections and gives each a thread, a bounded number of them: who has kept us waiting longest makes room."""

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import Metric

from joulepath.web.connection import HEAD_SECONDS, Connection, State
from joulepath.web.listen import Address, bind, describe
from joulepath.web.routes import Routes, Served
from joulepath.web.security import Security

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 128
GRACE_SECONDS = 5.0
"""For answers that are under way when the server stops."""


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
        max_connections: int = MAX_CONNECTIONS,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self.routes = Routes(exporter, telemetry)
        self._security = security or Security()
        self._max_connections = max_connections
        self._head_seconds = head_seconds
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

        Idle ones at once, which every client must expect; the others after the request that they have begun.
        """
        self._security = security
        self._cut("idle")

    def stop(self) -> None:
        """Stops listening, lets answers that are under way come to their end, then ends what is left."""
        self._stopping = True
        os.write(self._wake, b"\0")
        if self._thread is not None:
            self._thread.join()
        self.close()
        connections = self._cut("new", "idle")
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
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return  # the client has thought better of it
        except OSError as error:
            logger.warning("cannot accept a connection: %s", error.strerror)
            time.sleep(0.1)  # out of file descriptors: nothing is gained by trying at once
            return
        connection = Connection(
            client, lambda: self._security, self.routes.answer, lambda: self._stopping, self._head_seconds
        )
        with self._lock:
            if len(self._connections) >= self._max_connections and not self._make_room():
                client.close()
                return
            thread = threading.Thread(target=self._run, args=(connection,), name="web-connection", daemon=True)
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # no thread to be had: one client less, not the end of serving
            logger.warning("cannot start a thread for a connection")
            with self._lock:
                self._connections.pop(connection, None)
            client.close()

    def _cut(self, *states: State) -> dict[Connection, threading.Thread]:
        """Cuts the connections in one of these states; returns all that there were."""
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            if connection.state in states:
                connection.cut()
        return connections

    def _make_room(self) -> bool:
        """Cuts the oldest connection that has never asked, else the oldest that asks nothing now."""
        for state in ("new", "idle"):
            for connection in self._connections:  # in the order in which they came
                if connection.state == state:
                    connection.cut()
                    del self._connections[connection]
                    return True
        return False

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.pop(connection, None)
