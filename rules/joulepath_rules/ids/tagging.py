# SPDX-License-Identifier: Apache-2.0
"""The flows of `tag.yaml` against the applications: each id is one of an application, and each id has a flow."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from joulepath.config import load
from joulepath.meant import did_you_mean
from joulepath.tag.config import ConfigModel
from joulepath.tag.settings import Flow
from joulepath_rules.ids.difference import Difference, Traced, traces
from joulepath_topology import Topology
from joulepath_topology.applications import WHOLE_NAMESPACE


def compare(topology: Topology, file: Path, paths: Sequence[Path]) -> Iterator[Difference]:
    """The differences of the topology in `file` and the tagged flows of all hosts: mistakes, or else missing flows.

    Raises UsageError.
    """
    known = list(traces(topology))
    flows = [(path, flow) for path in paths for flow in load(path, ConfigModel).settings(path.parent).flows]
    mistakes = [
        Difference(path, f"flows.{flow.name}.{found[0]}", found[1])
        for path, flow in flows
        if isinstance(flow.trace_id, bytes)
        and (found := _mistake(topology, file, flow, flow.trace_id.hex(), known)) is not None
    ]
    yield from mistakes or _missing(file, paths, [flow for _, flow in flows], known)


def _missing(file: Path, paths: Sequence[Path], flows: Sequence[Flow], known: Sequence[Traced]) -> Iterator[Difference]:
    """Traces that no flow has; a flow with a file of its own may have any id in its namespace."""
    for one in known:
        if not any(
            one.trace.ioam_namespace == flow.namespace
            if isinstance(flow.trace_id, Path)
            else _fits(one, flow.namespace, flow.trace_id.hex())
            for flow in flows
        ):
            there = ", ".join(map(str, paths))
            message = f"no flow in {there} has its id: right where the application adds the trace by itself"
            yield Difference(file, one.place, message, "warning")


def _fits(one: Traced, namespace: int, trace_id: str) -> bool:
    """Whether packets with this id count for the trace: it may be all of a namespace, or the first digits of ids."""
    if one.trace.ioam_namespace != namespace:
        return False
    return one.trace.id == WHOLE_NAMESPACE or trace_id.startswith(one.trace.id)


def _mistake(
    topology: Topology, file: Path, flow: Flow, trace_id: str, known: Sequence[Traced]
) -> tuple[str, str] | None:
    """The key of a flow that is wrong, and why."""
    fitting = [one for one in known if _fits(one, flow.namespace, trace_id)]
    if fitting:
        named = flow.name in topology.applications
        if not named or any(one.application == flow.name for one in fitting):
            return None
        return (
            "id",
            f"is that of application {fitting[0].application!r} in {file}, and the flow is called {flow.name!r}",
        )
    for one in known:
        if _fits(one, one.trace.ioam_namespace, trace_id):
            return "ioam_namespace", f"{one} has {one.trace.ioam_namespace} in {file}, and {flow.namespace} here"
    ids = [one.trace.id for one in known if one.trace.ioam_namespace == flow.namespace]
    near = did_you_mean(trace_id, ids)
    return "id", f"no application in {file} has trace {trace_id} of namespace {flow.namespace}{near}"
