# SPDX-License-Identifier: Apache-2.0
"""Weights of a watt by site, now and in the scenario: grams of CO2 a second, and money an hour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario

CO2 = "co2"
JOULES_PER_KWH = 3.6e6
WATTS_PER_KILOWATT = 1000


@dataclass(frozen=True)
class Weight:
    """Weights of a watt by site."""

    name: str
    """`co2`, or a currency."""
    now: Mapping[str, float]
    then: Mapping[str, float]


def weights(topology: Topology, present: Present, scenario: Scenario) -> list[Weight]:
    """CO2 while each site has a factor, and each currency while each site has a price. Raises JoulepathError."""
    return [*_carbon(topology, present, scenario), *_money(topology, present, scenario)]


def _overheads(topology: Topology, present: Present, scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Now and then, by site; without those that are not known."""
    found = {}
    for site in topology.sites:
        change = scenario.sites.get(site)
        now = present.overhead.get((site,))
        if now is not None:
            found[site] = (now, now if change is None or change.overhead is None else change.overhead)
        elif change is not None:
            raise JoulepathError(f"sites.{site}: its overhead is not known now: see `joulepath doctor`")
    return found


def _carbon(topology: Topology, present: Present, scenario: Scenario) -> Iterator[Weight]:
    overheads, now, then = _overheads(topology, present, scenario), {}, {}
    for site, (before, after) in overheads.items():
        change = scenario.sites.get(site)
        grams = present.grams.get((site,))
        if grams is not None:
            now[site], then[site] = grams, grams * after / before
        if change is not None and change.grams_per_kwh is not None:
            then[site] = after * change.grams_per_kwh / JOULES_PER_KWH
    if len(now) == len(topology.sites):
        yield Weight(CO2, now, then)


def _money(topology: Topology, present: Present, scenario: Scenario) -> Iterator[Weight]:
    overheads = _overheads(topology, present, scenario)
    prices = {site: (currency, price) for (site, currency), price in present.prices.items() if site in overheads}
    for site, change in scenario.sites.items():
        if change.price_per_kwh is not None and site not in prices:
            raise JoulepathError(f"sites.{site}: has no price now: give it `price` in the topology, with a currency")
    if len(prices) < len(topology.sites):
        return
    for currency in sorted({currency for currency, _ in prices.values()}):
        now, then = dict.fromkeys(prices, 0.0), dict.fromkeys(prices, 0.0)
        for site, (own, price) in prices.items():
            if own == currency:
                asked = scenario.sites.get(site)
                other = price if asked is None or asked.price_per_kwh is None else asked.price_per_kwh
                now[site] = overheads[site][0] * price / WATTS_PER_KILOWATT
                then[site] = overheads[site][1] * other / WATTS_PER_KILOWATT
        yield Weight(currency, now, then)
