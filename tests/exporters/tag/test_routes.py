# SPDX-License-Identifier: Apache-2.0
"""Which routes get a copy with a lower MTU."""

from dataclasses import replace
from ipaddress import IPv6Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath.tag.routes import MIN_MTU, VIDEO_OCTETS, Interface, Plan, Route, cuts_video, narrowest, plan, room
from joulepath.tag.settings import header_octets

pytestmark = pytest.mark.unit

HEADER = 80
ETH0, OTHER = 2, 3
INTERFACES = {ETH0: Interface("eth0", 1500)}
NET, DEFAULT = IPv6Network("fd02::/64"), IPv6Network("::/0")


def plan_routes(routes: list[Route], *destinations: str, path_mtu: int | None = None) -> Plan:
    return plan(routes, [IPv6Network(text) for text in destinations], INTERFACES, HEADER, path_mtu)


def test_a_copy_goes_before_the_route() -> None:
    route = Route(NET, (ETH0,), 1024, gateway="fe80::1", source="fd01::1")
    assert plan_routes([route], "fd02::/64") == Plan(frozenset({replace(route, metric=1023, mtu=1420, ours=True)}), ())


def test_routes_within_and_around_the_destination_are_copied() -> None:
    within, covering = Route(IPv6Network("fd02::8:0/112"), (ETH0,), 256), Route(DEFAULT, (ETH0,), 1024)
    assert plan_routes([within, covering, Route(IPv6Network("fd03::/64"), (ETH0,), 1)], "fd02::/64").routes == {
        replace(within, metric=255, mtu=1420, ours=True),
        replace(covering, destination=NET, mtu=1420, ours=True),
    }


def test_routes_over_other_interfaces_are_left_alone() -> None:
    better = Route(NET, (OTHER,), 100)
    worse = Route(NET, (ETH0,), 200)
    link_local = Route(IPv6Network("fe80::/64"), (ETH0,), 256)
    assert plan_routes([worse, better, link_local], "::/0") == Plan(frozenset(), ())


def test_a_route_that_refuses_packets_is_not_bypassed() -> None:
    default, refusing = Route(DEFAULT, (ETH0,), 1024), Route(IPv6Network("fd02::/32"), (), 1024)
    assert plan_routes([default, refusing], "fd02::/64") == Plan(frozenset(), ())


def test_each_table_is_copied_by_itself() -> None:
    route = Route(DEFAULT, (ETH0,), 1024)
    other = replace(route, table=7)
    copy = replace(route, destination=NET, mtu=1420, ours=True)
    elsewhere = Route(NET, (OTHER,), 100)
    assert plan_routes([route, other], "fd02::/64").routes == {copy, replace(copy, table=7)}
    assert plan_routes([route, other, elsewhere], "fd02::/64").routes == {replace(copy, table=7)}


def test_of_routers_with_one_metric_the_preferred_one_is_copied() -> None:
    medium, high = Route(NET, (ETH0,), 1024), Route(NET, (OTHER,), 1024, preference=-1)
    assert plan_routes([medium, high], "fd02::/64") == plan_routes([high, medium], "fd02::/64") == Plan(frozenset(), ())
    here = replace(high, interfaces=(ETH0,))
    copy = replace(here, metric=1023, mtu=1420, preference=0, ours=True)
    assert plan_routes([medium, here], "fd02::/64").routes == {copy}


def test_routes_for_some_senders_are_copied_for_them() -> None:
    own = Route(DEFAULT, (ETH0,), 1024, senders=IPv6Network("fd01::/64"))
    default = Route(DEFAULT, (ETH0,), 1024)
    (refusal,) = plan_routes([own], "fd02::/64").refusals
    assert "is for packets from fd01::/64 only" in refusal
    # Lowered by the operator. A copy for all senders is not preferred to it.
    assert plan_routes([replace(own, mtu=1420), default], "fd02::/64", path_mtu=1500) == Plan(
        frozenset({replace(default, metric=1023, mtu=1420, ours=True)}), ()
    )
    # A longer prefix for all senders is preferred by the kernel.
    assert not plan_routes([own, Route(NET, (ETH0,), 1024)], "fd02::5/128").refusals


def test_a_copy_is_whole_where_a_rule_looks_at_its_prefix() -> None:
    route = Route(DEFAULT, (ETH0,), 1024, whole=True)
    assert plan_routes([route], "fd02::/64").routes == {replace(route, metric=1023, mtu=1420, ours=True)}


def test_our_own_routes_are_not_copied_again() -> None:
    route = Route(NET, (ETH0,), 1024)
    first = plan_routes([route], "::/0")
    assert plan_routes([route, *first.routes], "::/0") == first


