# SPDX-License-Identifier: Apache-2.0
"""Gives an application's own socket an IOAM trace, for applications that know which user or request they send for.

    sender = traced(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), namespace=123, application="0000a001")

docs/guides/tagging.md says what the kernel asks of the caller, and what follows for the packets' size.
"""

import socket
from pathlib import Path
from typing import TypeVar

from joulepath.errors import JoulepathError, UsageError
from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES, MAX_TRANSIT_NODES, NO_NODE_ID, hop_by_hop

TRACE_ID_OCTETS = 16
_IPV6_HOPOPTS = 54  # include/uapi/linux/in6.h; the socket module has it, not on every build
_NODE_ID = Path("/proc/sys/net/ipv6/ioam6_id")

S = TypeVar("S", bound=socket.socket)


def traced(
    traced_socket: S,
    *,
    namespace: int,
    application: str | bytes,
    request: int | str | bytes | None = None,
    node_id: int | None = None,
    nodes: int = DEFAULT_TRANSIT_NODES,
) -> S:
    """The same socket: its packets from now on carry a pre-allocated trace (RFC 9197) with a TraceID of 16 octets.

    The TraceID begins with `application`, a key in hexadecimal digits or octets, and goes on with the last octets of
    `request`, an OpenTelemetry TraceID as number, hexadecimal digits or octets; zeros without one. To `joulepath ioam`
    that is `key: {prefix: N}`, N the bits of `application`. Call it again to go over to another request.

    `node_id` (24 bits) is this host's, by default its `net.ipv6.ioam6_id`; `nodes` is the room left for nodes on the
    way. The header has 40 + 8 * nodes octets. Works for UDP, for TCP before or after `connect`, and for a listening
    socket: its connections inherit the trace. Raises UsageError for bad arguments, and JoulepathError where the kernel
    refuses: it asks for CAP_NET_RAW in the user namespace that owns the network namespace.
    """
    if traced_socket.family != socket.AF_INET6:
        raise UsageError(f"IOAM needs an IPv6 socket, not {traced_socket.family.name}: open it with AF_INET6")
    if not 0 <= namespace <= 0xFFFF:
        raise UsageError(f"namespace {namespace}: an IOAM Namespace-ID has 16 bits")
    if not 0 <= nodes <= MAX_TRANSIT_NODES:
        raise UsageError(f"nodes {nodes}: the header has room for 0 to {MAX_TRANSIT_NODES}")
    own = host_node_id() if node_id is None else node_id
    if not 0 <= own <= NO_NODE_ID:
        raise UsageError(f"node_id {own}: this trace's node ids have 24 bits")
    hop_limit = traced_socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    header = hop_by_hop(namespace, trace_id(application, request), own, hop_limit, nodes)
    _set(traced_socket, header)
    return traced_socket


def untraced(traced_socket: S) -> S:
    """The same socket without the trace."""
    _set(traced_socket, None)
    return traced_socket


def trace_id(application: str | bytes, request: int | str | bytes | None = None) -> bytes:
    """The 16 octets: the application's key, then the end of the request's id, which is its random part.

    Raises UsageError.
    """
    key = _octets("application", application)
    if not 1 <= len(key) <= TRACE_ID_OCTETS:
        raise UsageError(f"application: a key has 1 to {TRACE_ID_OCTETS} octets, this one has {len(key)}")
    if request is None:
        return key.ljust(TRACE_ID_OCTETS, b"\0")
    if len(key) == TRACE_ID_OCTETS:
        raise UsageError("request: the application's key fills the whole TraceID; leave the request out")
    if isinstance(request, int):
        if not 0 <= request < 1 << 8 * TRACE_ID_OCTETS:
            raise UsageError(f"request: {request} has more than {8 * TRACE_ID_OCTETS} bits")
        request = request.to_bytes(TRACE_ID_OCTETS, "big")
    octets = _octets("request", request)
    if len(octets) != TRACE_ID_OCTETS:
        raise UsageError(f"request: an OpenTelemetry TraceID has {TRACE_ID_OCTETS} octets, this one has {len(octets)}")
    return key + octets[len(key) :]


def host_node_id(path: Path = _NODE_ID) -> int:
    """`net.ipv6.ioam6_id` of this network namespace; all ones, "not populated", where the kernel has none."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return NO_NODE_ID


def _octets(name: str, value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise UsageError(f"{name}: {value[:40]!r} is not a whole number of octets in hexadecimal digits") from None


def _set(traced_socket: socket.socket, header: bytes | None) -> None:
    try:
        if header is None:
            traced_socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_HOPOPTS, None, 0)
        else:
            traced_socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_HOPOPTS, header)
    except PermissionError:
        raise JoulepathError(
            "IPV6_HOPOPTS: the kernel asks for the capability CAP_NET_RAW (AmbientCapabilities=CAP_NET_RAW in systemd, "
            "capabilities.add: [NET_RAW] in Kubernetes); without it, `joulepath tag` can do it from outside"
        ) from None
    except OSError as error:
        raise JoulepathError(f"IPV6_HOPOPTS: the kernel refuses the header: {error.strerror}") from None
