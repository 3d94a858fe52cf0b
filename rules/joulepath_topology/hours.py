# SPDX-License-Identifier: Apache-2.0
"""Hours of the week: what holds only then, such as a price of the day, names its days and its hours in a time zone."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from joulepath_topology.clocks import clock
from joulepath_topology.common import Entry, Text

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""The days of the week as PromQL counts them, from 0."""

DAY = 86400

_SPAN = rf"(?:{'|'.join(DAYS)})(?:-(?:{'|'.join(DAYS)}))?"
_WEEK = rf"^{_SPAN}(?:, ?{_SPAN})*$"


def _days(value: Any) -> Any:
    """Days as text; a list of them is one, too."""
    text = ",".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
    if not isinstance(text, str) or not re.fullmatch(_WEEK, text):
        raise ValueError(f"must be days of the week such as mon-fri or sat,sun: {', '.join(DAYS)}")
    return text


def _time(value: Any) -> Any:
    """A full hour, or a time as text."""
    if not isinstance(value, bool) and isinstance(value, int | str) and 0 <= _second(value) <= DAY:
        return value
    raise ValueError('must be a full hour, 0 to 24, or a time in quotes, such as "22:30"')


def _second(value: int | str) -> int:
    """The second of the day, -1 for a text that is not a time."""
    if isinstance(value, int):
        return value * 3600
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)", value)
    return int(found[1]) * 3600 + int(found[2]) * 60 if found else -1


def _zone(name: str) -> str:
    clock(name)
    return name


TimeZone = Annotated[Text, AfterValidator(_zone)]
"""A time zone by its name in the time zone database."""

Days = Annotated[
    str, BeforeValidator(_days), WithJsonSchema({"type": "string", "pattern": _WEEK, "examples": ["mon-fri"]})
]
Time = Annotated[
    int | str,
    BeforeValidator(_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 24},
                {"type": "string", "pattern": r"^\d{1,2}:[0-5]\d$", "examples": ["22:30"]},
            ]
        }
    ),
]


class Hours(Entry):
    """Hours of some days of the week, in local time: from the first one to just before the last one."""

    days: Days = "mon-sun"
    """Days of the week, such as `mon-fri` or `sat,sun`."""
    first: Time = Field(0, alias="from")
    """Hour that begins it, `8`, or a time in quotes, `"22:30"`."""
    last: Time = Field(24, alias="to")
    """Hour that ends it, up to 24; hours over midnight are two entries."""

    @model_validator(mode="after")
    def _forward(self) -> "Hours":
        if self.end == 0:
            raise ValueError("ends at 0, where the day begins: midnight at its end is 24")
        if self.start >= self.end:
            raise ValueError(
                f"ends before it begins: write two entries, from {self.first} to 24 and from 0 to {self.last}"
            )
        return self

    @property
    def start(self) -> int:
        """The second of the day at which it begins."""
        return _second(self.first)

    @property
    def end(self) -> int:
        """The second of the day at which it ends."""
        return _second(self.last)

    @property
    def weekdays(self) -> tuple[int, ...]:
        """The numbers of its days; `fri-mon` goes over the end of the week."""
        found: set[int] = set()
        for span in re.split(", ?", self.days):
            first, _, last = span.partition("-")
            start, end = DAYS.index(first), DAYS.index(last or first)
            found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
        return tuple(sorted(found))

    def overlaps(self, other: "Hours") -> bool:
        """Whether both hold at some moment."""
        return bool(set(self.weekdays) & set(other.weekdays)) and self.start < other.end and other.start < self.end


def check_hours(entries: Sequence[Hours], time_zone: str | None, figure: str) -> None:
    """Raises ValueError for hours without a time zone, a zone without hours, and hours that overlap."""
    if bool(entries) != (time_zone is not None):
        raise ValueError(
            "hours need a time_zone, such as Europe/Berlin: PromQL knows UTC only"
            if entries
            else "has a time_zone, which only hours use"
        )
    for number, hours in enumerate(entries):
        for other in range(number):
            if hours.overlaps(entries[other]):
                raise ValueError(f"hours[{number}] overlaps hours[{other}]: one moment has one {figure}")
