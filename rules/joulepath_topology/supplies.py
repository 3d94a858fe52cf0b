# SPDX-License-Identifier: Apache-2.0
"""The supplies of a site: which part of its power each delivers, and what that emits, by place and by contract."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from joulepath_topology.common import Entry, Name, NotNegative, Number, Text, without_unit
from joulepath_topology.hours import Hours, TimeZone, check_hours
from joulepath_topology.query import Counter, Query

Basis = Literal["location", "market"]

ONLY = "grid"
"""The name of the supply of a site that has just one factor."""


class Market(Entry):
    """Emissions of a contract, in g/kWh: never mixed with those of the grid."""

    grams_per_kwh: NotNegative
    """Emissions of the contract, in g/kWh."""


# One of the two is meant, so that a mistake in it gives one line and not one for each.
MarketFactor = Annotated[
    Annotated[Market, Tag("contract")] | Annotated[Literal["location"], Tag("location")],
    Discriminator(lambda value: "location" if isinstance(value, str) else "contract"),
]


class Factor(Entry):
    """Emissions of a supply by its place, and by contract: a constant or a live factor."""

    grams_per_kwh: NotNegative | None = None
    """Constant emissions of the supply, in g/kWh; or a live factor by `grid_zone` and `source`."""
    grid_zone: Text | None = None
    """Zone of the live factor: label of `grid_carbon_intensity_{average,marginal}_grams_per_kilowatt_hour`."""
    source: Text | None = None
    """Source of the live factor: label of the same series."""
    boundary: Literal["lifecycle", "direct"] = "lifecycle"
    """Emissions that the live factor counts: label of the same series; the same at all sites."""
    market: MarketFactor | None = None
    """Factor of the contract, `{grams_per_kwh: 48}`, or `location` for the grid's; for all supplies or for none."""

    @model_validator(mode="after")
    def _one_factor(self) -> "Factor":
        if self.grams_per_kwh is not None and (self.grid_zone or self.source):
            raise ValueError("has grams_per_kwh and a live factor (grid_zone, source): keep one of the two")
        if bool(self.grid_zone) != bool(self.source):
            missing = "source, such as ember" if self.grid_zone else "grid_zone, such as DE"
            raise ValueError(f"grid_zone and source belong together: add {missing} (docs/reference/carbon-sources.md)")
        return self

    @property
    def known(self) -> bool:
        """Whether it has a factor by place."""
        return self.grams_per_kwh is not None or self.grid_zone is not None


Part = Annotated[Number, Field(ge=0, le=1)]


class SharedHours(Hours):
    """Hours in which a supply has another share."""

    share: Part
    """Part of the power that supplies with a meter leave in these hours, 0 to 1."""


class Supply(Factor):
    """One supply of a site, such as the grid, own panels or a battery: with a `share`, a meter, or all that is left."""

    name: Name | None = None
    """Label `supply` of what is recorded; without it the position in the list, from 1."""
    share: Part | None = None
    """Part of the power that supplies with a meter leave, 0 to 1; at all hours that `hours` does not name."""
    time_zone: TimeZone | None = None
    """Time zone of `hours`, such as `Europe/Berlin`; the same for all supplies of a site."""
    hours: tuple[SharedHours, ...] = ()
    """Hours with another share, which do not overlap."""
    joules: Counter | None = None
    """Energy counter of the supply's meter, such as an inverter's, in joules."""
    watts: Annotated[Query, BeforeValidator(without_unit)] | None = None
    """Query in watts for what the supply delivers to the site, or a number of watts."""

    @model_validator(mode="after")
    def _one_part(self) -> "Supply":
        found = [key for key in ("share", "joules", "watts") if getattr(self, key) is not None]
        if len(found) > 1:
            raise ValueError(f"has {' and '.join(found)}: one of them says what it delivers")
        if self.hours and self.share is None:
            raise ValueError("has hours without a share, which holds at all others")
        check_hours(self.hours, self.time_zone, "share")
        return self

    def share_at(self, day: int, second: int) -> float:
        """Its share on a day of the week, 0 is Sunday, at a second of the day; 0 for one without a share."""
        at = (each.share for each in self.hours if day in each.weekdays and each.start <= second < each.end)
        return next(at, self.share or 0.0)

    def grams(self, basis: Basis) -> float | None:
        """Its constant factor in g/kWh; None where it has none, or a live one."""
        if basis == "market" and self.market != "location":
            return None if self.market is None else self.market.grams_per_kwh
        return self.grams_per_kwh

    @property
    def query(self) -> str | None:
        """The PromQL in watts of its meter; a counter stands as its rate."""
        return self.watts if self.joules is None else f"rate({self.joules}[$window])"

    @property
    def kind(self) -> Literal["joules", "watts"]:
        """The key of its meter, where it has one."""
        return "watts" if self.joules is None else "joules"


def named(supplies: tuple[Supply, ...]) -> dict[str, Supply]:
    """The supplies by their names."""
    return {supply.name or str(number): supply for number, supply in enumerate(supplies, 1)}


def shares(supplies: Mapping[str, Supply]) -> dict[str, float]:
    """The constant part of each supply without a meter, of what those with one leave. One without a share has the rest.

    A supply with hours, and a rest beside it, have none.
    """
    hourly = any(supply.hours for supply in supplies.values())
    plain = {name: supply.share for name, supply in supplies.items() if supply.query is None and not supply.hours}
    rest = max(1 - sum(share for share in plain.values() if share is not None), 0.0)
    return {name: rest if share is None else share for name, share in plain.items() if share is not None or not hourly}


def by_hours(supplies: Mapping[str, Supply]) -> dict[str, Supply]:
    """The supplies with a share that changes with the hour: those with hours, and the rest beside them."""
    if not any(supply.hours for supply in supplies.values()):
        return {}
    return {
        name: supply
        for name, supply in supplies.items()
        if supply.hours or (supply.query is None and supply.share is None)
    }


def most_grams(supplies: Mapping[str, Supply], basis: Basis) -> float | None:
    """The highest factor that a site can have, in g/kWh; None where a live one decides."""
    parts = shares(supplies)
    factors = {name: supply.grams(basis) for name, supply in supplies.items() if parts.get(name) != 0}
    known = {name: grams for name, grams in factors.items() if grams is not None}
    if not factors or len(known) < len(factors):
        return None
    if len(parts) < len(supplies):
        return max(known.values())
    return sum(parts[name] * grams for name, grams in known.items())
