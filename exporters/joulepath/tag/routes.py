# SPDX-License-Identifier: Apache-2.0
"""Which routes tell applications to send smaller packets, so that the trace fits behind them: a computation alone.

Path MTU discovery cannot do it: it would announce an MTU to a sender that does not know of the octets added later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv6Network

from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES
from joulepath.tag.settings import EVERYWHERE, header_octets

MIN_MTU = 1280
"""The kernel refuses to send by routes with less: RFC 8200, section 5."""
VIDEO_OCTETS = 40 + 8 + 1400
"""IPv6 packets of video: GStreamer's payloaders, for one, make RTP datagrams of 1400 octets (property `mtu`)."""
PROTOCOL = 106
"""Origin of our routes (RTA rtm_protocol; `ip -6 route show table all proto 106`): no other program has this number."""
MAIN_TABLE = 254


@dataclass(frozen=True)
class Interface:
    """An interface on which leaving packets are tagged."""

    name: str
    mtu: int


@dataclass(frozen=True)
class Route:
    """A route of any table."""

    destination: IPv6Network
    interfaces: tuple[int, ...]
    """Their indices, one for each next hop; none where the route refuses packets."""
    metric: int
    mtu: int | None = None
    preference: int = 0
    """Among routes of one metric the lower goes before: -1, 0 or 1, as its router says (RFC 4191)."""
    table: int = MAIN_TABLE
    metrics: tuple[tuple[str, int | str], ...] = ()
    """All else that it sets, by pyroute2's names."""
    gateway: str | None = None
    source: str | None = None
    on_link: bool = False
    tunnelled: bool = False
    senders: IPv6Network = EVERYWHERE
    """Source addresses that it is for."""
    whole: bool = False
    """A rule looks at its prefix's length, which a copy has to keep."""
    ours: bool = False


@dataclass(frozen=True)
class Plan:
    """The routes to be there besides the others', and why some cannot be."""

    routes: frozenset[Route]
    refusals: tuple[str, ...]


def room(limit: int) -> int:
    """The default number of nodes that a trace has room for, if packets have at most `limit` octets.

    It leaves applications IPv6's minimum, and a video packet whole where the limit allows it.
    """
    whole = VIDEO_OCTETS if limit >= VIDEO_OCTETS + header_octets(0) else MIN_MTU
    fitting = (nodes for nodes in range(DEFAULT_TRANSIT_NODES, 0, -1) if limit - header_octets(nodes) >= whole)
    return next(fitting, 0)


def cuts_video(plan: Plan, octets: int) -> bool:
    """Whether a route carries a video packet, but not one that grew by this number of octets."""
    return any(route.mtu is not None and route.mtu < VIDEO_OCTETS <= route.mtu + octets for route in plan.routes)


def narrowest(
    routes: Iterable[Route],
    destinations: Iterable[IPv6Network],
    interfaces: Mapping[int, Interface],
    path_mtu: int | None,
) -> int:
    """Octets of the largest packet that every route of `destinations` over `interfaces` carries."""
    limits = [limit for _, _, _, limit in _ways(routes, destinations, interfaces, path_mtu)]
    return min(limits or [min(interface.mtu, path_mtu or interface.mtu) for interface in interfaces.values()])


def plan(
    routes: Iterable[Route],
    destinations: Iterable[IPv6Network],
    interfaces: Mapping[int, Interface],
    octets: int,
    path_mtu: int | None,
) -> Plan:
    """For everything that packets of `destinations` may take over `interfaces`, a preferred copy with a lower MTU.

    `octets` is how much a tagged packet grows by. `path_mtu` is the largest packet of the path beyond; without it a
    route's own MTU is taken for that.
    """
    made: set[Route] = set()
    refusals: list[str] = []
    for prefix, route, ways, limit in _ways(routes, destinations, interfaces, path_mtu):
        mtu = limit - octets
        if route.mtu is not None and route.mtu <= mtu:
            continue
        if reason := _refusal(prefix, route, mtu, octets):
            table = "" if route.table == MAIN_TABLE else f" table {route.table}"
            refusals.append(f"route {prefix} dev {ways[0].name}{table}: {reason}")
        else:
            metric = route.metric - 1 if prefix == route.destination else route.metric
            made.add(replace(route, destination=prefix, metric=metric, mtu=mtu, preference=0, ours=True))
    return Plan(frozenset(made), tuple(refusals))


