# SPDX-License-Identifier: Apache-2.0
"""The price of a site's electricity: one number, by hours of the week, or a query."""

from itertools import accumulate
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema, model_validator

from joulepath_topology.common import Entry, Number, Text
from joulepath_topology.hours import Hours, TimeZone, check_hours
from joulepath_topology.query import Query


def _currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise ValueError("must be three capital letters, as in EUR (ISO 4217)")
    return text


Currency = Annotated[
    Text, AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]})
]
"""A currency by its code in ISO 4217."""


_WEEK = 7 * 24 * 60
"""In minutes, to which hours are whole."""


class PricedHours(Hours):
    """Hours with a price of their own."""

    per_kwh: Number
    """Price of a kWh in these hours."""


class Price(Entry):
    """The price of electricity at the site's meter: one number, with other ones by hours of the week, or a query."""

    currency: Currency
    """Currency, three letters: `EUR`. Sums of two currencies are never made."""
    per_kwh: Number | None = None
    """Price of a kWh, at all hours that `hours` does not name; it may be negative."""
    time_zone: TimeZone | None = None
    """Time zone of `hours`, such as `Europe/Berlin`; daylight saving time is followed."""
    hours: tuple[PricedHours, ...] = ()
    """Hours with another price, which do not overlap."""
    query: Query | None = None
    """Query for the price of a kWh now, such as that of the day-ahead market; a gap while it gives no number."""

    @model_validator(mode="after")
    def _one_price(self) -> "Price":
        if (self.per_kwh is None) == (self.query is None):
            raise ValueError(
                "needs one of per_kwh, query" if self.query is None else "has per_kwh and query: write one"
            )
        if self.hours and self.query is not None:
            raise ValueError("has a query and hours: the query has the price of every hour")
        check_hours(self.hours, self.time_zone, "price")
        return self

    @property
    def changes(self) -> bool:
        """Whether it is more than one number."""
        return self.query is not None or bool(self.hours)

    def most(self, seconds: float) -> float | None:
        """The highest mean price of so many seconds on end, in whole minutes; None where a query has the price.

        A price below 0 counts as 0: nothing need be drawn then.
        """
        if self.per_kwh is None:
            return None
        week = [max(self.per_kwh, 0.0)] * _WEEK
        for each in self.hours:
            for day in each.weekdays:
                first, last = (day * 1440 + moment // 60 for moment in (each.start, each.end))
                week[first:last] = [max(each.per_kwh, 0.0)] * (last - first)
        minutes = max(round(seconds / 60), 1)
        weeks, rest = divmod(minutes, _WEEK)
        sums = list(accumulate(week + week[:rest], initial=0.0))
        return (weeks * sums[_WEEK] + max(sums[end + rest] - sums[end] for end in range(_WEEK))) / minutes
