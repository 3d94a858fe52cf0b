# SPDX-License-Identifier: Apache-2.0
"""The path as network namespaces: robot - ru - du - cu - upf - model, IPv6 forwarded hop by hop by the kernel.

Every node has an interface `access` towards the robot and `core` towards the model server, and `mgmt` into the
namespace of the caller, where Prometheus scrapes; nothing of the management network passes the path.
Needs to run inside `unshare --net --mount`, so that the kernel removes everything at the end.
"""

import ctypes
import errno
import fcntl
import itertools
import os
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Interface
from pathlib import Path

from pyroute2 import IPRoute, netns
from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, genlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

NODES = ("robot", "ru", "du", "cu", "upf", "model")
IOAM_NODE_IDS = {"robot": 100, "ru": 1, "du": 2, "cu": 3, "upf": 4, "model": 200}
IOAM_NAMESPACE = 123
MGMT_CALLER = "10.123.0.1"
TUN = "user"
TUN_MTU = 1400
"""What a tunnel over links of 1500 octets leaves to users' packets."""
_TUNSETIFF, _TUNSETPERSIST, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x400454CB, 0x0001, 0x1000  # linux/if_tun.h
_NO_DAD = 0x02  # IFA_F_NODAD (include/uapi/linux/if_addr.h): an address is usable at once


class _Ioam6Message(genlmsg):  # type: ignore[misc]  # pyroute2 ships no types
    """Generic netlink family IOAM6 (include/uapi/linux/ioam6_genl.h)."""

    prefix = "IOAM6_ATTR_"
    nla_map = (("IOAM6_ATTR_UNSPEC", "none"), ("IOAM6_ATTR_NS_ID", "uint16"))


def address(node: str) -> str:
    """The IPv6 address under which the path reaches an end: robot or model."""
    return {"robot": "fd4a:50:0:0::1", "model": f"fd4a:50:0:{len(NODES) - 2:x}::2"}[node]


def link_address(node: str, side: str) -> str:
    """The address of a node on its link towards the robot (`access`) or the model server (`core`)."""
    number = NODES.index(node)
    return f"fd4a:50:0:{number:x}::1" if side == "core" else f"fd4a:50:0:{number - 1:x}::2"


def mgmt_address(node: str) -> str:
    """The IPv4 address of a node on the management network."""
    return f"10.123.0.{10 + NODES.index(node)}"


@contextmanager
def entered(node: str) -> Iterator[None]:
    """The calling thread inside a node's namespace."""
    netns.pushns(node)
    try:
        yield
    finally:
        netns.popns()


def build(robot_address: str, user_planes: Collection[str] = ()) -> bool:
    """Lays the whole path. Returns whether the kernel stamps IOAM in flight (it refuses in a user namespace).

    With `user_planes`, users' packets leave the robot and the node before the model server through a TUN device, and
    `robot_address` is the robot's on it.
    """
    _private_run()
    for node in NODES:
        netns.create(node)
    with IPRoute() as here:
        _up(here, "lo")
        here.link("add", ifname="mgmt", kind="bridge")
        here.addr("add", index=_index(here, "mgmt"), address=MGMT_CALLER, prefixlen=24)
        _up(here, "mgmt")
        for node in NODES:
            outer = f"m-{node}"
            here.link("add", ifname=outer, kind="veth", peer={"ifname": "mgmt", "net_ns_fd": node})
            here.link("set", index=_index(here, outer), master=_index(here, "mgmt"))
            _up(here, outer)
    for near, far in itertools.pairwise(NODES):
        with entered(near), IPRoute() as there:
            there.link("add", ifname="core", kind="veth", peer={"ifname": "access", "net_ns_fd": far})
    for number, node in enumerate(NODES):
        _configure(number, node)
    if user_planes:
        _user_plane(robot_address)
    stamping = [_ioam(node) for node in NODES]
    return all(stamping)


