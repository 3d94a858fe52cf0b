# SPDX-License-Identifier: Apache-2.0
"""Weights of a watt by site, now and in the scenario: grams of CO2 a second, by the grid and by contract, and money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.supplies import Market
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario, SiteChange

CO2, CO2_MARKET, PRICE = "co2", "co2_market", "price"
JOULES_PER_KWH = 3.6e6
WATTS_PER_KILOWATT = 1000

Sites = Mapping[str, float]
UNCHANGED = SiteChange()


@dataclass(frozen=True)
class Weight:
    """Weights of a watt by site, without the sites of which one is not known."""

    name: str
    """`co2` by location, `co2_market` by contract, or a currency."""
    now: Sites
    then: Sites


@dataclass(frozen=True)
class Weights:
    """All weights, and the sites that lack one."""

    all: tuple[Weight, ...]
    lacking: Mapping[str, tuple[str, ...]]
    """By CO2, CO2_MARKET and PRICE; only of those that some site has."""
    mixed: tuple[str, ...]
    """Sites of which a factor is known now, and not then: only some of their supplies follow the grid."""


def weights(topology: Topology, present: Present, scenario: Scenario) -> Weights:
    """CO2 by location, CO2 by contract, and each currency. Raises JoulepathError for a change of what no site has."""
    overheads = _overheads(topology, present, scenario)
    found = [*_carbon(topology, present, scenario, overheads), *_money(topology, present, scenario, overheads)]
    lacking = {
        weight.name if weight.name in {CO2, CO2_MARKET} else PRICE: tuple(
            site for site in topology.sites if site not in weight.now
        )
        for weight in found
    }
    mixed = tuple(site for weight in found for site in weight.now if site not in weight.then)
    return Weights(tuple(found), {name: sites for name, sites in lacking.items() if sites}, mixed)


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


def _carbon(
    topology: Topology, present: Present, scenario: Scenario, overheads: Mapping[str, tuple[float, float]]
) -> Iterator[Weight]:
    for name, basis in ((CO2, "location"), (CO2_MARKET, "market")):
        now = {site: grams for (site, of), grams in present.grams.items() if of == basis and site in overheads}
        then = dict(now)
        for site, (before, after) in overheads.items():
            change = scenario.sites.get(site, UNCHANGED)
            asked = change.grams_per_kwh if basis == "location" else change.market_grams_per_kwh
            if asked is not None and site not in now:
                raise JoulepathError(_without_factor(topology, site, basis))
            if site not in now:
                continue
            then[site] = now[site] * after / before if asked is None else after * asked / JOULES_PER_KWH
            if basis == "market" and asked is None and change.grams_per_kwh is not None:
                # A grid with other emissions changes what a contract states only as far as that follows the grid.
                follows = _following_grid(topology, site)
                if follows is None:
                    del then[site]
                elif follows:
                    then[site] = after * change.grams_per_kwh / JOULES_PER_KWH
        if now:
            yield Weight(name, now, then)


def _without_factor(topology: Topology, site: str, basis: str) -> str:
    words = "factor of CO2" if basis == "location" else "factor by contract (`market`)"
    supplies = topology.sites[site].supplies.values()
    if any(supply.known if basis == "location" else supply.market for supply in supplies):
        return f"sites.{site}: its {words} is not known now: see `joulepath doctor`"
    return f"sites.{site}: has no {words}: give it one in the topology"


def _following_grid(topology: Topology, site: str) -> bool | None:
    """Whether all supplies count by the grid in `market`, too; None where some do."""
    contracts = {isinstance(supply.market, Market) for supply in topology.sites[site].supplies.values()}
    return None if len(contracts) > 1 else not contracts.pop()


def _money(
    topology: Topology, present: Present, scenario: Scenario, overheads: Mapping[str, tuple[float, float]]
) -> Iterator[Weight]:
    """A site without a price is in no currency, and one with a price has 0 of all others."""
    prices = {site: (currency, price) for (site, currency), price in present.prices.items() if site in overheads}
    for site, change in scenario.sites.items():
        if change.price_per_kwh is not None and site not in prices:
            known = topology.sites[site].price is not None
            raise JoulepathError(
                f"sites.{site}: its price is not known now: see `joulepath doctor`"
                if known
                else f"sites.{site}: has no price now: give it `price` in the topology, with a currency"
            )
    for currency in sorted({currency for currency, _ in prices.values()}):
        now, then = dict.fromkeys(prices, 0.0), dict.fromkeys(prices, 0.0)
        for site, (own, price) in prices.items():
            if own == currency:
                asked = scenario.sites.get(site, UNCHANGED).price_per_kwh
                now[site] = overheads[site][0] * price / WATTS_PER_KILOWATT
                then[site] = overheads[site][1] * (price if asked is None else asked) / WATTS_PER_KILOWATT
        yield Weight(currency, now, then)
