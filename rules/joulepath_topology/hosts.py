# SPDX-License-Identifier: Apache-2.0
"""Sites and hosts: where power is drawn, what measures it, what its grid emits."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from joulepath_topology.common import Choice, Entry, Name, NotNegative, Number, Positive, Text
from joulepath_topology.kepler import Kepler
from joulepath_topology.meters import METERS
from joulepath_topology.prices import Price
from joulepath_topology.promql import quote
from joulepath_topology.query import Counter, Query
from joulepath_topology.shares import Share
from joulepath_topology.source import PowerSource
from joulepath_topology.supplies import ONLY, Factor, Supply, named


class Overhead(Entry):
    """A live overhead."""

    query: Query
    """Query for the overhead, which must give a number of at least 1; otherwise it is a gap."""


def _overhead_form(value: Any) -> str:
    return "live" if isinstance(value, dict | Overhead) else "constant"


OverheadFactor = Annotated[
    Annotated[Overhead, Tag("live")] | Annotated[Number, Field(ge=1), Tag("constant")], Discriminator(_overhead_form)
]


class Site(Factor):
    """A place with its supplies and one overhead (PUE, or a mast's cooling)."""

    factor: Literal["average", "marginal"] = "average"
    """Whether the factors are of all power of the grid, or of the next kWh; the same at all sites."""
    supply: tuple[Supply, ...] = ()
    """Supplies, in place of the one factor above: their parts add up to the site's power."""
    overhead: OverheadFactor = 1.0
    """Joules of the site for each joule that a host draws, at least 1: PUE, or a mast's cooling; or `{query: ...}`."""
    price: Price | None = None
    """Price of the electricity, such as `{currency: EUR, per_kwh: 0.21}` (docs/guides/money.md)."""

    @model_validator(mode="after")
    def _supply_or_factor(self) -> "Site":
        if self.supply and self.known:
            raise ValueError("has supply and a factor of its own: write the factor at each supply")
        return self

    @property
    def supplies(self) -> dict[str, Supply]:
        """Its supplies by name, each with the contract that counts; none where it has no factor."""
        if self.supply:
            return {
                name: supply if supply.market else supply.model_copy(update={"market": self.market})
                for name, supply in named(self.supply).items()
            }
        if not self.known and self.market is None:
            return {}
        return {ONLY: Supply.model_validate({key: getattr(self, key) for key in Factor.model_fields} | {"share": 1})}


class Embodied(Entry):
    """Emissions of making, bringing and disposing of a host."""

    kilograms: NotNegative
    """Emissions in kg of CO2 equivalents, of the whole host with its GPUs."""
    years: Positive
    """Time over which they are spread, in years of 365.25 days: how long the host is expected to serve."""


class Active(Entry):
    """All active work of a host, in the unit of its components' `share: [{query: ...}]`."""

    query: Query
    """Query for all active work of the host."""


def _dcgm_watts(host: str, number: str) -> str:
    """Watts of dcgm-exporter's energy counter, in mJ, which each MIG slice repeats; its label changed after 4.8.2."""
    counters = (
        f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{label}={quote(host)},gpu={quote(number)}}}"
        for label in ("Hostname", "hostname")
    )
    return f"max({' or '.join(f'rate({counter}[$window])' for counter in counters)}) / 1000"


