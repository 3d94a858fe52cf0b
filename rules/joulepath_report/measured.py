# SPDX-License-Identifier: Apache-2.0
"""All that a report asks of the server about one period."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from joulepath_report.carbon import Carbon, Overheads
from joulepath_report.costs import Costs
from joulepath_report.energy import Cell, Energy, energy
from joulepath_report.model import UNATTRIBUTED
from joulepath_report.questions import Questions
from joulepath_report.shares import Shares
from joulepath_rules import settled
from joulepath_topology import Topology

Key = TypeVar("Key", bound=Hashable)

PARTS = ("static", "dynamic", "undivided")
ROUNDING = 1e-12
"""The part of a sum below which a difference is not one."""

METHODS = ("measured", "modelled", "declared")


@dataclass(frozen=True)
class Measured:
    """Energy of a period with its parts, methods, CO2 and costs."""

    topology: Topology
    energy: Energy
    host_methods: Shares
    """By host."""
    host_tiers: Shares
    """By host."""
    component_parts: Shares
    """By component and host."""
    application_parts: Shares
    """By application and segment."""
    carbon: Carbon
    overheads: Overheads
    prices: Costs

    def sums(self, name: Callable[[Cell], Key]) -> dict[Key, float]:
        """Joules by what `name` makes of a cell."""
        found: dict[Key, float] = defaultdict(float)
        for cell in self.energy.cells:
            found[name(cell)] += cell.joules
        return found

    def methods(self, name: Callable[[Cell], Key]) -> Mapping[Key, Mapping[str, float]]:
        """Joules by method: as the power of each cell's host was known."""
        found: dict[Key, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for cell in self.energy.cells:
            for method, part in self.host_methods.of(cell.slot, cell.row.host, otherwise=METHODS[0]).items():
                found[name(cell)][method] += cell.joules * part
        return found

    def tiers(self) -> Mapping[str, Mapping[str, float]]:
        """Joules of each host by the tier that counted: 1 is its `power`, the others are its `fallback`."""
        found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for cell in self.energy.cells:
            for tier, part in self.host_tiers.of(cell.slot, cell.row.host, otherwise="1").items():
                found[cell.row.host][tier] += cell.joules * part
        return found

    def grams(self, name: Callable[[Cell], Key], basis: str) -> dict[Key, float | None]:
        """CO2 by what `name` makes of a cell; None where one of its sites has no factor."""
        return self._whole(name, lambda cell: self.carbon.grams(cell, basis))

    def facility(self, name: Callable[[Cell], Key]) -> dict[Key, float | None]:
        """Joules with the overhead of their sites; None where one of these is not known."""
        return self._whole(name, self.overheads.joules)

    def _whole(self, name: Callable[[Cell], Key], amount: Callable[[Cell], float | None]) -> dict[Key, float | None]:
        """Sums; None where one of their parts is not known."""
        found: dict[Key, float | None] = {}
        for cell in self.energy.cells:
            key, part = name(cell), amount(cell)
            known = found.setdefault(key, 0.0)
            found[key] = None if known is None or part is None else known + part
        return found

    def costs(self, name: Callable[[Cell], Key]) -> Mapping[Key, Mapping[str, float] | None]:
        """Costs by what `name` makes of a cell, by currency; None where one of its sites has no price."""
        found: dict[Key, dict[str, float] | None] = {}
        for cell in self.energy.cells if self.prices.currencies else ():
            known, cost = found.setdefault(name(cell), {}), self.prices.of(cell)
            if known is not None and cost is not None:
                known[cost[0]] = known.get(cost[0], 0.0) + cost[1]
            elif cell.joules:
                found[name(cell)] = None
        return found

    def parts_of_places(self, name: Callable[[Cell], Key]) -> Mapping[Key, Mapping[str, float]]:
        """Joules by part, static and dynamic as of the components: for hosts, components and sites."""
        found: dict[Key, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for cell in self.energy.cells:
            of = self.component_parts.of(cell.slot, cell.row.component, cell.row.host, otherwise="undivided")
            for part, share in of.items():
                found[name(cell)][part] += cell.joules * share
        return found

    @cached_property
    def of_components(self) -> Mapping[str, Mapping[tuple[int, str], float]]:
        """Joules of each component, on all of its hosts, by slot and part."""
        found: dict[str, dict[tuple[int, str], float]] = defaultdict(lambda: defaultdict(float))
        for cell in self.energy.cells:
            of = self.component_parts.of(cell.slot, cell.row.component, cell.row.host, otherwise="undivided")
            for part, share in of.items():
                found[cell.row.component][cell.slot, part] += cell.joules * share
        return found

    @cached_property
    def parts_of_applications(self) -> Mapping[str, Mapping[str, float]]:
        """Joules by part of each application; `unattributed` has what is left of those of all hosts."""
        found: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(PARTS, 0.0))
        hidden: dict[str, float] = defaultdict(float)
        for cell in self.energy.cells:
            row = cell.row
            if row.application != UNATTRIBUTED:
                of = self.application_parts.of(cell.slot, row.application, row.segment, otherwise="undivided")
                for part, share in of.items():
                    found[row.application][part] += cell.joules * share
                # Its static part is somebody's, although it is not known: it is not that of `unattributed`.
                if "undivided" in of:
                    of = self.component_parts.of(cell.slot, row.component, row.host, otherwise="undivided")
                    for part, share in of.items():
                        hidden[part] += cell.joules * share
        whole: dict[str, float] = defaultdict(float)
        for parts in self.parts_of_places(lambda cell: cell.row.host).values():
            for part, joules in parts.items():
                whole[part] += joules
        left = sum(cell.joules for cell in self.energy.cells if cell.row.application == UNATTRIBUTED)
        rest = found[UNATTRIBUTED]
        for part in ("static", "dynamic"):
            taken = sum(parts[part] for name, parts in found.items() if name != UNATTRIBUTED)
            rest[part] = min(max(whole[part] - taken - hidden[part], 0.0), left)
            left -= rest[part]
        # The difference of equal sums is an error of rounding.
        rest["undivided"] = left if left > ROUNDING * self.energy.joules else 0.0
        return found


def places_of(topology: Topology) -> Mapping[str, int]:
    """At how many places each application must be known."""
    return {
        name: sum(len({place.host for place in topology.placements(part)}) for part in topology.needed(name))
        for name in topology.applications
    }


def measure(questions: Questions) -> Measured:
    """Asks for everything. Raises PrometheusError."""
    topology = questions.topology
    info = "host:power_source:info"
    overheads = Overheads(topology.sites, questions.over("avg", "site:overhead:ratio", ("site",)))
    return Measured(
        topology,
        energy(questions, places_of(topology)),
        Shares(questions.over("count", info, ("host", "method"))),
        Shares(questions.over("count", info, ("host", "tier"))),
        Shares(questions.over("sum", "component:power_watts", ("component", "host", "part"))),
        Shares(questions.over("sum", "application:power_part_watts", ("application", "segment", "part"))),
        Carbon(
            questions.over("avg", "site:co2_grams_per_joule", ("site", "basis")),
            questions.hourly(settled.FACTOR, ("site", "basis")),
        ),
        overheads,
        Costs(overheads, questions.over("avg", "site:price_per_kilowatt_hour", ("site", "currency"))),
    )
