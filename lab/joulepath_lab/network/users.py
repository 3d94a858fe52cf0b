# SPDX-License-Identifier: Apache-2.0
"""Users' networks beside IPv6: IPv4 through the TUN devices, and a LAN of Ethernet frames through TAP devices."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from joulepath_lab.network.namespace import NetworkNamespace, add_address, index_of, set_up
from joulepath_lab.network.tun import LAN, TUN, TUN_MTU, open_tap

SERVER_IPV4, SERVER_BEHIND_LAN = "10.46.0.2", "10.46.0.3"
_SERVERS, _GATEWAY = IPv4Network("10.46.0.0/24"), "10.46.0.1"
_USERS = IPv4Network("10.45.0.0/24")
_LAN, _LAN_GATEWAY = IPv4Network("192.168.77.0/24"), "192.168.77.1"
_DEVICE_MAC, _GATEWAY_MAC = "02:4a:50:00:00:02", "02:4a:50:00:00:01"


@dataclass(frozen=True)
class Users:
    """IPv4 addresses of user equipments, and that of a device on the LAN."""

    ipv4: Sequence[str] = ()
    lan: str | None = None


def lay(users: Users, robot: NetworkNamespace, upf: NetworkNamespace, server: NetworkNamespace) -> None:
    """Addresses and routes between the users and the model server; the TUN devices are there."""
    with robot.ip() as ip:
        for address in users.ipv4:
            add_address(ip, TUN, address, 32)
        ip.route("add", dst=str(_SERVERS), oif=index_of(ip, TUN))
    with upf.ip() as ip:
        add_address(ip, "core", _GATEWAY, _SERVERS.prefixlen)
        ip.route("add", dst=str(_USERS), oif=index_of(ip, TUN))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    with server.ip() as ip:
        for address in (SERVER_IPV4, SERVER_BEHIND_LAN):
            add_address(ip, "access", address, _SERVERS.prefixlen)
        for network in (_USERS, _LAN):
            ip.route("add", dst=str(network), gateway=_GATEWAY)
    if users.lan:
        _join_lan(robot, users.lan, _DEVICE_MAC, _LAN_GATEWAY, _GATEWAY_MAC)
        _join_lan(upf, _LAN_GATEWAY, _GATEWAY_MAC, users.lan, _DEVICE_MAC)
        with robot.ip() as ip:
            ip.route("add", dst=f"{SERVER_BEHIND_LAN}/32", gateway=_LAN_GATEWAY)


def _join_lan(node: NetworkNamespace, own: str, own_mac: str, other: str, other_mac: str) -> None:
    """A TAP device that knows its neighbour and is silent by itself."""
    with node.ip() as ip:
        os.close(open_tap(persistent=True))
        node.sysctl({f"conf.{LAN}.disable_ipv6": 1})
        index = index_of(ip, LAN)
        ip.link("set", index=index, mtu=TUN_MTU, address=own_mac)
        add_address(ip, LAN, own, _LAN.prefixlen)
        set_up(ip, LAN)
        ip.neigh("add", dst=other, lladdr=other_mac, ifindex=index, state=0x80)  # NUD_PERMANENT (linux/neighbour.h)
