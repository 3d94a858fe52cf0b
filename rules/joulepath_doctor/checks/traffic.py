# SPDX-License-Identifier: Apache-2.0
"""IOAM nodes: counted where the topology says, by one process, without packets that pass unseen."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.checks.marks import marks, shows
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import SECONDS, Node, nodes
from joulepath_doctor.questions import rows, since, value, window
from joulepath_doctor.selected import last_seen, nearest, select, shown
from joulepath_doctor.youth import pending, recent
from joulepath_rules.rule import selector

LEAST = 0.5
"""The part of a window in which a node must be counted (attribution.yaml, `node:measured:ratio`)."""
UNSEEN = 0.01
"""The part of the packets that may pass uncounted (alerts.yaml, `EnergyCaptureDrops`)."""
BACKGROUND = 1.0
"""Packets/s on an interface that carries nothing: neighbour discovery, LLDP."""
COUNTERS = ("ioam_node_packets_total", "ioam_node_bytes_total")
"""Counters of a node that the rules read."""
HOST_PACKETS = ("node_network_receive_packets_total", "node_network_transmit_packets_total")
"""Packets of an interface as node_exporter counts them."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about nodes, then about the packets that they miss, then about traces and flows."""
    counted = []
    for node in nodes(context.topology):
        findings = list(_node(context, node))
        yield from findings
        if not findings:
            counted.append(node)
    yield from _missed(context, counted)
    yield from marks(context, counted)


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
    elif lacking := [each for each in COUNTERS if not shows(context, node, each)]:
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
