# SPDX-License-Identifier: Apache-2.0
"""Entries that are allowed and yet probably a mistake: each is a warning that names the likely one."""

from collections import defaultdict
from collections.abc import Hashable, Iterator

from joulepath_topology import promql
from joulepath_topology.burning import idle
from joulepath_topology.meters import METERS
from joulepath_topology.model import Topology
from joulepath_topology.model_servers import SERVERS
from joulepath_topology.patterns import both_fit
from joulepath_topology.problem import Place, Problem
from joulepath_topology.queries import factors, gpu_meters, queries, sources
from joulepath_topology.shares import KEPLER_KINDS, Share

# Beyond these a number was probably meant in another unit. Coal, the dirtiest grid, emits about 1000 g/kWh.
MOST_SCALE = 10
MOST_OVERHEAD = 3
LEAST_GRAMS, MOST_GRAMS = 1, 2500
# A kWh in these, the costliest of which are below 1.
MOST_PRICE = {"CHF": 3, "EUR": 3, "GBP": 3, "USD": 3}
LONGEST_WINDOW = 3600
# Of a host's capacity: reservations that come to less, each at most 1, are probably fractions of it.
SMALL_PART = 0.1


def doubts(topology: Topology) -> Iterator[Problem]:
    """All warnings."""
    for found in (
        _window,
        _sites,
        _embodied,
        _prices,
        _tiers,
        _scales,
        _same_query,
        _same_work,
        _same_model,
        _reservations,
        _functions,
        _budgets,
    ):
        for place, message in found(topology):
            yield Problem(place, message, severity="warning")


Doubts = Iterator[tuple[Place, str]]


def _window(topology: Topology) -> Doubts:
    if topology.window > LONGEST_WINDOW:
        yield ("window",), "is longer than an hour: every figure is a mean over it, and shows a change that much later"


def _sites(topology: Topology) -> Doubts:
    for name, site in topology.sites.items():
        if isinstance(site.overhead, float) and site.overhead > MOST_OVERHEAD:
            message = f"{site.overhead:g} times the measured power: overhead is a factor such as 1.3, not a percentage"
            yield ("sites", name, "overhead"), message
        entries = [(("sites", name), site), *factors(name, site)] if site.supply else factors(name, site)
        for place, entry in entries:
            market = None if entry.market in {None, "location"} else entry.market
            for at, factor in (place, entry), ((*place, "market"), market):
                grams = getattr(factor, "grams_per_kwh", None)
                if grams and grams < LEAST_GRAMS:
                    yield (*at, "grams_per_kwh"), f"{grams:g} g/kWh is very little: is this in kg/kWh?"
                elif grams and grams > MOST_GRAMS:
                    yield (*at, "grams_per_kwh"), f"{grams:g} g/kWh is more than any grid emits: is this in g/MWh?"


def _embodied(topology: Topology) -> Doubts:
    """The SCI of an application needs all hosts on its path; one that is left out is named once."""
    stated = [name for name, host in topology.hosts.items() if host.embodied is not None]
    without = [name for name, host in topology.hosts.items() if host.embodied is None]
    if stated and without:
        message = (
            f"hosts without embodied, such as {without[0]!r}: applications that use one have no SCI; "
            "write `embodied: {kilograms: 0, years: 1}` where it is to count as nothing"
        )
        yield ("hosts", stated[0], "embodied"), message


def _prices(topology: Topology) -> Doubts:
    for name, site in topology.sites.items():
        price = site.price
        if price is None:
            continue
        place = ("sites", name, "price")
        hours = [((*place, "hours", number), each.per_kwh) for number, each in enumerate(price.hours)]
        for at, per_kwh in [(place, price.per_kwh), *hours]:
            if per_kwh is not None and abs(per_kwh) > MOST_PRICE.get(price.currency, float("inf")):
                message = f"{per_kwh:g} {price.currency} for a kWh is very much: is this in cents, or for a MWh?"
                yield (*at, "per_kwh"), message
        for selector in promql.selectors(price.query) if price.query is not None else ():
            for other in promql.matchers(selector):
                if other.label == "currency" and other.operator == "=" and other.value != price.currency:
                    yield (*place, "query"), f"reads prices in {other.value}, and the currency is {price.currency}"


def _budgets(topology: Topology) -> Doubts:
    """Budgets of sites that idle hosts use up, so that their alerts never end."""
    for name, budget in topology.budgets.items():
        least = (idle(topology, budget) or 0.0) * budget.seconds
        if least >= budget.limit:
            used = f"{least / 3.6e6:g} kWh" if budget.quantity == "energy" else f"{least:g} {budget.unit}"
            message = (
                f"is used up by idle hosts: with their `static_watts` alone those of {budget.site!r} come to {used}"
            )
            yield ("budgets", name, budget.quantity), message


