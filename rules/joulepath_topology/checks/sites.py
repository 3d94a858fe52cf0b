# SPDX-License-Identifier: Apache-2.0
"""Checks of sites: supplies that add up, factors of one kind for all."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from joulepath_topology.model import Topology
from joulepath_topology.problem import Place, Problem
from joulepath_topology.queries import factors
from joulepath_topology.supplies import Supply

TOLERANCE = 1e-9


def check(topology: Topology) -> Iterator[Problem]:
    """Factors of a kind for all or none, and supplies of which the parts are the whole."""
    yield from _markets(topology)
    yield from _kinds(topology)
    yield from _boundaries(topology)
    for name, site in topology.sites.items():
        if site.supply:
            yield from _supplies(("sites", name, "supply"), site.supply)


def _markets(topology: Topology) -> Iterator[Problem]:
    """By contract, too, all of the power has a factor or none."""
    entries = [(name, site, *each) for name, site in topology.sites.items() for each in factors(name, site)]
    if not any(site.market or entry.market for _, site, _, entry in entries):
        return
    for _, site, place, entry in entries:
        if site.market is None and entry.market is None:
            others = "supplies" if site.supply else "sites"
            yield Problem(place, f"other {others} have a market factor: give this one its own, or `market: location`")


def _kinds(topology: Topology) -> Iterator[Problem]:
    """Average and marginal factors answer different questions: no sum has both."""
    kinds = {name: site.factor for name, site in topology.sites.items() if site.supplies}
    first = next(iter(kinds), "")
    for name, kind in kinds.items():
        if kind != kinds[first]:
            place: Place = ("sites", name, "factor")
            yield _mixed(place, ("sites", first, "factor"), f"is {kind}, and that of site {first!r} {kinds[first]}")


def _boundaries(topology: Topology) -> Iterator[Problem]:
    """The same for direct emissions and those of the life cycle, as far as factors say which they are."""
    seen: tuple[Place, Literal["lifecycle", "direct"]] | None = None
    for name, site in topology.sites.items():
        for place, entry in factors(name, site):
            if entry.grid_zone is None:
                continue
            if seen is not None and entry.boundary != seen[1]:
                yield _mixed(
                    (*place, "boundary"), (*seen[0], "boundary"), f"is {entry.boundary}, and another {seen[1]}"
                )
            seen = seen or (place, entry.boundary)


def _mixed(place: Place, other: Place, text: str) -> Problem:
    return Problem(place, f"{text}: CO2 of both would be added; write another topology, with another name", (other,))


def _supplies(place: Place, supplies: tuple[Supply, ...]) -> Iterator[Problem]:
    names = Counter(supply.name or str(number) for number, supply in enumerate(supplies, 1))
    for number, supply in enumerate(supplies):
        name = supply.name or str(number + 1)
        if names[name] > 1:
            yield Problem((*place, number, "name"), f"{name!r} stands twice: give each supply a name of its own")
        if not supply.known:
            yield Problem((*place, number), "needs a factor: grams_per_kwh, or grid_zone and source")
    rests = [number for number, supply in enumerate(supplies) if supply.share is None and supply.query is None]
    stated = [supply.share for supply in supplies if supply.share is not None]
    total = sum(stated)
    for number in rests[1:]:
        message = "is the second one without a share and a meter: only one can have the rest"
        yield Problem((*place, number), message, ((*place, rests[0]),))
    if total > 1 + TOLERANCE:
        yield Problem(place, f"the shares add up to {total:.10g}, not to 1")
    elif not rests and not stated:
        yield Problem(place, "all have a meter: add the supply that delivers the rest, without one")
    elif not rests and total < 1 - TOLERANCE:
        yield Problem(
            place, f"the shares add up to {total:.10g}, not to 1: leave out one share, which is then the rest"
        )
    elif rests and stated and total > 1 - TOLERANCE:
        yield Problem((*place, rests[0]), "the other shares are all of the power: nothing is left for it")
