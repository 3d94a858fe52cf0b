# SPDX-License-Identifier: Apache-2.0
"""Reads configuration again, after SIGHUP or a change of its files, and keeps what held when it is wrong."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""A file that a configuration names may come after it; nothing that is watched changes then."""

_Stamp = Mapping[Path, tuple[int, int, int] | None]


@dataclass
class Part:
    """The files that are read again together: the exporter's own configuration, or the web server's."""

    name: str
    files: Callable[[], Collection[Path]]
    reload: Callable[[], None]
    """Raises JoulepathError and changes nothing where the files are wrong."""
    failed_at: float | None = None
    """When it failed last, monotonic seconds; None after a success."""
    complaint: str = ""
    stamp: _Stamp = field(default_factory=dict)


class Reloader:
    """Looks after several parts. `look` is to be called every few seconds, by one thread."""

    def __init__(self, parts: Sequence[Part], clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        for part in parts:
            part.stamp = _stamp(part.files())

    @property
    def watches(self) -> bool:
        """Whether there is any file to look at."""
        return any(part.files() for part in self._parts)

    @property
    def successful(self) -> bool:
        """Whether all parts are as their files say."""
        return all(part.failed_at is None for part in self._parts)

    def began(self, name: str, complaint: str) -> None:
        """Says why a part began without one of its files, if it did: that is tried again as after a failed reload."""
        for part in self._parts:
            if part.name == name and complaint:
                part.failed_at, part.complaint = self._clock(), complaint

    def look(self) -> None:
        """Reads again the parts with changed files."""
        for part in self._parts:
            waited = part.failed_at is not None and self._clock() - part.failed_at >= RETRY_SECONDS
            if waited or _stamp(part.files()) != part.stamp:
                self._reload(part, asked=False)

    def reload(self) -> None:
        """Reads everything again that was read from files."""
        for part in self._parts:
            if part.files():
                self._reload(part, asked=True)

    def _reload(self, part: Part, *, asked: bool) -> None:
        part.stamp = _stamp(part.files())  # before reading: what changes meanwhile is read once more
        complaint = _complaint(part)
        if complaint:
            if asked or complaint != part.complaint:
                logger.error(complaint, extra={"part": part.name, "consequence": "what was read before stays"})
            part.failed_at, part.complaint = self._clock(), complaint
            return
        part.failed_at, part.complaint = None, ""
        # The new settings may name other files; those changed since the stamp are read once more.
        part.stamp = {path: part.stamp.get(path, state) for path, state in _stamp(part.files()).items()}
        logger.info("configuration read again", extra={"part": part.name})


def _complaint(part: Part) -> str:
    """Reads the part again; what was wrong, or nothing."""
    try:
        part.reload()
    except JoulepathError as error:
        return "; ".join(error.messages)
    except Exception as error:  # a defect in reading a file must not end what is running
        logger.exception("unexpected fault", extra={"part": part.name})
        return f"unexpected {type(error).__name__}"
    return ""


def _stamp(files: Collection[Path]) -> _Stamp:
    """The signature of a file, which changes with it: renamed over, written to, or pointed elsewhere."""
    return {path: _state(path) for path in files}


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