@pytest.mark.parametrize(
    ("own", "path_mtu", "expected"),
    [
        (None, None, 1420),
        (1400, None, 1320),  # a route's own MTU is what the path carries
        (None, 1400, 1320),
        (1400, 1480, None),  # low enough, as the path is known
        (1400, 1460, 1380),
        (None, 9000, 1420),
    ],
)
def test_the_copy_of_a_route_leaves_room_for_the_trace(
    own: int | None, path_mtu: int | None, expected: int | None
) -> None:
    route_plan = plan_routes([Route(NET, (ETH0,), 1024, mtu=own)], "fd02::/64", path_mtu=path_mtu)
    assert [route.mtu for route in route_plan.routes] == ([] if expected is None else [expected])
    assert not route_plan.refusals


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (Route(NET, (ETH0,), 1024, mtu=1300), "of 1300 octets the trace leaves 1220, and IPv6 needs 1280"),
        (Route(NET, (ETH0, OTHER), 1024), "has several next hops"),
        (Route(NET, (ETH0,), 1024, tunnelled=True), "is a tunnel (encap)"),
        (Route(NET, (ETH0,), 1), "has metric 1"),
    ],
)
def test_a_route_that_cannot_be_lowered_has_a_reason(route: Route, why: str) -> None:
    route_plan = plan_routes([route], "fd02::/64")
    assert not route_plan.routes
    (refusal,) = route_plan.refusals
    assert refusal.startswith("route fd02::/64 dev eth0: ")
    assert why in refusal


def test_a_route_that_the_operator_lowered_is_accepted_as_it_is() -> None:
    assert plan_routes([Route(NET, (ETH0, OTHER), 1024, mtu=1420)], "::/0", path_mtu=1500) == Plan(frozenset(), ())


PREFIXES = st.sampled_from(
    [IPv6Network(text) for text in ("::/0", "fd02::/16", "fd02::/64", "fd02::1/128", "fd03::/64")]
)
ROUTES = st.builds(
    Route,
    PREFIXES,
    st.sampled_from([(ETH0,), (OTHER,)]),
    st.integers(2, 1024),
    st.none() | st.integers(MIN_MTU + HEADER, 1500),
)


@settings(deadline=None)
@given(st.lists(ROUTES, max_size=6, unique_by=lambda route: (route.destination, route.metric)), PREFIXES)
def test_the_kernel_chooses_the_same_next_hop(routes: list[Route], destination: IPv6Network) -> None:
    """Longest prefix, then lowest metric: the next hop stays, and what leaves by eth0 has room."""
    route_plan = plan_routes(routes, str(destination))
    assert not route_plan.refusals
    for address in (network.network_address for network in ({route.destination for route in routes} | {destination})):
        before = _chosen(routes, IPv6Network(address))
        after = _chosen([*routes, *route_plan.routes], IPv6Network(address))
        assert (before and before.interfaces) == (after and after.interfaces)
        if after and after.interfaces == (ETH0,) and address in destination:
            limit = (before and before.mtu) or 1500
            assert after.mtu == limit - HEADER


def _chosen(routes: list[Route], address: IPv6Network) -> Route | None:
    fitting = [route for route in routes if address.subnet_of(route.destination)]
    return min(fitting, key=lambda route: (-route.destination.prefixlen, route.metric), default=None)


def test_fewer_nodes_are_advised_only_where_there_are_nodes() -> None:
    narrow = [Route(NET, (ETH0,), 1024, mtu=1300)]
    for nodes, advised in (0, False), (1, True):
        (refusal,) = plan(narrow, [NET], INTERFACES, header_octets(nodes), None).refusals
        assert refusal.endswith("fewer `nodes`") == advised


@pytest.mark.parametrize(
    ("limit", "nodes"),
    [
        (9000, 5),
        (1548, 5),
        (1500, 1),  # video packets of 1448 octets stay whole
        (1496, 1),
        (1495, 0),
        (1488, 0),
        (1487, 5),  # video does not fit in any case
        (1358, 4),  # the link MTU of 3GPP TS 23.501, annex J
        (1320, 0),
    ],
)
def test_the_default_number_of_nodes_fits_the_mtu(limit: int, nodes: int) -> None:
    assert room(limit) == nodes


@given(st.integers(1320, 9500))
def test_the_default_always_fits(limit: int) -> None:
    left = limit - header_octets(room(limit))
    assert left >= MIN_MTU
    assert (left >= VIDEO_OCTETS) == (limit >= VIDEO_OCTETS + 40)


def test_the_narrowest_route_counts() -> None:
    interfaces = {ETH0: Interface("eth0", 1500), OTHER: Interface("wwan0", 1358)}
    routes = [Route(NET, (ETH0,), 1024), Route(IPv6Network("fd03::/64"), (OTHER,), 1024)]
    networks = [IPv6Network("fd02::/64")]
    assert narrowest(routes, networks, interfaces, None) == 1500
    assert narrowest(routes, [DEFAULT], interfaces, None) == 1358
    assert narrowest([replace(routes[0], mtu=1400)], networks, interfaces, None) == 1400
    assert narrowest(routes, networks, interfaces, 1460) == 1460
    assert narrowest([], networks, interfaces, None) == 1358  # no route yet: its interfaces'


def test_video_that_the_stated_nodes_would_cut_is_reported() -> None:
    routes = [Route(NET, (ETH0,), 1024)]
    for nodes, cuts in (1, False), (2, True), (5, True):
        routing = plan(routes, [NET], INTERFACES, header_octets(nodes), None)
        assert cuts_video(routing, header_octets(nodes)) == cuts
    narrow = {ETH0: Interface("eth0", 1400)}
    assert not cuts_video(plan(routes, [NET], narrow, header_octets(5), None), header_octets(5))
