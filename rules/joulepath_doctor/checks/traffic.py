# SPDX-License-Identifier: Apache-2.0
"""IOAM nodes and traces: counted where the topology says, by one process, without packets that pass unseen."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import SECONDS, Node, nodes
from joulepath_doctor.questions import length, rows, since, value, window
from joulepath_doctor.selected import last_seen, nearest, select, shown
from joulepath_doctor.youth import pending, recent
from joulepath_rules.rule import selector
from joulepath_topology.problem import Place

LEAST = 0.5
"""The part of a window in which a node must be counted (attribution.yaml, `node:measured:ratio`)."""
UNSEEN = 0.01
"""The part of the packets that may pass uncounted (alerts.yaml, `EnergyCaptureDrops`)."""
BACKGROUND = 1.0
"""Packets/s on an interface that carries nothing: neighbour discovery, LLDP."""
COUNTERS = ("ioam_node_packets_total", "ioam_node_bytes_total")
"""Counters of a node that the rules read."""
OF_TRACES = ("ioam_trace_packets_total", "ioam_trace_bytes_total")
HOST_PACKETS = ("node_network_receive_packets_total", "node_network_transmit_packets_total")
"""Packets of an interface as node_exporter counts them."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about nodes, then about the packets that they miss, then about traces."""
    counted = []
    for node in nodes(context.topology):
        findings = list(_node(context, node))
        yield from findings
        if not findings:
            counted.append(node)
    yield from _missed(context, counted)
    yield from _traces(context, counted)


def _node(context: Context, node: Node) -> Iterator[Finding]:
    seconds = node.select(SECONDS)
    seen = select(context, seconds)
    if not seen.before:
        if young := list(pending(context, seconds, node.place)):
            yield from young
            return
        fact = nearest(context, seconds)
        yield found(
            "traffic/node-absent", node.place,
            f"{fact}: give `node_id` of `joulepath ioam` and of the topology one value, and "
            "scrape the exporter",
            seen.targets, fact,
        )  # fmt: skip
    elif not seen.now:
        yield found(
            "source/stale", node.place,
            f"node {node.node} was last counted {last_seen(context, seconds)}: see the exporter's log",
            seen.targets,
        )  # fmt: skip
    elif (measured := value(context, f"max(rate({seconds}[{window(context)}]))") or 0.0) <= LEAST:
        if young := list(recent(context, seconds, node.place, seen.targets)):
            yield from young
            return
        yield found(
            "source/sparse", node.place,
            f"node {node.node} was counted in {measured:.0%} of the last {window(context)}, and {LEAST:.0%} is needed: "
            "see the exporter's log for interfaces that are gone",
            seen.targets,
        )  # fmt: skip
    elif lacking := [each for each in COUNTERS if not _shown(context, node, each)]:
        yield found(
            "traffic/node-absent", node.place,
            f"node {node.node} shows {SECONDS} and not {', '.join(lacking)}: see whether metric_relabel_configs or a "
            "filter drops it",
            seen.targets,
        )  # fmt: skip
    elif node.instance is None and len(processes := _processes(context, seconds)) > 1:
        yield found(
            "source/ambiguous", node.place,
            f"{len(processes)} processes count node {node.node}, so packets may count twice: {shown('', processes)}; "
            "give each node an id of its own, or name them as `ioam: {node: N, instances: [...]}`",
        )  # fmt: skip


def _shown(context: Context, node: Node, counter: str) -> bool:
    """Whether a node has a counter. One question is about the counter at all nodes."""
    every = f"group by (node_id, instance) (present_over_time({counter}[{window(context)}]))"
    return any(
        at == str(node.node) and node.instance in {None, instance}
        for at, instance in rows(context, every, "node_id", "instance")
    )


def _processes(context: Context, seconds: str) -> list[str]:
    """Instances that count a node; one process that is scraped twice counts once, by the time when it started."""
    counting = rows(context, f"group by (instance, job) ({seconds})", "instance", "job")
    started = rows(context, "max by (instance, job) (process_start_time_seconds)", "instance", "job")
    return list({started.get(each, each): each[0] for each in counting}.values())


def _missed(context: Context, counted: list[Node]) -> Iterator[Finding]:
    """Packets that an exporter of these nodes did not see, and interfaces on which it sees nothing."""
    told = set[tuple[str, str]]()
    for node in counted:
        # Signalling and management are seen, too: an interface with them is not blind.
        every = (node.select(f"ioam_node_{packets}_total") for packets in ("packets", "other_packets"))
        counts = " or ".join(
            f'label_replace(increase({each}[{since(context)}]), "of", "{at}", "", "")' for at, each in enumerate(every)
        )
        packets = rows(context, f"sum by (job, instance) ({counts})", "job", "instance")
        for (job, instance), seen in packets.items():
            if (job, instance) in told:
                continue
            told.add((job, instance))
            labels = selector(job=job, instance=instance)
            dropped, unseen = (
                value(context, f"sum(increase({metric}{labels}[{since(context)}]))") or 0.0
                for metric in ("ioam_capture_drops_total", "ioam_interface_unseen_packets_total")
            )
            passed = unseen or _passed(context, job, instance)
            place = node.place[:-1]
            if not seen and passed > BACKGROUND * context.since:
                yield found(
                    "traffic/interface-silent", place,
                    f"{instance} saw no packet of node {node.node}, while its interfaces had {passed:.0f}: name the "
                    "interface that the user packets pass, see the blind spots of the backend",
                )  # fmt: skip
            elif seen and dropped + unseen > UNSEEN * max(seen, context.since):
                yield found(
                    "traffic/unseen", place,
                    f"{instance} counted {seen:.0f} packets, lost {dropped:.0f} and missed {unseen:.0f} that its "
                    "interfaces had: use the backend `ebpf`, or see which packets pass it",
                )  # fmt: skip


