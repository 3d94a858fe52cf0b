# SPDX-License-Identifier: Apache-2.0
"""Interfaces and routes of this network namespace, through pyroute2."""

import errno
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

from pyroute2.iproute import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from joulepath.errors import JoulepathError
from joulepath.tag.routes import PROTOCOL, Route

_LOCAL = 255  # the kernel's own: this host's addresses, and multicast
_UNICAST = 1  # RTN_UNICAST, include/uapi/linux/rtnetlink.h
_CLONED = 0x200  # RTM_F_CLONED: a path MTU exception
_ON_LINK = 4  # RTNH_F_ONLINK
_DEFAULT_METRIC = 1024
_PREFERENCES = {1: -1, 3: 1}  # ICMPV6_ROUTER_PREF_HIGH and _LOW, include/uapi/linux/icmpv6.h
_NO_PREFIX_LENGTH = 0xFFFFFFFF
_SYSCTL = Path("/proc/sys/net/ipv6/conf")


@dataclass(frozen=True)
class InterfaceLink:
    """An interface."""

    index: int
    name: str
    kind: int
    """ARPHRD_* of include/uapi/linux/if_arp.h."""
    mtu: int
    """For IPv6, which a router may have lowered."""


def indices(names: Iterable[str]) -> dict[str, int]:
    """The indices of those interfaces that exist."""
    found = {}
    for name in names:
        with suppress(OSError):
            found[name] = socket.if_nametoindex(name)
    return found


def links(names: Iterable[str]) -> dict[str, InterfaceLink]:
    """Those interfaces that exist."""
    found = {}
    with IPRoute() as kernel:
        for name, index in indices(names).items():
            with suppress(NetlinkError):  # gone in between
                (message,) = kernel.link("get", index=index)
                mtu = min(message.get_attr("IFLA_MTU"), _ipv6_mtu(name))
                found[name] = InterfaceLink(index, name, message["ifi_type"], mtu)
    return found


def _ipv6_mtu(name: str) -> int:
    try:
        return int((_SYSCTL / name / "mtu").read_text(encoding="ascii"))
    except OSError:
        return 0xFFFF  # IPv6 is not on it: it sends none either


def routes() -> list[Route]:
    """The routes of all tables that packets to other hosts may take, or are refused by."""
    with IPRoute() as kernel:
        return list(_routes(kernel))


def reconcile(wanted: Iterable[Route]) -> list[str]:
    """Makes ours the wanted ones; a line for each that the kernel refuses.

    Raises JoulepathError for want of a right.
    """
    missing = set(wanted)
    refused = []
    with IPRoute() as kernel:
        present = {route for route in _routes(kernel) if route.ours}
        for route in present - missing:
            with suppress(NetlinkError):  # gone with its interface
                kernel.route("del", **_words(route))
        for route in missing - present:
            try:
                kernel.route("replace", **_words(route))
            except NetlinkError as error:
                if error.code == errno.EPERM:
                    raise JoulepathError(
                        "lowering the MTU of routes needs the capability CAP_NET_ADMIN (root, or AmbientCapabilities)"
                    ) from None
                refused.append(f"route {route.destination}: the kernel refuses a copy: {error}")
    return refused


def _routes(kernel: IPRoute) -> Iterable[Route]:
    suppressed = _suppressed(kernel)
    for message in kernel.get_routes(family=socket.AF_INET6):
        table = message.get_attr("RTA_TABLE")
        if table != _LOCAL and not message["flags"] & _CLONED:
            yield _route(message, table, suppressed.get(table, -1))


def _suppressed(kernel: IPRoute) -> dict[int, int]:
    """By table, the longest prefix of routes that some rule passes over (`suppress_prefixlength`)."""
    found: dict[int, int] = {}
    for rule in kernel.get_rules(family=socket.AF_INET6):
        table, length = rule.get_attr("FRA_TABLE"), rule.get_attr("FRA_SUPPRESS_PREFIXLEN")
        if length is not None and length != _NO_PREFIX_LENGTH:
            found[table] = max(length, found.get(table, length))
    return found


def _route(message: Any, table: int, suppressed: int) -> Route:
    address = message.get_attr("RTA_DST") or "::"
    metrics = {
        name.removeprefix("RTAX_").lower(): value
        for name, value in message.get_attr("RTA_METRICS", {"attrs": ()})["attrs"]
    }
    hops = message.get_attr("RTA_MULTIPATH")
    ways = tuple(hop["oif"] for hop in hops) if hops else (message.get_attr("RTA_OIF") or 0,)
    return Route(
        destination=IPv6Network((address, message["dst_len"])),
        interfaces=ways if message["type"] == _UNICAST else (),
        metric=message.get_attr("RTA_PRIORITY") or _DEFAULT_METRIC,
        mtu=metrics.pop("mtu", None),
        preference=_PREFERENCES.get(message.get_attr("RTA_PREF"), 0),
        table=table,
        metrics=tuple(metrics.items()),
        gateway=message.get_attr("RTA_GATEWAY"),
        source=message.get_attr("RTA_PREFSRC"),
        on_link=bool(message["flags"] & _ON_LINK),
        senders=IPv6Network((message.get_attr("RTA_SRC") or "::", message["src_len"])),
        whole=message["dst_len"] <= suppressed,
        tunnelled=message.get_attr("RTA_ENCAP_TYPE") is not None,
        ours=message["proto"] == PROTOCOL,
    )


def _words(route: Route) -> dict[str, Any]:
    """A route as pyroute2 takes it."""
    words: dict[str, Any] = {
        "family": socket.AF_INET6,
        "dst": str(route.destination),
        "table": route.table,
        "proto": PROTOCOL,
        "priority": route.metric,
        "oif": route.interfaces[0],
        "metrics": {"mtu": route.mtu, **dict(route.metrics)},
    }
    if route.gateway is not None:
        words["gateway"] = route.gateway
    if route.source is not None:
        words["prefsrc"] = route.source
    if route.on_link:
        words["flags"] = _ON_LINK
    return words
