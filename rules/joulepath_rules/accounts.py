# SPDX-License-Identifier: Apache-2.0
"""The sums of budgets: recorded rates of energy, CO2 and cost, as amounts and known seconds of an hour.

Every rate falls into parts, each of which is known or absent by itself: the power of an application at a component on a
host, the power of a host, all CO2 of an application. A row stands for one interval of its group; it is absent while it
is not known and 0 while it is known to be 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from joulepath_rules.chain import slow
from joulepath_rules.history import EDGE, HOUR, any_of, clock, once
from joulepath_rules.periods import period
from joulepath_rules.rule import Rule
from joulepath_topology import Topology
from joulepath_topology.budgets import Budget, Quantity
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

AMOUNT = "budget_part:known_amount"
SECONDS = "budget_part:known_seconds"
FIRST = "budget_part:first_seconds"


def closed(name: str, span: float = HOUR) -> str:
    """One of the three for a closed hour, or for a closed part of one: `...:1h`, `...:30m`."""
    return f"{name}:{duration(span)}"


@dataclass(frozen=True)
class Rate:
    """A recorded rate of applications or sites."""

    quantity: Quantity
    of: str
    """The label by which a budget takes its rows: `application` or `site`."""
    series: str
    parts: tuple[str, ...]
    """The labels that tell its parts apart."""
    step: float
    """The interval of its group, in seconds."""
    per: float = 1.0
    """The seconds of its unit of time."""
    kind: tuple[tuple[str, str], ...] = ()
    """The basis of CO2, the currency of a cost."""

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its amounts."""
        return {"quantity": self.quantity, "of": self.of, **dict(self.kind)}

    def rows(self, topology: Topology, values: Iterable[str], reach: str, function: str) -> str:
        """A function over the rows of these applications or sites."""
        kind = "".join(f",{key}={quote(value)}" for key, value in self.kind)
        matchers = f"topology={quote(topology.name)}{kind},{self.of}=~{any_of(values)}"
        return f"{function}_over_time({self.series}{{{matchers}}}{reach})"

    def by_part(self, expr: str, operator: str) -> str:
        """An expression with the rate's labels, taken together for each part."""
        sources = ", ".join(map(quote, self.parts))
        return f'{operator} by (topology, {self.of}, part) (\n  label_join({expr}, "part", "/", {sources}))'

    def parts_of(self, topology: Topology, budget: Budget) -> list[str]:
        """The parts that must be known for the budget."""
        if budget.site is not None:
            boxes = topology.boxes_of(budget)
            return [f"{budget.site}/{box}" for box in boxes] if "host" in self.parts else [budget.site]
        applications = topology.applications_of(budget)
        if "host" not in self.parts:
            return applications
        return [
            f"{name}/{component}/{placement.host}"
            for name in applications
            for component in topology.needed(name)
            for placement in topology.placements(component)
        ]


def rate(topology: Topology, budget: Budget) -> Rate:
    """The rate that a budget adds up. Power is known for each component; CO2 and cost as a whole."""
    of = "site" if budget.site is not None else "application"
    if budget.quantity == "energy":
        power = {"application": "application_component:power_watts", "site": "host:power_watts"}
        parts = {"application": ("application", "component", "host"), "site": ("site", "host")}
        return Rate("energy", of, power[of], parts[of], topology.interval)
    if budget.quantity == "co2":
        kind = (("basis", budget.basis),)
        return Rate("co2", of, f"{of}:co2_grams_per_second", (of,), slow(topology), kind=kind)
    return Rate("cost", of, f"{of}:cost_per_hour", (of,), slow(topology), HOUR, (("currency", budget.unit),))


def values(topology: Topology, budgets: Iterable[Budget]) -> set[str]:
    """The applications, or the sites, that these budgets of one rate add up."""
    return {
        name
        for budget in budgets
        for name in ([budget.site] if budget.site is not None else topology.applications_of(budget))
    }


def known(
    topology: Topology, rate: Rate, names: Iterable[str], function: str, *, offset: float = 0, span: float = HOUR
) -> str:
    """Known amounts (function `sum`) or seconds (`count`) of an hour, or a span, by part."""
    # Rows of one part, such as its segments, are added; they are known at the same time.
    later = f" offset -{duration(offset)}" if offset else ""
    rows = known_rows(topology, rate, names, function, f"[{duration(span - EDGE)}]{later}")
    return rate.by_part(rows, "sum" if function == "sum" else "max")


def known_rows(topology: Topology, rate: Rate, names: Iterable[str], function: str, reach: str) -> str:
    """The same of each row, in any range."""
    return f"{rate.rows(topology, names, reach, function)} * {rate.step:g}" + (
        f" / {rate.per:g}" if function == "sum" and rate.per != 1 else ""
    )


def hours(topology: Topology) -> Iterator[Rule]:
    """The known amounts of each closed hour, or part of one, for budgets with periods of several."""
    found: dict[float, dict[Rate, list[Budget]]] = {}
    for budget in topology.budgets.values():
        if (running := period(budget)).closed:
            found.setdefault(running.grain, {}).setdefault(rate(topology, budget), []).append(budget)
    for span, rates in found.items():
        if span < HOUR:
            yield clock(topology, span)
        for each, budgets in rates.items():
            names = values(topology, budgets)
            amount, count = (known(topology, each, names, function, span=span) for function in ("sum", "count"))
            for name, expr in ((AMOUNT, amount), (SECONDS, count), (FIRST, f"time() - {count}")):
                yield Rule(closed(name, span), once(topology, expr, span), each.labels)
