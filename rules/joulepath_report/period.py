# SPDX-License-Identifier: Apache-2.0
"""The period of a report, in slots: each full UTC hour, and what is left of an hour before and after them."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from joulepath.errors import UsageError

HOUR = 3600.0

LONGEST = 400 * 86400.0
"""Of a period: a year is some hundred questions to the server."""

_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Slot:
    """From `begin` to `end`, Unix seconds: a full UTC hour or a part of one."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin

    @property
    def hour(self) -> bool:
        """Whether it is a full UTC hour, of which the rules record the energy."""
        return self.seconds == HOUR

    @cached_property
    def day(self) -> str:
        """Its day (UTC), such as 2026-11-28."""
        return moment(self.begin)[:10]


def slots(begin: float, end: float) -> Sequence[Slot]:
    """The slots of a period."""
    return list(_slots(begin, end))


def _slots(begin: float, end: float) -> Iterator[Slot]:
    while begin < end:
        next_hour = (math.floor(begin / HOUR) + 1) * HOUR
        yield Slot(begin, min(next_hour, end))
        begin = next_hour


def moment(at: float) -> str:
    """A time as people read it, in UTC: 2026-11-28 10:00:00."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def unix(text: str, option: str) -> float:
    """Unix seconds of a date or a time (UTC unless it says another zone), or a number of them. Raises UsageError."""
    # A date without dashes is a number, too.
    with suppress(ValueError, OverflowError):
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    with suppress(ValueError):
        if 0 <= float(text) <= _LAST:
            return float(text)
    raise UsageError(f"{option}: must be a time such as 2026-11-28 or 2026-11-28T10:00:00Z: {text!r}")


def chosen(begin: float | None, end: float | None, since: float, latest: float) -> tuple[float, float]:
    """Begin and end of the report, in whole seconds. Raises UsageError for a period that has not begun or is empty.

    `latest` is the time up to which rows can be known; a later end becomes this one.
    """
    last = math.floor(min(latest, latest if end is None else end))
    first = math.floor(last - since if begin is None else begin)
    if end is not None and begin is not None and end <= begin:
        raise UsageError(f"--to: must be later than --from, which is {moment(begin)}")
    if first >= last:
        raise UsageError(f"--from: must be earlier than {moment(last)}, the last time that can be known yet")
    if last - first > LONGEST:
        option = "--since" if begin is None else "--from"
        raise UsageError(
            f"{option}: {moment(first)} is more than {LONGEST / 86400:.0f} days before {moment(last)}: "
            "report each year by itself"
        )
    return float(first), float(last)
