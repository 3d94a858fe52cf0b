# SPDX-License-Identifier: Apache-2.0
"""Commands for every host of a topology, which knows neither interfaces nor destinations: the shell asks for these."""

from collections.abc import Iterator

from joulepath.errors import UsageError
from joulepath.ioam.wire.encode import NO_NODE_ID
from joulepath.tag.iproute.encapsulation import (
    FIRST_METRIC,
    ID_OCTETS,
    NODE_ID,
    VIA,
    WIDE_DATA,
    WIDE_NODE_ID,
    comment,
    encapsulation,
    size,
)
from joulepath_topology import Topology
from joulepath_topology.applications import WHOLE_NAMESPACE


def commands(topology: Topology) -> Iterator[str]:
    """One line each. Raises UsageError."""
    mistakes = list(_uncarried(topology))
    if mistakes:
        raise UsageError(mistakes)
    node_ids = _node_ids(topology)
    field = WIDE_NODE_ID if any(node_id >= NO_NODE_ID for node_id in node_ids.values()) else NODE_ID
    namespaces = sorted({trace.ioam_namespace for entry in topology.applications.values() for trace in entry.traces})
    for name, node_id in sorted(node_ids.items(), key=lambda item: item[1]):
        host = comment(", ".join(topology.hosts_of(name)))
        yield f"\n# {comment(name)} on {host}; INTERFACES are those that its user packets come in on"
        yield f"sysctl -w net/ipv6/ioam6_id{'_wide' if field == WIDE_NODE_ID else ''}={node_id}"
        yield 'for interface in ${INTERFACES:?}; do sysctl -w "net/ipv6/conf/$interface/ioam6_enabled=1"; done'
        for namespace in namespaces:
            yield f"ip ioam namespace add {namespace}"
    for name, entry in topology.applications.items():
        for trace in entry.traces:
            nodes = {node_ids[component] for component in topology.mark_route(name, trace) if component in node_ids}
            yield f"\n# {comment(name)}, where its packets begin; DESTINATION is a prefix, GATEWAY may be empty"
            has_id = trace.id != WHOLE_NAMESPACE
            data = f" wide 0x{trace.id.ljust(2 * ID_OCTETS, '0')}" if has_id else ""
            yield f"ip ioam namespace add {trace.ioam_namespace}{data}"
            trace_type = field | (WIDE_DATA if has_id else 0)
            encap = encapsulation(trace_type, trace.ioam_namespace, size(trace_type, 1 + len(nodes)))
            where = f'dev "${{INTERFACE:?}}" metric {FIRST_METRIC}'
            yield f'ip -6 route replace "${{DESTINATION:?}}" {encap} {VIA}{where}'


def _node_ids(topology: Topology) -> dict[str, int]:
    """The IOAM node at which each component's traffic is counted, of those that have one of their own."""
    traffic = {name: component.traffic for name, component in topology.components.items()}
    return {name: entry.ioam.node for name, entry in traffic.items() if entry is not None and entry.ioam is not None}


def _uncarried(topology: Topology) -> Iterator[str]:
    """Traces that the tunnel cannot make."""
    for name, entry in topology.applications.items():
        for trace in entry.traces:
            if trace.id != WHOLE_NAMESPACE and len(trace.id) > 2 * ID_OCTETS:
                yield (
                    f"applications.{name}: id {trace.id}: the tunnel carries at most {ID_OCTETS} octets: shorten "
                    f'the id, or give the application a namespace of its own with id "{WHOLE_NAMESPACE}"'
                )
