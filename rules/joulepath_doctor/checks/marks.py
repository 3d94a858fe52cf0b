# SPDX-License-Identifier: Apache-2.0
"""Traces and flows of applications: counted at each node of their path, under the name that the topology has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import Node
from joulepath_doctor.questions import length, rows, since, value, window
from joulepath_doctor.selected import last_seen, nearest, select, shown
from joulepath_rules.rule import selector
from joulepath_topology.applications import Mark, Trace
from joulepath_topology.problem import Place


@dataclass(frozen=True)
class Words:
    """The cures of one way of counting."""

    none: str
    """Why a node may show none at all."""
    name_it: str
    follow_it: str
    compare: str


WORDS = {
    "trace": Words(
        "none passes",
        "give `traces` of `joulepath ioam`, `joulepath tag` and the topology one id",
        "see where the option is dropped or hidden in a tunnel",
        "compare its id with the configuration of `joulepath tag`",
    ),
    "flow": Words(
        "its exporter has no `flows`",
        "give `flows` of `joulepath ioam` and the topology one name",
        "see whether its addresses or ports are others there (NAT, a proxy)",
        "compare its addresses and ports with `flows` of `joulepath ioam`, where an earlier flow may take its packets",
    ),
}


def marks(context: Context, counted: list[Node]) -> Iterator[Finding]:
    """Findings about the traces and flows that pass these nodes."""
    for name, application in context.topology.applications.items():
        for key, mark in application.placed_marks:
            route = {context.topology.counted_at(each) for each in context.topology.mark_route(name, mark)}
            passed = [node for node in counted if node.component in route]
            yield from _mark(context, ("applications", name, *key), mark, passed)


def _mark(context: Context, place: Place, mark: Mark, passed: list[Node]) -> Iterator[Finding]:
    """A trace or flow is absent at a node of its path; or it is there, and no packet of it came to one of them."""
    way, words = mark.way, WORDS[mark.way]
    counters: dict[int, list[str]] = {}
    for node in passed:
        counters.setdefault(node.node, []).append(node.select(f"ioam_{way}_packets_total", **mark.identity))
    states = {node: [select(context, each) for each in of] for node, of in counters.items()}
    absent = [node for node, seen in states.items() if not any(each.now for each in seen)]
    if not absent and (fact := _dropped(context, passed, way)):
        yield found(
            f"traffic/{way}-absent", place, f"{fact}: see whether metric_relabel_configs drops it",
            tuple(node.place for node in passed), fact,
        )  # fmt: skip
        return
    if absent:
        without = [node for node in passed if node.node in absent]
        read = [target for seen in states.values() for each in seen for target in each.targets]
        fact = _dropped(context, without, way) or _absent(context, mark, absent, list(states))
        because = (*(node.place for node in passed), *read)
        yield found(f"traffic/{way}-absent", place, f"{fact}: {words.name_it}, or correct the `path`", because, fact)
        return
    packets = {node: _packets(context, of) for node, of in counters.items()}
    silent = [node for node, count in packets.items() if count == 0]
    moving = [node for node, count in packets.items() if count]
    if moving and silent:
        rate = max(count or 0 for count in packets.values()) / context.since
        yield found(
            f"traffic/{way}-lost", place,
            f"{rate:.3g} packets/s at node {_list(moving)}, none at node {_list(silent)}: {words.follow_it}, "
            "or correct the `path`",
            tuple(node.place[:-1] for node in passed if node.node in silent),
        )  # fmt: skip
    elif silent:
        yield found(
            f"traffic/{way}-silent", place,
            f"no packet of the {way} was counted for {length(context.since)}: if the application sends, "
            f"{words.compare}",
        )  # fmt: skip


def _absent(context: Context, mark: Mark, absent: list[int], all_nodes: list[int]) -> str:
    """The fact about a trace or flow that some or all nodes of its path do not know now."""
    metric = f"ioam_{mark.way}_packets_total"
    anywhere = metric + selector(**mark.identity)
    others: Sequence[str] = ()
    if isinstance(mark, Trace):
        at = {"node_id": str(absent[0]), "trace_id": mark.id}
        others = context.server.label_values("ioam_namespace", metric + selector(**at))
    if isinstance(mark, Trace) and others:
        return (
            f"the trace is in ioam_namespace {shown('', others)} at node {_list(absent)}, and not in "
            f"{mark.ioam_namespace}"
        )
    if len(absent) < len(all_nodes):
        counting = [node for node in all_nodes if node not in absent]
        return f"node {_list(counting)} counts the {mark.way}, node {_list(absent)} of its path does not"
    if select(context, anywhere).now:
        there = context.server.label_values("node_id", anywhere)
        return f"node {_list(absent)} of its path does not count the {mark.way}; it is at {shown('', there)}"
    if select(context, anywhere).before:
        return f"the {mark.way} was last counted {last_seen(context, anywhere)}"
    return nearest(context, anywhere)


def _dropped(context: Context, passed: list[Node], way: str) -> str:
    """The counter of traces or flows that a node lacks altogether, as a fact; empty where none does."""
    for node in passed:
        for counter in (f"ioam_{way}_packets_total", f"ioam_{way}_bytes_total"):
            if not shows(context, node, counter):
                return (
                    f"node {node.node} shows no {counter} of any {way}, since {WORDS[way].none}, or since it is dropped"
                )
    return ""


def _packets(context: Context, counters: list[str]) -> float | None:
    """Packets of all of them in the time; None where no two samples are there."""
    counts = [value(context, f"sum(increase({each}[{since(context)}]))") for each in counters]
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def _list(found_nodes: list[int]) -> str:
    return ", ".join(map(str, found_nodes))


def shows(context: Context, node: Node, counter: str) -> bool:
    """Whether a node has a counter. One question is about the counter at all nodes."""
    every = f"group by (node_id, instance) (present_over_time({counter}[{window(context)}]))"
    return any(
        at == str(node.node) and node.instance in {None, instance}
        for at, instance in rows(context, every, "node_id", "instance")
    )
