# SPDX-License-Identifier: Apache-2.0
"""Bounds a device's effect on this process: the number of its rows, and the length of their names.

A device chooses its rows and their names. One that renames them at every poll, by a fault or on purpose, must not make
series without end: each is kept here, and in Prometheus for weeks.
"""

import logging
import math
import re
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

MAX_ROWS = 4096
"""The most rows of one device with series: outlets, branches, supplies, sensors. Others are left out and counted."""
FORGET_SECONDS = 3600.0
"""The time after which an unseen row is forgotten. If it returns, its counters begin at 0."""
TELL_AGAIN_SECONDS = 3600.0
"""That a device has too many rows is told no more often."""
BEYOND = "beyond_limit"
"""The reason for which the values of other rows are rejected."""

MAX_LINES = 64
"""The most log lines about rows that come, go or fail, for one device in TELL_AGAIN_SECONDS."""

MAX_LABEL = 128
"""Characters of a label value. A longer one is cut and ends in a digest of the whole."""
_DIGEST = 32
_CUT = re.compile(rf".{{{MAX_LABEL - _DIGEST - 1}}}~[0-9a-f]{{{_DIGEST}}}", re.DOTALL)

K = TypeVar("K", bound=Hashable)


def label(text: str) -> str:
    """A label value of at most MAX_LABEL characters, all of which UTF-8 has. Two texts never become one value."""
    if len(text) <= MAX_LABEL and (text.isascii() or _is_utf8(text)) and not _CUT.fullmatch(text):
        return text
    import hashlib  # noqa: PLC0415  # it brings OpenSSL along, and hardly any device has such a label

    octets = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(octets).hexdigest()[:_DIGEST]
    begins = text[: MAX_LABEL - _DIGEST - 1].encode("utf-8", "replace").decode()
    return f"{begins:<{MAX_LABEL - _DIGEST - 1}}~{digest}"


def _is_utf8(text: str) -> bool:
    """Whether UTF-8 has all characters: JSON may name half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Rows(Generic[K]):
    """The rows of one device that were seen within FORGET_SECONDS, at most `most`. Times are monotonic seconds."""

    def __init__(self, most: float = MAX_ROWS, before: Iterable[K] = ()) -> None:
        """`before` are rows with state from before: they count as seen at the first poll."""
        self._most = most
        self._before = tuple(before)
        self._seen: dict[K, float] = {}  # in the order of when they were seen last
        self.forgotten: frozenset[K] = frozenset()
        """Rows that the last poll has forgotten: all state of them has to go."""

    @property
    def known(self) -> Collection[K]:
        """The rows that count."""
        return self._seen.keys()

    def take(self, rows: Iterable[K], at: float) -> frozenset[K]:
        """Takes the rows of the poll at `at`; returns those that are too many, which have to be left out.

        A known row stays as long as it is seen: the places of those that are gone are free after FORGET_SECONDS.
        """
        for row in self._before:
            self._seen[row] = at
        self._before = ()
        new: dict[K, None] = {}
        for row in rows:
            if self._seen.pop(row, None) is None:
                new[row] = None
            else:
                self._seen[row] = at
        forgotten: set[K] = set()
        while self._seen and at - self._seen[oldest := next(iter(self._seen))] >= FORGET_SECONDS:
            del self._seen[oldest]
            forgotten.add(oldest)
        self.forgotten = frozenset(forgotten)
        beyond: set[K] = set()
        for row in new:
            if len(self._seen) < self._most:
                self._seen[row] = at
            else:
                beyond.add(row)
        return frozenset(beyond)


class Teller:
    """Tells in one line that the device `name` has too many rows, and when it no longer has."""

    def __init__(self, name: str, most: float = MAX_ROWS) -> None:
        self._name = name
        self._most = most
        self._told = -math.inf
        self._too_many = False

    def tell(self, beyond: Collection[Hashable], at: float) -> None:
        """After each poll, with the rows that were left out."""
        if beyond and at - self._told >= TELL_AGAIN_SECONDS:
            logger.warning(
                "%s: %d rows are left out, more than %g within an hour, %s among them: does it rename its rows?",
                self._name,
                len(beyond),
                self._most,
                _shown(min(beyond, key=str)),
                extra={"target": self._name},
            )
            self._told = at
        elif self._too_many and not beyond:
            logger.info("%s: no row is left out any more", self._name, extra={"target": self._name})
        self._too_many = bool(beyond)


def _shown(row: Hashable) -> str:
    return " ".join(str(part) for part in row) if isinstance(row, tuple) else str(row)


class Quota:
    """Bounds the log lines about the rows of a device."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._begun = -math.inf
        self._lines = 0

    def admits(self) -> bool:
        """Whether one more line may be written; the last one says that others are left out."""
        now = self._clock()
        if now - self._begun >= TELL_AGAIN_SECONDS:
            self._begun, self._lines = now, 0
        self._lines += 1
        if self._lines == MAX_LINES + 1:
            logger.warning(
                "%s: further lines about its rows are left out for an hour", self._name, extra={"target": self._name}
            )
        return self._lines <= MAX_LINES
