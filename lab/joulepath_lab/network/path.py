# SPDX-License-Identifier: Apache-2.0
"""The path as network namespaces: robot - ru - du - cu - upf - model, IPv6 forwarded hop by hop by the kernel.

Every node has an interface `access` towards the robot and `core` towards the model server, and `mgmt` into the
namespace of the caller, where Prometheus scrapes; nothing of the management network passes the path.
"""

import itertools
import os
from collections.abc import Collection
from ipaddress import IPv6Interface

from pyroute2 import IPRoute

from joulepath_lab.network import ioam, users
from joulepath_lab.network.chain import Link, join
from joulepath_lab.network.namespace import NetworkNamespace, add_address, index_of, set_up
from joulepath_lab.network.nodes import IOAM_NODE_IDS, MGMT_CALLER, NODES, address, link_address, mgmt_address
from joulepath_lab.network.tun import TUN, TUN_MTU, open_tun
from joulepath_lab.network.users import Users

_SIDES = {NODES[0]: ("core",), NODES[-1]: ("access",)}


class TransportPath:
    """The laid path. It ends with the process that laid it, and with all that runs in its nodes."""

    def __init__(self, robot_address: str, user_planes: Collection[str] = (), others: Users | None = None) -> None:
        """With `user_planes`, users' packets leave the robot and the node before the model server through a TUN device,
        and `robot_address` is the robot's on it; `others` are users beside that one.
        """
        self.nodes = {name: NetworkNamespace() for name in NODES}
        self._manage()
        links = [
            Link("core", link_address(near, "core"), "access", link_address(far, "access"))
            for near, far in itertools.pairwise(NODES)
        ]
        join(list(self.nodes.values()), links)
        if user_planes:
            self._user_plane(robot_address)
        if others:
            users.lay(others, self.nodes[NODES[0]], self.nodes[NODES[-2]], self.nodes[NODES[-1]])
        bare = (NODES[0], NODES[-2]) if user_planes else ()
        stamping = [
            ioam.stamp(node, IOAM_NODE_IDS[name], [*_SIDES.get(name, ("access", "core")), *[TUN] * (name in bare)])
            for name, node in self.nodes.items()
        ]
        self.stamps = all(stamping)
        """Whether the kernel stamps IOAM in flight (it refuses in a user namespace)."""

    def _manage(self) -> None:
        """The network of the caller and all nodes; its bridge is in the caller's namespace."""
        with IPRoute() as here:
            set_up(here, "lo")
            here.link("add", ifname="mgmt", kind="bridge")
            add_address(here, "mgmt", MGMT_CALLER, 24)
            set_up(here, "mgmt")
            for name, node in self.nodes.items():
                outer = f"m-{name}"
                here.link("add", ifname=outer, kind="veth", peer={"ifname": "mgmt", "net_ns_fd": node.descriptor})
                here.link("set", index=index_of(here, outer), master=index_of(here, "mgmt"))
                set_up(here, outer)
                with node.ip() as there:
                    add_address(there, "mgmt", mgmt_address(name), 24)
                    set_up(there, "mgmt")

    def _user_plane(self, robot_address: str) -> None:
        """TUN devices where users' packets are bare: at the robot, and where the user plane ends."""
        robots, servers = (str(IPv6Interface(f"{each}/64").network) for each in (robot_address, address("model")))
        for name in (NODES[0], NODES[-2]):
            with self.nodes[name].ip() as there:
                os.close(open_tun(persistent=True))
                index = index_of(there, TUN)
                there.link("set", index=index, mtu=TUN_MTU)
                if name == NODES[0]:
                    add_address(there, TUN, robot_address)
                set_up(there, TUN)
                if name == NODES[0]:
                    there.route("replace", dst=servers, oif=index)
                else:
                    there.route("add", dst=robots, oif=index)
        with self.nodes[NODES[-1]].ip() as there:
            there.route("add", dst=robots, gateway=link_address(NODES[-2], "core"))