def _tiers(topology: Topology) -> Doubts:
    for name, host in topology.hosts.items():
        # Their sum would be two or three times the server's power.
        kinds = [
            meter.part.key if meter.part is not None and meter.part.many else kind
            for kind, meter in METERS.items()
            if meter.whole_server and any(source.kind == kind for source in host.power)
        ]
        if len(kinds) > 1:
            added = f"{', '.join(kinds[:-1])} and {kinds[-1]}"
            message = f"adds {added}: if they read the same server, keep the best one and put the others under fallback"
            yield ("hosts", name, "power"), message


def _scales(topology: Topology) -> Doubts:
    for name in topology.hosts:
        for place, source in sources(topology, name):
            if source.scale > MOST_SCALE:
                message = f"{source.scale:g} times the reading: scale is a factor such as 1.35, not a percentage"
                yield (*place, "scale"), message


def _same_query(topology: Topology) -> Doubts:
    """One query at two places. Several hosts may share a meter, each with its part as `scale`."""
    used: dict[str, tuple[str, float]] = {}
    for name, host in topology.hosts.items():
        plugs = [((*place, source.kind), source) for place, source in sources(topology, name)]
        for place, source in (*plugs, *gpu_meters(topology, name)):
            query = source.joules or source.watts
            if query is None or promql.is_constant(query):
                continue
            other, parts = used.get(normal := promql.normal(query), (name, 0.0))
            # A GPU in the plug is subtracted from it, whatever the plug adds up.
            if parts and other == name and "gpus" in place and host.gpus[str(place[3])].in_plug:
                continue
            used[normal] = other, parts + source.scale
            if parts and parts + source.scale > 1 + 1e-9:
                where = f"host {other!r}" if other != name else "this host"
                yield place, f"{where} reads the same query: its power would count twice"


def _same_work(topology: Topology) -> Doubts:
    """One part of a host's work that several of its components and virtual machines claim; said once."""
    owners: dict[Hashable, list[tuple[str, Share]]] = defaultdict(list)
    said: set[Place] = set()
    for place, name, host, share in _claims(topology):
        there = owners[host, share.gpu, share.kind]
        doubt = next((found for other, theirs in there if (found := _same(share, other, theirs)) is not None), None)
        there.append((name, share))
        if doubt is not None and place not in said:
            said.add(place)
            yield place, doubt


def _same(share: Share, other: str, theirs: Share) -> str | None:
    """The words for two shares of one kind that are, or hold, the same work."""
    if _work(share) == _work(theirs):
        return f"already counts for {other!r}: it would count twice"
    text = both_fit(share.pattern, theirs.pattern) if share.kind in KEPLER_KINDS else None
    if text is None:
        return None
    return f"{text!r} fits the share {theirs.pattern!r} of {other!r}, too: it would count twice"


def _claims(topology: Topology) -> Iterator[tuple[Place, str, str, Share]]:
    """Each share of a host's work, with its place and with who claims it."""
    for name, component in topology.components.items():
        for host in topology.hosts_of(name):
            for number, share in enumerate(component.share):
                if share.measured and share.on(host):
                    yield ("components", name, "share", number), name, host, share
    for name, vm in topology.vms.items():
        for number, share in enumerate(vm.share):
            if share.measured:
                yield ("vms", name, "share", number), name, vm.host, share


def _work(share: Share) -> str:
    return promql.normal(share.pattern) if share.kind == "query" else share.pattern


def _same_model(topology: Topology) -> Doubts:
    """One counter of a model server that several components read; without an `instance`, that of all servers."""
    readers: dict[Hashable, list[tuple[str, str | None]]] = defaultdict(list)
    for name, component in topology.components.items():
        requests = component.requests
        if requests is None or requests.served is None:
            continue
        server, instance = SERVERS[requests.kind], requests.served.instance
        model = server.model and (requests.served.model_name or name)
        others: list[str] = []
        for metric in filter(None, (server.requests, server.tokens)):
            there = readers[metric, server.model, model]
            others += [other for other, at in there if at == instance or at is None or instance is None]
            there.append((name, instance))
        if others:
            which = "" if server.model else f" ({server.title} names no model: give each its `instance`)"
            place = ("components", name, "requests")
            yield place, f"already counts for {others[0]!r}: it would count twice{which}"


def _reservations(topology: Topology) -> Doubts:
    reserved: dict[str, dict[str, float]] = defaultdict(dict)
    for name, component in topology.components.items():
        for host in topology.hosts_of(name):
            if component.held is not None and host in topology.hosts:
                reserved[host][name] = component.held
    for host, parts in reserved.items():
        capacity = topology.hosts[host].capacity
        if capacity is not None and sum(parts.values()) < SMALL_PART * capacity and max(parts.values()) <= 1:
            first, value = next(iter(parts.items()))
            message = (
                f"{value:g} of capacity {capacity:g}: a reservation is in the capacity's unit, not a fraction of it"
            )
            yield ("components", first, "reservation"), message


def _functions(topology: Topology) -> Doubts:
    for place, query in queries(topology):
        for name in promql.experimental(query):
            yield place, f"{name} is experimental: Prometheus refuses it without a feature flag"
