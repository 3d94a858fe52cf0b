# SPDX-License-Identifier: Apache-2.0
"""The key `state_file`: keeps the sessions over a restart of the exporter.

N4 goes on meanwhile, unseen. So a file is used only while it is young, and a node that says that it restarted ends its
sessions as ever. Counters begin at 0, as Prometheus expects of a restart.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from joulepath import files
from joulepath.pfcp.sessions.tracker import Tracker

logger = logging.getLogger(__name__)

YOUNG_SECONDS = 300.0
"""The age at which a file is still used. Later, too many of its addresses may belong to other sessions."""
WRITE_SECONDS = 60.0
_VERSION = 1
_OCTETS_PER_SESSION = 16 << 10
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


class StateFile:
    """Reads the file once, and writes it in a thread of its own."""

    def __init__(self, tracker: Tracker, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._tracker = tracker
        self._path = path
        self._clock = clock
        self._failed = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Takes up the sessions of the file, and begins to write it."""
        self.read()
        self.begin()

    def begin(self) -> None:
        """Begins to write."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes the sessions as they are now, and ends."""
        if self._thread is not None:
            self._ending.set()
            self._thread.join()
            self._thread = None
            self.write()

    def read(self) -> None:
        """Takes up the sessions of the file. A mistake in it is one line."""
        try:
            octets = files.read(self._path, "secret", self._tracker.most_sessions * _OCTETS_PER_SESSION)
        except FileNotFoundError:
            return
        except OSError as error:
            logger.error("%s: cannot be read: %s", self._path, error.strerror)  # noqa: TRY400  # one line
            return
        try:
            state = json.loads(octets)
            age = self._clock() - float(state["written"])
            if state["version"] != _VERSION:
                raise ValueError("another version")
            if not 0 <= age <= YOUNG_SECONDS:
                logger.warning("%s: is %.0f s old: sessions of before are unknown", self._path, age)
                return
            self._tracker.restore(state["sessions"], state["nodes"])
        except _DAMAGE:
            logger.error("%s: is damaged: sessions of before are unknown", self._path)  # noqa: TRY400  # one line
            return
        logger.info("%s: %d sessions of %.0f s ago go on", self._path, len(self._tracker.sessions), age)

    def write(self) -> None:
        """Replaces the file."""
        sessions, nodes = self._tracker.record()
        state = {"version": _VERSION, "written": self._clock(), "nodes": nodes, "sessions": sessions}
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            # It may hold identities of subscribers.
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(state, file, separators=(",", ":"))
            beside.replace(self._path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            if not self._failed:
                logger.error("%s: cannot be written: %s", self._path, error.strerror)  # noqa: TRY400  # one line
            self._failed = True
            return
        self._failed = False

    def _run(self) -> None:
        while not self._ending.wait(WRITE_SECONDS):
            self.write()
