# SPDX-License-Identifier: Apache-2.0
"""Log lines in logfmt on standard error, one per event. Secrets never come near a logger."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from logfmter import Logfmter


@dataclass(frozen=True)
class Line:
    """A line of the log, without its traceback."""

    timestamp: float
    """Seconds since the epoch."""
    text: str


class Latest(logging.Handler):
    """Remembers the last `most` warnings and errors, for the landing page; not those of clients of the web server."""

    def __init__(self, most: int = 10) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[Line] = deque(maxlen=most)
        self._held = threading.Lock()

    @property
    def lines(self) -> Sequence[Line]:
        """The oldest first."""
        with self._held:
            return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Remembers it."""
        if not record.name.startswith("joulepath.web"):
            with self._held:
                self._lines.append(Line(record.created, record.getMessage()))


def setup(level: str) -> Latest:
    """Sends `joulepath.*` from `level` on to standard error as `time=... level=... logger=... msg=...`.

    Returns the memory of its latest warnings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        Logfmter(
            keys=["time", "level", "logger"],
            mapping={"time": "asctime", "level": "levelname", "logger": "name"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger = logging.getLogger("joulepath")
    latest = Latest()
    logger.handlers = [handler, latest]
    logger.propagate = False
    logger.setLevel(level.upper())
    return latest


class Once:
    """Remembers the last `most` log lines, for one line for each fault and not one for each poll."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._lines: dict[str, None] = {}

    def is_new(self, line: str) -> bool:
        """Whether the line was not asked about lately."""
        known = line in self._lines
        self._lines.pop(line, None)
        self._lines[line] = None
        if len(self._lines) > self._most:
            del self._lines[next(iter(self._lines))]
        return not known
