# SPDX-License-Identifier: Apache-2.0
"""Shell commands of iproute2 and sysctl that make a kernel's own IOAM tunnel tag, where it has one.

The tunnel (CONFIG_IPV6_IOAM6_LWTUNNEL, Documentation/networking/ioam6-sysctl.rst, ip-route(8)) tags by route and knows
two ids only: the Namespace-ID, and 8 octets of namespace-specific data wide per host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joulepath.config import load, problems, read_yaml
from joulepath.errors import UsageError
from joulepath.ioam.socket import host_node_id
from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES, NO_NODE_ID
from joulepath.tag.config import ConfigModel
from joulepath.tag.settings import EVERYWHERE, Flow, Settings

MAX_DATA_OCTETS = 244  # IOAM6_TRACE_DATA_SIZE_MAX, include/uapi/linux/ioam6.h
FIRST_TABLE = 10601
"""Number of the first routing table, and preference of the first rule, of flows that a destination alone is not."""
FIRST_METRIC = 101
"""Of the route over the first interface: preferred to what is there, and its own to delete."""
_ID_OCTETS = 8

_NODE_ID, _WIDE_NODE_ID, _WIDE_DATA = 0x800000, 0x008000, 0x002000  # RFC 9197, section 4.4.1
_OCTETS = {_NODE_ID: 4, _WIDE_NODE_ID: 8, _WIDE_DATA: 8}

_HEAD = """\
# For kernels with CONFIG_IPV6_IOAM6_LWTUNNEL, and iproute2 6.0 or newer. Run each part as root on its host.
"""
_VIA = '${GATEWAY:+via "$GATEWAY"} '


class _Loose(BaseModel):
    """A part of a topology; `joulepath rules check` looks at the whole."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Trace(_Loose):
    ioam_namespace: int = Field(ge=0, le=0xFFFF)
    id: str


class _Application(_Loose):
    traces: tuple[_Trace, ...] = ()
    path: tuple[str, ...] = ()


class _Node(_Loose):
    node: int = Field(ge=0)


class _Traffic(_Loose):
    ioam: int | _Node | None = None


class _Component(_Loose):
    host: str | None = None
    traffic: _Traffic = _Traffic()

    @property
    def node_id(self) -> int | None:
        """The IOAM node at which the component's traffic is counted."""
        ioam = self.traffic.ioam
        return ioam.node if isinstance(ioam, _Node) else ioam


class _Topology(_Loose):
    components: dict[str, _Component]
    applications: dict[str, _Application] = Field(default_factory=dict)


def commands(path: Path) -> str:
    """The commands for a topology file or a configuration of `joulepath tag`. Raises UsageError."""
    data = read_yaml(path)
    if isinstance(data, dict) and "components" in data:
        try:
            lines = list(_topology(_Topology.model_validate(data)))
        except ValidationError as error:
            raise UsageError([f"{path}: {line}" for line in problems(error, _Topology)]) from None
        except UsageError as error:
            raise UsageError([f"{path}: {line}" for line in error.messages]) from None
    else:
        settings = load(path, ConfigModel).settings(path.parent)
        try:
            lines = list(_config(settings))
        except UsageError as error:
            raise UsageError([f"{path}: {line}" for line in error.messages]) from None
    return _HEAD + "\n".join(lines) + "\n"


def _config(settings: Settings) -> Iterable[str]:
    """One host, with all that the configuration knows of it."""
    mistakes = list(_untunnelled(settings.flows))
    trace_type = _NODE_ID | _WIDE_DATA
    # The tunnel itself tells senders how much smaller packets are to be.
    nodes = DEFAULT_TRANSIT_NODES if settings.nodes is None else settings.nodes
    size = _size(trace_type, 1 + nodes)
    if size > MAX_DATA_OCTETS:
        mistakes.append(f"nodes: the tunnel has room for {MAX_DATA_OCTETS // (size // (1 + nodes)) - 1}")
    if mistakes:
        raise UsageError(mistakes)
    yield f"# Of each id the tunnel carries the first {_ID_OCTETS} octets: count with `key: {{prefix: N}}`, N up to 64."
    yield "# GATEWAY is the next hop's address, where there is one."
    node_id = host_node_id() if settings.node_id is None else settings.node_id
    if node_id != NO_NODE_ID:
        yield f"sysctl -w net/ipv6/ioam6_id={node_id}"
    for namespace, octets in sorted({(flow.namespace, _leading(flow)) for flow in settings.flows}):
        yield f"ip ioam namespace add {namespace} wide 0x{octets.hex()}"
    ruled = _ruled(settings.flows)
    table = FIRST_TABLE
    for flow in settings.flows:
        yield f"# {_comment(flow.name)}"
        encapsulation = _encapsulation(trace_type, flow.namespace, size)
        if flow.name in ruled:
            yield f"ip -6 rule add pref {table} {_selector(flow)} lookup {table}"
        for number, interface in enumerate(settings.interfaces):
            where = f"dev {interface} metric {FIRST_METRIC + number}{f' table {table}' if flow.name in ruled else ''}"
            yield f"ip -6 route replace {flow.destination} {encapsulation} {_VIA}{where}"
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
    return flow.trace_id[:_ID_OCTETS] if isinstance(flow.trace_id, bytes) else b""


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
        words += ["ipproto", flow.protocol]
    if flow.source_port:
        words += ["sport", str(flow.source_port)]
    if flow.destination_port:
        words += ["dport", str(flow.destination_port)]
    return " ".join(words)


