# SPDX-License-Identifier: Apache-2.0
"""Commands for one host, with all that a configuration of `joulepath tag` knows of it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from joulepath.errors import UsageError
from joulepath.ioam.socket import host_node_id
from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES, NO_NODE_ID
from joulepath.tag.iproute.encapsulation import (
    FIRST_METRIC,
    ID_OCTETS,
    MAX_DATA_OCTETS,
    NODE_ID,
    VIA,
    WIDE_DATA,
    comment,
    encapsulation,
    size,
)
from joulepath.tag.settings import EVERYWHERE, Flow, Settings

FIRST_TABLE = 10601
"""Number of the first routing table, and preference of the first rule, of flows that a destination alone is not."""


def commands(settings: Settings) -> Iterator[str]:
    """One line each. Raises UsageError."""
    mistakes = list(_untunnelled(settings.flows))
    trace_type = NODE_ID | WIDE_DATA
    # The tunnel itself tells senders how much smaller packets are to be.
    nodes = DEFAULT_TRANSIT_NODES if settings.nodes is None else settings.nodes
    octets = size(trace_type, 1 + nodes)
    if octets > MAX_DATA_OCTETS:
        mistakes.append(f"nodes: the tunnel has room for {MAX_DATA_OCTETS // (octets // (1 + nodes)) - 1}")
    if mistakes:
        raise UsageError(mistakes)
    yield f"# Of each id the tunnel carries the first {ID_OCTETS} octets: count with `key: {{prefix: N}}`, N up to 64."
    yield "# GATEWAY is the next hop's address, where there is one."
    node_id = host_node_id() if settings.node_id is None else settings.node_id
    if node_id != NO_NODE_ID:
        yield f"sysctl -w net/ipv6/ioam6_id={node_id}"
    for namespace, leading in sorted({(flow.namespace, _leading(flow)) for flow in settings.flows}):
        yield f"ip ioam namespace add {namespace} wide 0x{leading.hex()}"
    ruled = _ruled(settings.flows)
    table = FIRST_TABLE
    for flow in settings.flows:
        yield f"# {comment(flow.name)}"
        encap = encapsulation(trace_type, flow.namespace, octets)
        if flow.name in ruled:
            yield f"ip -6 rule add pref {table} {_selector(flow)} lookup {table}"
        for number, interface in enumerate(settings.interfaces):
            where = f"dev {interface} metric {FIRST_METRIC + number}{f' table {table}' if flow.name in ruled else ''}"
            yield f"ip -6 route replace {flow.destination} {encap} {VIA}{where}"
        table += flow.name in ruled


def _untunnelled(flows: Iterable[Flow]) -> Iterable[str]:
    """The keys of a flow that a route cannot select by."""
    ids: dict[int, bytes] = {}
    for flow in flows:
        if flow.sender is not None:
            yield f"flows.{flow.name}: a route knows no {flow.sender.kind}: choose by addresses and ports"
        if flow.too_large == "drop":
            yield f"flows.{flow.name}: a route drops no datagrams: leave out `too_large`"
        if isinstance(flow.trace_id, Path):
            yield f"flows.{flow.name}: a route's id does not change: give `id` for `id_file`"
        elif ids.setdefault(flow.namespace, _leading(flow)) != _leading(flow):
            yield (
                f"flows.{flow.name}: namespace {flow.namespace} has another id already, and the tunnel has one for "
                "each: give the flow an ioam_namespace of its own"
            )


def _leading(flow: Flow) -> bytes:
    return flow.trace_id[:ID_OCTETS] if isinstance(flow.trace_id, bytes) else b""


def _ruled(flows: Sequence[Flow]) -> set[str]:
    """Flows that need a rule (ip-rule(8)): more than a destination, or before one that the kernel would prefer.

    It takes rules in their order, before all other routes, and of these the one with the longest prefix.
    """
    ruled: set[str] = set()
    later: list[Flow] = []
    for flow in reversed(flows):
        preferred = [each.destination for each in later if each.name in ruled]
        narrower = [each.destination for each in later if each.destination.subnet_of(flow.destination)]
        if _selector(flow) != f"to {flow.destination}" or any(
            flow.destination.overlaps(destination) for destination in (*preferred, *narrower)
        ):
            ruled.add(flow.name)
        later.append(flow)
    return ruled


def _selector(flow: Flow) -> str:
    """A flow in the words of a rule."""
    words = [] if flow.destination == EVERYWHERE else ["to", str(flow.destination)]
    if flow.source != EVERYWHERE:
        words += ["from", str(flow.source)]
    if flow.protocol is not None:
        words += ["ipproto", "4" if flow.protocol == "ipip6" else flow.protocol]
    if flow.source_port:
        words += ["sport", str(flow.source_port)]
    if flow.destination_port:
        words += ["dport", str(flow.destination_port)]
    return " ".join(words)