def _configure(number: int, node: str) -> None:
    """Addresses, routes and sysctls of one node; link n joins node n (::1) and node n + 1 (::2)."""
    with entered(node), IPRoute() as there:
        for interface in ("all", "default"):
            _sysctl(f"conf/{interface}/forwarding", 1)
            _sysctl(f"conf/{interface}/accept_dad", 0)
        _up(there, "lo")
        there.addr("add", index=_index(there, "mgmt"), address=mgmt_address(node), prefixlen=24)
        _up(there, "mgmt")
        sides = {"access": number - 1, "core": number}
        for side, link in sides.items():
            if 0 <= link < len(NODES) - 1:
                index = _index(there, side)
                own = f"fd4a:50:0:{link:x}::{1 if side == 'core' else 2}"
                there.addr("add", index=index, address=own, prefixlen=64, flags=_NO_DAD)
                _up(there, side)
        last = len(NODES) - 2
        for link in range(len(NODES) - 1):
            if link in sides.values():
                continue
            via = f"fd4a:50:0:{number:x}::2" if link > number else f"fd4a:50:0:{number - 1:x}::1"
            if 0 <= link <= last:
                there.route("add", dst=f"fd4a:50:0:{link:x}::/64", gateway=via)


def _user_plane(robot_address: str) -> None:
    """TUN devices where users' packets are bare: at the robot, and where the user plane ends."""
    users, servers = f"{robot_address}/64", f"fd4a:50:0:{len(NODES) - 2:x}::/64"
    prefix = str(IPv6Interface(users).network)
    for node in (NODES[0], NODES[-2]):
        with entered(node), IPRoute() as there:
            os.close(open_tun(persistent=True))
            index = _index(there, TUN)
            there.link("set", index=index, mtu=TUN_MTU)
            if node == NODES[0]:
                there.addr("add", index=index, address=robot_address, prefixlen=64, flags=_NO_DAD)
            _up(there, TUN)
            if node == NODES[0]:
                there.route("replace", dst=servers, oif=index)
            else:
                there.route("add", dst=prefix, oif=index)
    with entered(NODES[-1]), IPRoute() as there:
        there.route("add", dst=prefix, gateway=link_address(NODES[-2], "core"))


def open_tun(persistent: bool = False) -> int:
    """A descriptor of the calling thread's TUN device, which is made if need be."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", TUN.encode(), _IFF_TUN | _IFF_NO_PI))
    if persistent:
        fcntl.ioctl(device, _TUNSETPERSIST, 1)
    return device


def _ioam(node: str) -> bool:
    """Makes the node stamp traces of IOAM_NAMESPACE that come in on the path."""
    with entered(node):
        return _stamp(node)


def _stamp(node: str) -> bool:
    _sysctl("ioam6_id", IOAM_NODE_IDS[node])
    for side in ("access", "core", TUN):
        if Path(f"/proc/sys/net/ipv6/conf/{side}").exists():
            _sysctl(f"conf/{side}/ioam6_enabled", 1)
    with GenericNetlinkSocket() as socket:
        try:
            socket.bind("IOAM6", _Ioam6Message)
            message = _Ioam6Message()
            message["cmd"] = 1  # IOAM6_CMD_ADD_NAMESPACE
            message["version"] = 1
            message["attrs"] = [["IOAM6_ATTR_NS_ID", IOAM_NAMESPACE]]
            socket.nlm_request(message, msg_type=socket.prid, msg_flags=NLM_F_REQUEST | NLM_F_ACK)
        except NetlinkError as error:
            if error.code in (errno.EPERM, errno.ENOENT, errno.EOPNOTSUPP):
                return False
            raise
    return True


def _private_run() -> None:
    """A /run of this mount namespace's own: names of namespaces appear nowhere else and vanish with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "cannot mount a private /run; start inside unshare --mount")
    Path("/run/netns").mkdir()


def _sysctl(name: str, value: int) -> None:
    Path(f"/proc/sys/net/ipv6/{name}").write_text(str(value), encoding="ascii")


def _index(ip: IPRoute, interface: str) -> int:
    return int(ip.link_lookup(ifname=interface)[0])


def _up(ip: IPRoute, interface: str) -> None:
    ip.link("set", index=_index(ip, interface), state="up")