def _passed(context: Context, job: str, instance: str) -> float:
    """Packets on the captured interfaces by node_exporter, on the host of the same address."""
    interfaces = rows(context, f"ioam_capture_info{selector(job=job, instance=instance)}", "interface")
    host = instance.rpartition(":")[0] or instance
    total = 0.0
    for metric in HOST_PACKETS:
        moved = rows(context, f"sum by (instance, device) (increase({metric}[{since(context)}]))", "instance", "device")
        total += sum(
            count
            for (other, device), count in moved.items()
            if (device,) in interfaces and (other.rpartition(":")[0] or other) == host
        )
    return total


def _traces(context: Context, counted: list[Node]) -> Iterator[Finding]:
    for name, application in context.topology.applications.items():
        for number, trace in enumerate(application.traces):
            route = {context.topology.counted_at(each) for each in context.topology.mark_route(name, trace)}
            passed = [node for node in counted if node.component in route]
            identity = {"ioam_namespace": str(trace.ioam_namespace), "trace_id": trace.id}
            yield from _trace(context, ("applications", name, "traces", number), identity, passed)


def _trace(context: Context, place: Place, identity: dict[str, str], passed: list[Node]) -> Iterator[Finding]:
    """A trace is absent at a node of its path; or it is there, and no packet of it came to one of them."""
    counters: dict[int, list[str]] = {}
    for node in passed:
        counters.setdefault(node.node, []).append(node.select("ioam_trace_packets_total", **identity))
    states = {node: [select(context, each) for each in of] for node, of in counters.items()}
    absent = [node for node, seen in states.items() if not any(each.now for each in seen)]
    if not absent and (fact := _dropped(context, passed)):
        yield found(
            "traffic/trace-absent", place, f"{fact}: see whether metric_relabel_configs drops it",
            tuple(node.place for node in passed), fact,
        )  # fmt: skip
        return
    if absent:
        without = [node for node in passed if node.node in absent]
        read = [target for seen in states.values() for each in seen for target in each.targets]
        fact = _dropped(context, without) or _absent(context, identity, absent, list(states))
        cure = "give `traces` of `joulepath ioam`, `joulepath tag` and the topology one id, or correct the `path`"
        because = (*(node.place for node in passed), *read)
        yield found("traffic/trace-absent", place, f"{fact}: {cure}", because, fact)
        return
    packets = {node: _packets(context, of) for node, of in counters.items()}
    silent = [node for node, count in packets.items() if count == 0]
    moving = [node for node, count in packets.items() if count]
    if moving and silent:
        rate = max(count or 0 for count in packets.values()) / context.since
        yield found(
            "traffic/trace-lost", place,
            f"{rate:.3g} packets/s at node {_list(moving)}, none at node {_list(silent)}: see where the option is "
            "dropped or hidden in a tunnel, or correct the `path`",
            tuple(node.place[:-1] for node in passed if node.node in silent),
        )  # fmt: skip
    elif silent:
        yield found(
            "traffic/trace-silent", place,
            f"no packet of the trace was counted for {length(context.since)}: if the application sends, compare its id "
            "with the configuration of `joulepath tag`",
        )  # fmt: skip


def _absent(context: Context, identity: dict[str, str], absent: list[int], all_nodes: list[int]) -> str:
    """The fact about a trace that some or all nodes of its path do not know now."""
    anywhere = "ioam_trace_packets_total" + selector(**identity)
    at = {"node_id": str(absent[0]), "trace_id": identity["trace_id"]}
    others = context.server.label_values("ioam_namespace", "ioam_trace_packets_total" + selector(**at))
    if others:
        own = identity["ioam_namespace"]
        fact = f"the trace is in ioam_namespace {shown('', others)} at node {_list(absent)}, and not in {own}"
    elif len(absent) < len(all_nodes):
        counting = [node for node in all_nodes if node not in absent]
        fact = f"node {_list(counting)} counts the trace, node {_list(absent)} of its path does not"
    elif select(context, anywhere).now:
        there = context.server.label_values("node_id", anywhere)
        fact = f"node {_list(absent)} of its path does not count the trace; it is at {shown('', there)}"
    elif select(context, anywhere).before:
        fact = f"the trace was last counted {last_seen(context, anywhere)}"
    else:
        fact = nearest(context, anywhere)
    return fact


def _dropped(context: Context, passed: list[Node]) -> str:
    """The counter of traces that a node lacks altogether, as a fact; empty where none does."""
    for node in passed:
        for counter in OF_TRACES:
            if not _shown(context, node, counter):
                return f"node {node.node} shows no {counter} of any trace, since none passes, or since it is dropped"
    return ""


def _packets(context: Context, counters: list[str]) -> float | None:
    """Packets of all of them in the time; None where no two samples are there."""
    counts = [value(context, f"sum(increase({each}[{since(context)}]))") for each in counters]
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def _list(found_nodes: list[int]) -> str:
    return ", ".join(map(str, found_nodes))