def _ways(
    routes: Iterable[Route],
    destinations: Iterable[IPv6Network],
    interfaces: Mapping[int, Interface],
    path_mtu: int | None,
) -> Iterable[tuple[IPv6Network, Route, list[Interface], int]]:
    """Routes with the prefix to lower each for, the interfaces, and the largest packet that goes this way."""
    by_table: dict[int, list[Route]] = {}
    for route in routes:
        # Nodes do not forward link-local packets, and several interfaces have the same link-local prefix.
        if not route.ours and not route.destination.is_link_local:
            by_table.setdefault(route.table, []).append(route)
    networks = tuple(destinations)
    # In which table the kernel looks is its rules' to say: a copy stays in its route's.
    wanted = {each for table in by_table.values() for each in _wanted(table, networks)}
    for prefix, route in sorted(wanted, key=lambda item: (item[0], item[1].table)):
        # Packets of other routes leave elsewhere, untagged.
        if ways := [interfaces[index] for index in route.interfaces if index in interfaces]:
            link_mtu = min(interface.mtu for interface in ways)
            yield prefix, route, ways, min(link_mtu, path_mtu or route.mtu or link_mtu)


def _wanted(routes: Iterable[Route], destinations: Iterable[IPv6Network]) -> Iterable[tuple[IPv6Network, Route]]:
    """Of one table, the routes that packets of `destinations` may take, and the prefixes to lower them for."""
    best: dict[tuple[IPv6Network, IPv6Network], Route] = {}
    for route in routes:
        key = route.destination, route.senders
        known = best.get(key)
        if known is None or (route.metric, route.preference) < (known.metric, known.preference):
            best[key] = route
    # The kernel looks for the longest prefix first, then for the senders.
    ordered = sorted(best.values(), key=lambda route: (route.destination.prefixlen, route.senders.prefixlen))
    for destination in destinations:
        covering: dict[IPv6Network, Route] = {}
        for route in ordered:
            if route.destination.subnet_of(destination):
                yield route.destination, route
            if destination.subnet_of(route.destination):
                if route.senders == EVERYWHERE:
                    covering.clear()
                covering[route.senders] = route
        for route in covering.values():
            # A copy with a longer prefix would go before routes for some senders.
            whole = route.whole or len(covering) > 1 or destination == route.destination
            yield route.destination if whole else destination, route


def _refusal(prefix: IPv6Network, route: Route, mtu: int, octets: int) -> str | None:
    """Why there can be no copy with this MTU."""
    if mtu < MIN_MTU:
        fewer = ", or give the trace room for fewer `nodes`" if octets > header_octets(0) else ""
        return (
            f"of {mtu + octets} octets the trace leaves {mtu}, and IPv6 needs {MIN_MTU}: raise the MTU to "
            f"{MIN_MTU + octets}{fewer}"
        )
    itself = f"give it an MTU of {mtu} yourself, and the configuration `path_mtu: {mtu + octets}`"
    if len(route.interfaces) > 1:
        return f"has several next hops, which no copy is made of: {itself}"
    if route.tunnelled:
        return f"is a tunnel (encap), which no copy is made of: {itself}"
    if route.senders != EVERYWHERE:
        return f"is for packets from {route.senders} only, which no copy is made of: {itself}"
    if prefix == route.destination and route.metric <= 1:
        return f"has metric 1, which no copy can go before: {itself}"
    return None