class Gpu(Choice):
    """A GPU of a host, and its own meter: the gpu exporter, dcgm-exporter, or any PromQL in joules or watts."""

    kinds = ("gpu", "dcgm", "joules", "watts")

    gpu: Text | None = None
    """Instance of the gpu exporter; the key of this entry is the exporter's label `gpu`."""
    dcgm: Text | None = None
    """Label `hostname` (or `Hostname`) of dcgm-exporter; the key of this entry is its label `gpu`."""
    joules: Counter | None = None
    """Energy counter of any exporter, in joules."""
    watts: Query | None = None
    """Query in watts."""
    in_plug: bool = True
    """Whether the host's `power` measures the GPU, too. `false` where the GPU has a supply of its own."""
    static_watts: NotNegative | None = None
    """Power when idle, in watts; a part of the host's `static_watts` where the GPU is in its plug."""
    max_watts: Positive | None = None
    """The most that the GPU can draw, in watts, as for the host."""
    active: Active | None = None
    """Active work of the GPU: the whole for components with `share: [{gpu: N, query: ...}]`."""

    def source(self, number: str) -> PowerSource:
        """Its meter as a source of power; `number` is its key under `gpus`."""
        if self.gpu is not None:
            return PowerSource.model_validate({"gpu": self.gpu, "numbers": [number]})
        watts = self.watts if self.dcgm is None else _dcgm_watts(self.dcgm, number)
        return PowerSource.model_validate({"joules": self.joules, "watts": watts})


class Host(Entry):
    """A metered box. `power` is read completely or not at all; then each of `fallback` is tried in turn."""

    site: Name
    """Site of the host."""
    power: Annotated[tuple[PowerSource, ...], Field(min_length=1)]
    """Plugs, which are added; while one is missing there is a gap."""
    fallback: tuple[PowerSource, ...] = ()
    """Readings to use while `power` is not complete. Each entry is one tier; they are tried in order."""
    static_watts: NotNegative | None = None
    """Power when idle, in watts, at most `max_watts`. Without it, power is not divided into static and dynamic."""
    max_watts: Positive | None = None
    """The most that the host can draw, in watts; with it `check` finds budgets that can never be exceeded."""
    capacity: Positive | None = None
    """The whole for the `reservation` of its components, in any unit: cores, for instance."""
    feeds: tuple[Name, ...] = ()
    """Hosts that draw their power through this one (a PoE switch); their `power` is subtracted."""
    gpus: dict[Name, Gpu] = Field(default_factory=dict)
    """GPUs of the host, by their number or name. Components claim them with `share: [{gpu: ...}]`."""
    pool: Name | None = None
    """Pool that the host belongs to, for components with `pool`."""
    active: Active | None = None
    """Active work of the host: the whole for components with `share: [{query: ...}]`."""
    embodied: Embodied | None = None
    """Emissions of making the host, `{kilograms: 1200, years: 4}`, for the SCI of applications."""
    kepler: Kepler = Kepler()
    """The host in Kepler: `{node_name: NAME, zones: [package, dram], dialect: "0.9"}`, by default its own name."""

    @property
    def tiers(self) -> tuple[tuple[PowerSource, ...], ...]:
        """The ways to its power, best first; each is complete or absent."""
        return (self.power, *((source,) for source in self.fallback))

    def reads_gpus(self, tier: int) -> bool:
        """Whether the tier (from 1) reads the GPUs in the host's plug, too. RAPL, for instance, does not."""
        return any(source.kind not in METERS or METERS[source.kind].reads_gpus for source in self.tiers[tier - 1])

    def static(self, tier: int) -> float | None:
        """Idle watts as the tier (from 1) reads them, None where unknown."""
        own = self.fallback[tier - 2].static_watts if tier > 1 else None
        return self.static_watts if own is None else own

    @property
    def divided(self) -> bool:
        """Whether some tier knows its static part."""
        return any(self.static(tier) is not None for tier in range(1, len(self.tiers) + 1))


class Vm(Entry):
    """A virtual machine: its own work on the host, and what its components are parts of."""

    host: Name
    """Host that it runs on."""
    share: Annotated[tuple[Share, ...], Field(min_length=1)]
    """Its active work on the host, as for a component; entries of one kind, which are added."""
    reservation: Positive | None = None
    """Part of the host's `capacity`, in the same unit."""
    capacity: Positive | None = None
    """The whole for the `reservation` of its components, in any unit: virtual processors, for instance."""
    active: Active | None = None
    """Active work of the machine: the whole for its components with `share: [{query: ...}]`."""
    kepler: Kepler = Kepler()
    """Name and zones of the machine in a Kepler that runs inside it."""
