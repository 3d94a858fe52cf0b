# SPDX-License-Identifier: Apache-2.0
"""The kernel's IOAM tunnel: what it can carry, and how a route asks for it.

The tunnel (CONFIG_IPV6_IOAM6_LWTUNNEL, Documentation/networking/ioam6-sysctl.rst, ip-route(8)) tags by route and knows
two ids only: the Namespace-ID, and 8 octets of namespace-specific data wide per host.
"""

MAX_DATA_OCTETS = 244  # IOAM6_TRACE_DATA_SIZE_MAX, include/uapi/linux/ioam6.h
ID_OCTETS = 8
"""Of an id, the leading ones that the tunnel carries."""
FIRST_METRIC = 101
"""Of the route over the first interface: preferred to what is there, and its own to delete."""
VIA = '${GATEWAY:+via "$GATEWAY"} '

NODE_ID, WIDE_NODE_ID, WIDE_DATA = 0x800000, 0x008000, 0x002000  # trace types: RFC 9197, section 4.4.1
_OCTETS = {NODE_ID: 4, WIDE_NODE_ID: 8, WIDE_DATA: 8}


def encapsulation(trace_type: int, namespace: int, size: int) -> str:
    """The words of a route that tags; `size` in octets."""
    return f"encap ioam6 mode inline trace prealloc type {trace_type:#08x} ns {namespace} size {size}"


def size(trace_type: int, nodes: int) -> int:
    """Octets of pre-allocated data."""
    return nodes * sum(octets for bit, octets in _OCTETS.items() if trace_type & bit)


def comment(text: str) -> str:
    """A name that stays within its comment."""
    return " ".join(text.split())
