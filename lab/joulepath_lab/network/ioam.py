# SPDX-License-Identifier: Apache-2.0
"""Makes a namespace stamp IOAM traces that pass it, over the kernel's netlink interface."""

import errno
from collections.abc import Iterable

from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, genlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.network.nodes import IOAM_NAMESPACE


class _Ioam6Message(genlmsg):  # type: ignore[misc]  # pyroute2 ships no types
    """Generic netlink family IOAM6 (include/uapi/linux/ioam6_genl.h)."""

    prefix = "IOAM6_ATTR_"
    nla_map = (("IOAM6_ATTR_UNSPEC", "none"), ("IOAM6_ATTR_NS_ID", "uint16"))


def stamp(namespace: NetworkNamespace, node_id: int, interfaces: Iterable[str]) -> bool:
    """Stamps traces of IOAM_NAMESPACE that come in on `interfaces`.

    Returns whether the kernel does: it refuses in a user namespace, and where it was built without IOAM.
    """
    namespace.sysctl({"ioam6_id": node_id, **{f"conf.{interface}.ioam6_enabled": 1 for interface in interfaces}})
    with namespace.entered(), GenericNetlinkSocket() as socket:
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
