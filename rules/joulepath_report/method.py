# SPDX-License-Identifier: Apache-2.0
"""How the numbers of a report came about, for one topology."""

from collections.abc import Iterator, Sequence, Sized

from joulepath_topology import Topology
from joulepath_topology.hosts import Overhead, Site
from joulepath_topology.policies import AMOUNTS, Policy, Weights, resolved, title
from joulepath_topology.supplies import Factor
from joulepath_topology.ways import WAYS, ways

MOST_NAMES = 8
"""More than these are counted and not named."""


def method(topology: Topology) -> Iterator[str]:
    """One paragraph each."""
    sites, hosts = topology.sites, topology.hosts
    yield (
        f"The topology {topology.name!r} has {_count(sites, 'site')}, {_count(hosts, 'host')}, "
        f"{_count(topology.components, 'component')} and {_count(topology.applications, 'application')}. "
        "Power is measured at the plugs of the hosts and divided: from a host to its components, and from a component "
        "to the applications that use it. At each step the sum stays the same. Energy that nothing takes is "
        "`unattributed`."
    )
    kinds = sorted({source.kind for box in topology.boxes.values() for source in box.power})
    yield (
        f"The power of the hosts is read by {listed(kinds)}. "
        f"{_fallbacks(topology)} Each number is labelled `measured` (by a meter), `modelled` (a guess from a "
        "reading) or `declared` (a stated number)."
    )
    yield f"{_static(topology)} {_shares(topology)}"
    yield _policy(topology)
    if counted := _counted(topology):
        yield counted
    if supporters := [name for name, entry in topology.components.items() if entry.supports]:
        yield (
            f"Supporting components ({listed(supporters)}) have no traffic of their own: an application takes of "
            "them what it takes of the components that they support."
        )
    yield (
        f"The rules evaluate every {topology.interval:g} s and average over {topology.window:g} s. The energy of a UTC "
        "hour is the mean of its known power, times the hour; where less than half of it was known, or nothing of the "
        "hour before, it is times the known time. A gap is never 0 W. Closed hours of applications are those that the "
        "rules recorded."
    )
    yield (
        "A gap of the meter is filled by the mean of its host in the same hour. A gap of an application or a component "
        "is filled by its own mean, and the energy comes from `unattributed`, where the rules had it: the sum stays "
        "that of the meters. The coverage says how much was known."
    )
    if any(site.supplies for site in sites.values()):
        yield _carbon(topology)
    if any(site.price is not None for site in sites.values()):
        yield _money(topology)


def _count(entries: Sized, word: str) -> str:
    return f"{len(entries)} {word}{'' if len(entries) == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The names as a sentence has them; of many, how many they are."""
    if len(names) > MOST_NAMES:
        return f"{len(names)} of them"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _fallbacks(topology: Topology) -> str:
    named = [name for name, box in topology.boxes.items() if box.fallback]
    if not named:
        return "While one of them is missing, the power of its host is a gap."
    return f"{listed(named)} {'has' if len(named) == 1 else 'have'} other readings to fall back on."


def _static(topology: Topology) -> str:
    divided = [name for name, box in topology.boxes.items() if box.divided]
    if not divided:
        return "No host has a stated idle power, so energy is not divided into static and dynamic."
    text = (
        f"The idle power of hosts is stated for {listed(divided)}: it is the static part. The dynamic part is what is "
        "drawn beyond it."
    )
    return text if len(divided) == len(topology.boxes) else f"{text} The power of the others is undivided."


def _shares(topology: Topology) -> str:
    shared = [name for name, members in topology.members.items() if len(members) > 1]
    if not shared:
        return "No two components share a host."
    return (
        f"Several components share a host ({listed(shared)}): the dynamic part follows their measured work, the static "
        "part what they reserve."
    )


def _policy(topology: Topology) -> str:
    own: set[str] = set()
    for name, entry in topology.components.items():
        if entry.policy is not None:
            words = "" if isinstance(entry.policy, str) else f": {_follows(topology.weights(name))}"
            own.add(title(entry.policy) + words)
    others = ", ".join(sorted(own))
    text = f"The policy is {title(topology.policy)}: {_follows(resolved(topology.policy))}."
    return f"{text} Single components have another policy: {others}." if own else text


def _follows(policy: Policy) -> str:
    return "; ".join(f"{part} energy follows {_by(weights)}" for part, weights in policy.items())


def _by(weights: Weights) -> str:
    """The amounts, each with its part where there are several."""
    return " and ".join(
        AMOUNTS[by] if weight == 1 else f"{AMOUNTS[by]} for {weight:.3g} of it" for by, weight in weights.items()
    )


def _counted(topology: Topology) -> str:
    """The ways in which applications are counted, each with the applications."""
    by_way: dict[str, dict[str, None]] = {}
    for name in topology.applications:
        for counted in ways(topology, name):
            by_way.setdefault(counted.way.name, {})[name] = None
    words = [f"{WAYS[way].title} ({way}: {listed(list(names))})" for way, names in sorted(by_way.items())]
    return f"Applications are told apart by {'; by '.join(words)}." if words else ""


def _stated(words: Sequence[str]) -> str:
    return f" ({'; '.join(words)})" if len(words) <= MOST_NAMES else f" of {len(words)} sites"


def _carbon(topology: Topology) -> str:
    factors = [f"{name}: {_factors(site)}" for name, site in topology.sites.items() if site.supplies]
    overheads = [f"{name}: {_overhead(site)}" for name, site in topology.sites.items() if site.overhead != 1]
    kinds = sorted({site.factor for site in topology.sites.values() if site.supplies})
    text = (
        f"CO2 is the energy of each hour, times the overhead of its site, times the mean {' and '.join(kinds)} factor "
        f"of its supplies in that hour{_stated(factors)}."
    )
    text += f" Overheads are stated{_stated(overheads)}." if overheads else " No site has an overhead."
    if any(supply.market for site in topology.sites.values() for supply in site.supplies.values()):
        text += " `market` counts by contract; the two are never added."
    return text


def _factors(site: Site) -> str:
    """The factor of a site, or of each of its supplies."""
    if not site.supply:
        return _factor(site)
    return ", ".join(f"{name} {_factor(supply)}" for name, supply in site.supplies.items())


def _factor(entry: Factor) -> str:
    if entry.grams_per_kwh is not None:
        return f"{entry.grams_per_kwh:g} g/kWh"
    return f"zone {entry.grid_zone} of {entry.source}, {entry.boundary}" if entry.grid_zone else "by contract alone"


def _overhead(site: Site) -> str:
    return "by a query" if isinstance(site.overhead, Overhead) else f"{site.overhead:g}"


def _money(topology: Topology) -> str:
    prices = []
    for name, site in topology.sites.items():
        if site.price is not None:
            currency = site.price.currency
            if site.price.query is not None:
                prices.append(f"{name}: {currency}, by a query")
            else:
                hours = f" and other prices by hours, {site.price.time_zone}" if site.price.hours else ""
                prices.append(f"{name}: {site.price.per_kwh:g} {currency}/kWh{hours}")
    return (
        "Costs are the energy of each hour, times the overhead of its site, times the mean price of the site in that "
        f"hour{_stated(prices)}. Currencies are never added. Where a site without a price takes part, the cost is not "
        "known."
    )
