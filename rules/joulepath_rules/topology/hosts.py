# SPDX-License-Identifier: Apache-2.0
"""Sites and hosts: where power is drawn, what measures it, what its grid emits."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from joulepath_rules import promql
from joulepath_rules.topology.common import Entry, Name, NotNegative, Number, Positive, Text, exactly_one
from joulepath_rules.topology.query import Counter, Query

Method = Literal["measured", "modelled", "declared"]

METHODS: tuple[Method, ...] = ("measured", "modelled", "declared")
"""How watts are known, the best first: by a meter, by a guess from a reading, by a number that nothing measures."""

SOURCE_KINDS = ("pdu", "bmc", "rapl", "joules", "watts")


class Market(Entry):
    """What the site's contract emits, in g/kWh: never mixed with what its grid emits."""

    grams_per_kwh: NotNegative


# One of the two is meant, so that a mistake in it gives one line and not one for each.
MarketFactor = Annotated[
    Annotated[Market, Tag("contract")] | Annotated[Literal["location"], Tag("location")],
    Discriminator(lambda value: "location" if isinstance(value, str) else "contract"),
]


class Site(Entry):
    """A place with one grid and one overhead (PUE, or a mast's cooling): a constant factor or a live one."""

    grams_per_kwh: NotNegative | None = None
    grid_zone: Text | None = None
    source: Text | None = None
    boundary: Literal["lifecycle", "direct"] = "lifecycle"
    overhead: Annotated[Number, Field(ge=1)] = 1.0
    market: MarketFactor | None = None

    @model_validator(mode="after")
    def _one_factor(self) -> "Site":
        if self.grams_per_kwh is not None and (self.grid_zone or self.source):
            raise ValueError("has grams_per_kwh and a live factor: one of the two can be right")
        if bool(self.grid_zone) != bool(self.source):
            raise ValueError("grid_zone and source belong together: which zone, according to whom")
        return self


class Source(Entry):
    """One reading of a host's power: outlets of a PDU, a BMC's chassis, RAPL, or any PromQL in joules or watts."""

    pdu: Text | None = None
    outlets: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    bmc: Text | None = None
    chassis: Text | None = None
    rapl: Text | None = None
    joules: Counter | None = None
    watts: Query | None = None
    scale: Positive = 1.0
    offset_watts: NotNegative = 0.0
    modelled: bool = False
    static_watts: NotNegative | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Source":
        exactly_one((kind for kind in SOURCE_KINDS if getattr(self, kind) is not None), SOURCE_KINDS)
        if (self.pdu is None) != (self.outlets is None):
            raise ValueError("pdu and outlets belong together: which outlets of which PDU")
        if self.chassis is not None and self.bmc is None:
            raise ValueError("chassis belongs to bmc")
        return self

    @property
    def kind(self) -> str:
        """Which of SOURCE_KINDS it is."""
        return next(kind for kind in SOURCE_KINDS if getattr(self, kind) is not None)

    @property
    def method(self) -> Method:
        """How its watts are known: as METHODS says."""
        if self.watts is not None and promql.is_constant(self.watts):
            return "declared"
        return "modelled" if self.modelled or self.scale != 1 or self.offset_watts != 0 else "measured"


class Active(Entry):
    """All active work of a host, in the unit of its components' `share: [{query: ...}]`."""

    query: Query


class Kepler(Entry):
    """How Kepler names the host, and which of its zones are its active joules (zones overlap: see the checks)."""

    node_name: Text | None = None
    zones: Annotated[tuple[Text, ...], Field(min_length=1)] = ("package", "dram")


class Host(Entry):
    """A metered box. `power` is read completely or not at all; then each of `fallback` is tried in turn."""

    site: Name
    power: Annotated[tuple[Source, ...], Field(min_length=1)]
    fallback: tuple[Source, ...] = ()
    static_watts: NotNegative | None = None
    max_watts: Positive | None = None
    capacity: Positive | None = None
    feeds: tuple[Name, ...] = ()
    active: Active | None = None
    kepler: Kepler = Kepler()

    @property
    def tiers(self) -> tuple[tuple[Source, ...], ...]:
        """The ways to its power, best first; each is complete or absent."""
        return (self.power, *((source,) for source in self.fallback))

    def static(self, tier: int) -> float | None:
        """Idle watts as the tier (from 1) reads them, None where unknown."""
        own = self.fallback[tier - 2].static_watts if tier > 1 else None
        return self.static_watts if own is None else own

    @property
    def divided(self) -> bool:
        """Whether some tier knows its static part."""
        return any(self.static(tier) is not None for tier in range(1, len(self.tiers) + 1))
