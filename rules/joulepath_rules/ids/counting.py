# SPDX-License-Identifier: Apache-2.0
"""The nodes, traces and flows of `ioam.yaml` against the topology: each node counts those that pass its component."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from joulepath.config import load
from joulepath.files import text_of
from joulepath.ioam.config import ConfigModel, NamespaceModel
from joulepath.ioam.flow_config import read as more_flows
from joulepath.meant import did_you_mean
from joulepath_rules.ids.difference import Difference, Traced, traces
from joulepath_topology import Topology
from joulepath_topology.applications import WHOLE_NAMESPACE


def compare(topology: Topology, file: Path, paths: Sequence[Path]) -> Iterator[Difference]:
    """The differences of the topology in `file` and the counting of all hosts; what lacks, or else what is unused.

    Raises UsageError.
    """
    read = {path: load(path, ConfigModel) for path in paths}
    lacking = [*_nodes(topology, file, read), *_traces(topology, read), *_flows(topology, read)]
    yield from lacking
    if not any(each.severity == "error" for each in lacking):
        yield from _unused(topology, file, read)


Read = Mapping[Path, ConfigModel]


def _nodes(topology: Topology, file: Path, read: Read) -> Iterator[Difference]:
    """Nodes of components that no file counts."""
    counting = {path: [node.node_id for node in model.nodes] for path, model in read.items()}
    for node, names in _components(topology).items():
        if all(node not in ids for ids in counting.values()):
            there = ", ".join(f"{path} has {_listed(ids)}" for path, ids in counting.items())
            yield Difference(file, f"components.{names[0]}.traffic.ioam", f"no file counts node {node}: {there}")


def _traces(topology: Topology, read: Read) -> Iterator[Difference]:
    """Traces that pass a node of a file and get no label there."""
    components = _components(topology)
    for path, model in read.items():
        here = {name for node in model.nodes for name in components.get(node.node_id, ())}
        for one in traces(topology):
            route = topology.mark_route(one.application, one.trace)
            passed = sorted({topology.counted_at(member) for member in route} & here)
            message = _uncounted(model, one) if passed else None
            place = f"namespaces.{one.trace.ioam_namespace}"
            if message is not None:
                yield Difference(path, place, f"{message}; it passes {passed[0]!r}")
            elif passed and (model.flows or model.flows_file is not None) and not _is_listed(model, one):
                message = f"list {one} in `ids`: its packets count for a flow that fits them, too"
                yield Difference(path, place, message, "warning")


def _flows(topology: Topology, read: Read) -> Iterator[Difference]:
    """Flows that pass a node of a file and are not counted there. With a `flows_file` they may come later."""
    components = _components(topology)
    for path, model in read.items():
        here = {name for node in model.nodes for name in components.get(node.node_id, ())}
        known = {*model.flows, *_more(path, model)}
        for name, application in topology.applications.items():
            for flow in application.flows:
                passed = sorted({topology.counted_at(each) for each in topology.mark_route(name, flow)} & here)
                if passed and flow.flow not in known:
                    lacks = f"lacks {flow} of application {name!r}{did_you_mean(flow.flow, sorted(known))}"
                    if model.flows_file is None:
                        yield Difference(path, "flows", f"{lacks}; it passes {passed[0]!r}")
                    else:
                        message = f"{lacks}: right if {model.flows_file} gets it; it passes {passed[0]!r}"
                        yield Difference(path, "flows_file", message, "warning")


def _more(path: Path, model: ConfigModel) -> Collection[str]:
    """The names in the `flows_file`, where it is here; a session manager may write it elsewhere. Raises UsageError."""
    file = None if model.flows_file is None else path.parent / model.flows_file
    return [] if file is None or not file.is_file() else [flow.name for flow in more_flows(file, text_of(file))]


def _unused(topology: Topology, file: Path, read: Read) -> Iterator[Difference]:
    """Nodes, labels and flows of the files that the topology does not have."""
    components, known = _components(topology), list(traces(topology))
    flows = sorted(flow.flow for application in topology.applications.values() for flow in application.flows)
    for path, model in read.items():
        for number, node in enumerate(model.nodes):
            if node.node_id not in components:
                others = f", but {_listed(components)}" if components else ""
                message = f"no component in {file} has node {node.node_id}{others}: these counts are not used"
                yield Difference(path, f"nodes[{number}].node_id", message, "warning")
        for namespace, listed in model.namespaces.items():
            own = {one.trace.id for one in known if one.trace.ioam_namespace == namespace}
            for trace_id in listed.ids:
                if trace_id.lower() not in own:
                    message = f"no application in {file} has trace {trace_id}{did_you_mean(trace_id, sorted(own))}"
                    yield Difference(path, f"namespaces.{namespace}.ids", message, "warning")
        for flow in model.flows:
            if flow not in flows:
                message = f"no application in {file} has flow {flow}{did_you_mean(flow, flows)}"
                yield Difference(path, f"flows.{flow}", message, "warning")


def _components(topology: Topology) -> Mapping[int, Sequence[str]]:
    """The components that count at each node."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, component in topology.components.items():
        if component.traffic is not None and component.traffic.ioam is not None:
            found[component.traffic.ioam.node].append(name)
    return found


def _uncounted(read: ConfigModel, one: Traced) -> str | None:
    """The reason why a trace has no label of its own here; None where it has one."""
    model = read.namespaces.get(one.trace.ioam_namespace)
    if model is None:
        if read.admit == "any" and one.trace.id != WHOLE_NAMESPACE:
            return None
        return f"is missing, and with it {one}: the file has {_listed(read.namespaces) or 'no other'}"
    return _unlabelled(model, one, admitted=read.admit == "any")


def _is_listed(read: ConfigModel, one: Traced) -> bool:
    model = read.namespaces.get(one.trace.ioam_namespace)
    if model is None:
        return False
    namespace = model.namespace()
    return not namespace.octets or bytes.fromhex(one.trace.id) in namespace.ids


def _unlabelled(model: NamespaceModel, one: Traced, *, admitted: bool) -> str | None:
    """The same for a namespace that is configured; `admitted` are ids that are not listed."""
    namespace = model.namespace()
    if (one.trace.id == WHOLE_NAMESPACE) != (namespace.octets == 0):
        if namespace.octets == 0:
            return f"counts all packets of the namespace as `{WHOLE_NAMESPACE}`, and not {one}"
        return f"tells ids apart, but {one} stands for all of them: write `key: namespace`"
    digits = 2 * namespace.octets
    if namespace.octets and model.key != "full" and len(one.trace.id) != digits:
        return f"counts by the first {digits} digits of an id, and {one} has {len(one.trace.id)}"
    if namespace.octets and not admitted and bytes.fromhex(one.trace.id) not in namespace.ids:
        return f"`ids` lacks {one}{did_you_mean(one.trace.id, sorted(each.hex() for each in namespace.ids))}"
    return None


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
