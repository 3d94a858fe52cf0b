# SPDX-License-Identifier: Apache-2.0
"""Which routes tell applications to send smaller packets, so that the trace fits behind them: a computation alone.

Path MTU discovery cannot do it: it would announce an MTU to a sender that does not know of the octets added later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv6Network

MIN_MTU = 1280
"""The kernel refuses to send by routes with less: RFC 8200, section 5."""
PROTOCOL = 106
"""Origin of our routes (RTA rtm_protocol; `ip -6 route show proto 106`): nobody else's number."""


@dataclass(frozen=True)
class Interface:
    """An interface whose leaving packets are tagged."""

    name: str
    mtu: int


@dataclass(frozen=True)
class Route:
    """A unicast route of the main table."""

    destination: IPv6Network
    interfaces: tuple[int, ...]
    """Their indices, one for each next hop."""
    metric: int
    mtu: int | None = None
    gateway: str | None = None
    source: str | None = None
    on_link: bool = False
    tunnelled: bool = False
    ours: bool = False


@dataclass(frozen=True)
class Plan:
    """The routes to be there besides the others', and why some cannot be."""

    routes: frozenset[Route]
    refusals: tuple[str, ...]


def plan(
    routes: Iterable[Route],
    destinations: Iterable[IPv6Network],
    interfaces: Mapping[int, Interface],
    header_octets: int,
    path_mtu: int | None,
) -> Plan:
    """For everything that packets of `destinations` may take over `interfaces`, a preferred copy with a lower MTU.

    `path_mtu` is the largest packet of the path beyond; without it a route's own MTU is taken for that.
    """
    best: dict[IPv6Network, Route] = {}
    for route in routes:
        known = best.get(route.destination)
        # What is link-local no node forwards, and several interfaces have the same such prefix.
        if not route.ours and not route.destination.is_link_local and (known is None or route.metric < known.metric):
            best[route.destination] = route
    wanted: dict[IPv6Network, Route] = {}
    for destination in destinations:
        wanted |= {prefix: route for prefix, route in best.items() if prefix.subnet_of(destination)}
        covering = [prefix for prefix in best if destination.subnet_of(prefix)]
        if destination not in best and covering:
            wanted[destination] = best[max(covering, key=lambda prefix: prefix.prefixlen)]
    made: set[Route] = set()
    refusals: list[str] = []
    for prefix, route in sorted(wanted.items(), key=lambda item: item[0]):
        ways = [interfaces[index] for index in route.interfaces if index in interfaces]
        if not ways:
            continue  # its packets leave elsewhere, untagged
        link_mtu = min(interface.mtu for interface in ways)
        limit = min(link_mtu, path_mtu or route.mtu or link_mtu)
        mtu = limit - header_octets
        if route.mtu is not None and route.mtu <= mtu:
            continue
        if reason := _refusal(prefix, route, mtu, header_octets):
            refusals.append(f"route {prefix} dev {ways[0].name}: {reason}")
        else:
            metric = route.metric - 1 if prefix == route.destination else route.metric
            made.add(replace(route, destination=prefix, metric=metric, mtu=mtu, ours=True))
    return Plan(frozenset(made), tuple(refusals))


def _refusal(prefix: IPv6Network, route: Route, mtu: int, header_octets: int) -> str | None:
    """Why there can be no copy with this MTU."""
    if mtu < MIN_MTU:
        return (
            f"of {mtu + header_octets} octets the trace leaves {mtu}, and IPv6 needs {MIN_MTU}: raise the MTU to "
            f"{MIN_MTU + header_octets}, or give the trace room for fewer `nodes`"
        )
    itself = f"give it an MTU of {mtu} yourself, and the configuration `path_mtu: {mtu + header_octets}`"
    if len(route.interfaces) > 1:
        return f"has several next hops, which no copy is made of: {itself}"
    if route.tunnelled:
        return f"is a tunnel (encap), which no copy is made of: {itself}"
    if prefix == route.destination and route.metric <= 1:
        return f"has metric 1, which no copy can go before: {itself}"
    return None
