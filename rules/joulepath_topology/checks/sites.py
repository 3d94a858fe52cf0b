# SPDX-License-Identifier: Apache-2.0
"""Checks of sites: supplies that add up, factors of one kind for all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from joulepath_topology.hours import DAY, DAYS
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place, Problem, path
from joulepath_topology.queries import factors
from joulepath_topology.supplies import Supply

TOLERANCE = 1e-9


def check(topology: Topology) -> Iterator[Problem]:
    """Factors of a kind for all or none, and supplies of which the parts are the whole."""
    yield from _markets(topology)
    yield from _kinds(topology)
    yield from _contracts(topology)
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


def _contracts(topology: Topology) -> Iterator[Problem]:
    """Factors of contracts are averages, so that they do not go with marginal ones."""
    for name, site in topology.sites.items():
        places: list[Place] = [place for place, entry in factors(name, site) if entry.market]
        if site.market:
            places = [("sites", name), *(place for place in places if place != ("sites", name))]
        for place in places if site.factor == "marginal" else ():
            message = "counts contracts, which are averages, and the site's factor is marginal: leave it out"
            yield Problem((*place, "market"), message, (("sites", name, "factor"),))


def _boundaries(topology: Topology) -> Iterator[Problem]:
    """The same for direct emissions and those of the life cycle, as far as factors say which they are."""
    seen: tuple[Place, Literal["lifecycle", "direct"]] | None = None
    for name, site in topology.sites.items():
        for place, entry in factors(name, site):
            if entry.grid_zone is None:
                continue
            if seen is not None and entry.boundary != seen[1]:
                text = f"is {entry.boundary}, and that of {path(seen[0])} {seen[1]}"
                yield _mixed((*place, "boundary"), (*seen[0], "boundary"), text)
            seen = seen or (place, entry.boundary)


def _mixed(place: Place, other: Place, text: str) -> Problem:
    cure = "write the same at both, or a second topology with another name"
    return Problem(place, f"{text}: CO2 of both would be added: {cure}", (other,))


def _supplies(place: Place, supplies: tuple[Supply, ...]) -> Iterator[Problem]:
    names = Counter(supply.name or str(number) for number, supply in enumerate(supplies, 1))
    for number, supply in enumerate(supplies):
        name = supply.name or str(number + 1)
        if names[name] > 1:
            yield Problem((*place, number, "name"), f"{name!r} stands twice: give each supply a name of its own")
        if not supply.known:
            yield Problem((*place, number), "needs a factor: grams_per_kwh, or grid_zone and source")
    rests = [number for number, supply in enumerate(supplies) if supply.share is None and supply.query is None]
    stated = [supply for supply in supplies if supply.share is not None]
    zones = {supply.time_zone: number for number, supply in enumerate(supplies) if supply.time_zone is not None}
    for zone, number in list(zones.items())[1:]:
        message = f"is {zone}, and that of another supply {next(iter(zones))}: shares of a site have one clock"
        yield Problem((*place, number, "time_zone"), message)
    for number in rests[1:]:
        message = "is the second one without a share and a meter: only one can have the rest"
        yield Problem((*place, number), message, ((*place, rests[0]),))
    if not rests and not stated:
        yield Problem(place, "all have a meter: add the supply that delivers the rest, without one")
    elif stated:
        yield from _sums(place, stated, rests)


def _sums(place: Place, stated: Sequence[Supply], rests: Sequence[int]) -> Iterator[Problem]:
    """The first moment of the week at which the shares are not the whole, or leave nothing at all to the rest."""
    sums = {moment: sum(supply.share_at(*moment) for supply in stated) for moment in _moments(stated)}
    for (day, second), total in sums.items():
        when = f"on {DAYS[day]} from {second // 3600}:{second % 3600 // 60:02} " if len(sums) > 1 else ""
        if total > 1 + TOLERANCE:
            yield Problem(place, f"{when}the shares add up to {total:.10g}, not to 1")
            return
        if not rests and total < 1 - TOLERANCE:
            cure = "leave out one share, which is then the rest"
            yield Problem(place, f"{when}the shares add up to {total:.10g}, not to 1: {cure}")
            return
    if rests and min(sums.values()) > 1 - TOLERANCE:
        yield Problem((*place, rests[0]), "the other shares are all of the power: nothing is left for it")


def _moments(supplies: Sequence[Supply]) -> Iterator[tuple[int, int]]:
    """The days and seconds of the week from which another share may hold; the begin of the week where none does."""
    hours = [each for supply in supplies for each in supply.hours]
    seconds = sorted({0, *(end for each in hours for end in (each.start, each.end) if end < DAY)})
    return ((day, second) for day in (range(7) if hours else [0]) for second in seconds)
