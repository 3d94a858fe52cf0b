# SPDX-License-Identifier: Apache-2.0
"""Log lines in logfmt on standard error, one per event. Secrets never come near a logger."""

import logging

from logfmter import Logfmter


def setup(level: str) -> None:
    """Sends `joulepath.*` from `level` on to standard error as `time=... level=... logger=... msg=...`."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        Logfmter(
            keys=["time", "level", "logger"],
            mapping={"time": "asctime", "level": "levelname", "logger": "name"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger = logging.getLogger("joulepath")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())


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