def _topology(topology: _Topology) -> Iterable[str]:
    """Every host of a topology, which knows neither interfaces nor destinations: these are left to the shell."""
    mistakes = list(_uncarried(topology.applications))
    if mistakes:
        raise UsageError(mistakes)
    node_ids = {name: part.node_id for name, part in topology.components.items() if part.node_id is not None}
    field = _WIDE_NODE_ID if any(node_id >= NO_NODE_ID for node_id in node_ids.values()) else _NODE_ID
    namespaces = sorted({trace.ioam_namespace for entry in topology.applications.values() for trace in entry.traces})
    for name, node_id in sorted(node_ids.items(), key=lambda item: item[1]):
        host = topology.components[name].host or name
        yield f"\n# {_comment(name)} on {_comment(host)}; INTERFACES are those that its user packets come in on"
        yield f"sysctl -w net/ipv6/ioam6_id{'_wide' if field == _WIDE_NODE_ID else ''}={node_id}"
        yield 'for interface in ${INTERFACES:?}; do sysctl -w "net/ipv6/conf/$interface/ioam6_enabled=1"; done'
        for namespace in namespaces:
            yield f"ip ioam namespace add {namespace}"
    for name, entry in topology.applications.items():
        nodes = {node_ids[component] for component in entry.path if component in node_ids}
        for trace in entry.traces:
            yield f"\n# {_comment(name)}, where its packets begin; DESTINATION is a prefix, GATEWAY may be empty"
            has_id = trace.id != "all"
            data = f" wide 0x{trace.id.ljust(2 * _ID_OCTETS, '0').lower()}" if has_id else ""
            yield f"ip ioam namespace add {trace.ioam_namespace}{data}"
            trace_type = field | (_WIDE_DATA if has_id else 0)
            encapsulation = _encapsulation(trace_type, trace.ioam_namespace, _size(trace_type, 1 + len(nodes)))
            where = f'dev "${{INTERFACE:?}}" metric {FIRST_METRIC}'
            yield f'ip -6 route replace "${{DESTINATION:?}}" {encapsulation} {_VIA}{where}'


def _uncarried(applications: Mapping[str, _Application]) -> Iterable[str]:
    """Traces that the tunnel cannot make."""
    owners: dict[int, str] = {}
    for name, entry in applications.items():
        for trace in entry.traces:
            if trace.id != "all" and not re.fullmatch(r"([0-9a-fA-F]{2}){1,8}", trace.id):
                yield (
                    f"applications.{name}: id {trace.id[:40]}: the tunnel carries at most {_ID_OCTETS} octets: shorten "
                    'the id, or give the application a namespace of its own with id "all"'
                )
            if trace.id == "all" and owners.setdefault(trace.ioam_namespace, name) != name:
                yield (
                    f"applications.{name}: namespace {trace.ioam_namespace} stands for "
                    f"{owners[trace.ioam_namespace]} already"
                )


def _encapsulation(trace_type: int, namespace: int, size: int) -> str:
    return f"encap ioam6 mode inline trace prealloc type {trace_type:#08x} ns {namespace} size {size}"


def _size(trace_type: int, nodes: int) -> int:
    """Octets of pre-allocated data."""
    return nodes * sum(octets for bit, octets in _OCTETS.items() if trace_type & bit)


def _comment(text: str) -> str:
    """A name that stays within its comment."""
    return " ".join(text.split())
