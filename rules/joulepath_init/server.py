# SPDX-License-Identifier: Apache-2.0
"""Asks a Prometheus which meters, hosts, pods, models, IOAM nodes, traces, flows and cores it has now."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from joulepath_init import cores
from joulepath_init.found import WHOLE_LEVELS, Found, Gpu, Model, Node, Pod, Reading, Whole, counter
from joulepath_init.naming import natural
from joulepath_prometheus.client import Prometheus
from joulepath_topology.meters import METERS, Meter
from joulepath_topology.model_servers import SERVERS, Server

RECENT_SECONDS = 600.0
"""Series that have ended before this are of things that are no longer there."""
_OVER = "5m"
_ZONES = "package|core|uncore|dram|psys"


def look(prometheus: Prometheus, now: float) -> Found:
    """All that the topology can name. Raises PrometheusError."""
    return _Look(prometheus, now).found()


class _Look:
    def __init__(self, prometheus: Prometheus, now: float) -> None:
        self._prometheus = prometheus
        self._now = now

    def found(self) -> Found:
        readings = [one for kind, meter in METERS.items() if kind != "gpu" for one in self._meter(kind, meter)]
        requests = self._series('kube_pod_container_resource_requests{resource="cpu"}')
        return Found(
            readings=readings,
            wholes=list(self._wholes({one.instance for one in readings if one.kind == "pdu"})),
            nodes=list(self._nodes()),
            pods=list(self._pods()),
            requesting=frozenset((one.get("namespace", ""), one.get("pod", "")) for one in requests),
            capacity=self._capacity(),
            workloads=_pairs(self._series("workload_cpu_seconds_total"), "instance", "workload"),
            gpus=list(self._gpus()),
            models=list(self._models()),
            ioam_nodes=[
                (int(node), instance)
                for node, instance in _pairs(self._series("ioam_node_packets_total"), "node_id", "instance")
                if node.isdecimal()
            ],
            traces=[
                (int(namespace), trace)
                for namespace, trace in _pairs(self._series("ioam_trace_packets_total"), "ioam_namespace", "trace_id")
                if namespace.isdecimal() and trace != "other"
            ],
            cores=list(cores.look(self._series)),
            flows=[flow for flow, _ in _pairs(self._series("ioam_flow_packets_total"), "flow", "")],
        )

    def _series(self, *selectors: str) -> list[Mapping[str, str]]:
        return self._prometheus.series(*selectors, begin=self._now - RECENT_SECONDS, end=self._now)

    def _meter(self, kind: str, meter: Meter) -> Iterator[Reading]:
        """The readings of a kind of meter, each with its mean watts if they are known already."""
        label = meter.part.label if meter.part is not None else ""
        known = _pairs(self._series(meter.joules), "instance", label)
        query = f"rate({meter.joules}[{_OVER}]) / rate({meter.seconds}[{_OVER}])"
        watts = {
            (one.labels.get("instance", ""), one.labels.get(label, "")): one.value
            for one in (self._prometheus.query(query, self._now) if known else ())
        }
        names = self._outlet_names() if kind == "pdu" and known else {}
        several = {instance for instance, _ in known if sum(one == instance for one, _ in known) > 1}
        for instance, part in known:
            # A meter with one part need not name it.
            named = part if meter.optional is None or instance in several else ""
            yield Reading(kind, instance, named, names.get((instance, part), ""), watts.get((instance, part)))

    def _wholes(self, with_outlets: Collection[str]) -> Iterator[Whole]:
        """PDUs that measure no outlet."""
        known = set(with_outlets)
        for level in WHOLE_LEVELS:
            parts: dict[str, list[str]] = defaultdict(list)
            for instance, part in _pairs(self._series(counter(level)), "instance", level):
                if instance not in known and part:
                    parts[instance].append(part)
            known |= parts.keys()
            query = f"sum by (instance) (pdu_{level}_power_watts)"
            watts = {
                one.labels.get("instance", ""): one.value
                for one in (self._prometheus.query(query, self._now) if parts else ())
            }
            for instance, own in parts.items():
                yield Whole(instance, level, tuple(own), watts.get(instance))

    def _outlet_names(self) -> dict[tuple[str, str], str]:
        return {
            (one.get("instance", ""), one.get("outlet", "")): one.get("name", "")
            for one in self._series("pdu_outlet_info")
        }

    def _nodes(self) -> Iterator[Node]:
        zones = defaultdict[str, set[str]](set)
        for one in self._series("kepler_node_cpu_joules_total"):
            zones[one.get("node_name", "")].add(one.get("zone", ""))
        older = defaultdict[str, set[str]](set)
        for one in self._series(f'{{__name__=~"kepler_node_({_ZONES})_joules_total"}}'):
            older[one.get("instance", "")].add(one["__name__"].split("_")[2])
        for dialect, nodes in (("0.10", zones), ("0.9", older)):
            for name, found in sorted(nodes.items()):
                if name:
                    yield Node(name, dialect, frozenset(found))

    def _pods(self) -> Iterator[Pod]:
        for selector, namespace, node in (
            ('kepler_pod_cpu_joules_total{state!="terminated"}', "pod_namespace", "node_name"),
            ('{__name__=~"kepler_container_(package|core)_joules_total"}', "container_namespace", "instance"),
        ):
            found = {
                (one.get(namespace, ""), one.get("pod_name", ""), one.get(node, "")) for one in self._series(selector)
            }
            yield from (Pod(*one) for one in sorted(found) if all(one))

    def _capacity(self) -> dict[str, float]:
        query = 'max by (node) (kube_node_status_capacity{resource="cpu"})'
        return {one.labels.get("node", ""): one.value for one in self._prometheus.query(query, self._now)}

    def _gpus(self) -> Iterator[Gpu]:
        meter = METERS["gpu"]
        for instance, number in _pairs(self._series(meter.joules), "instance", "gpu"):
            yield Gpu("gpu", instance, number)
        of_dcgm = self._series("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")
        found = {(one.get("Hostname") or one.get("hostname", ""), one.get("gpu", "")) for one in of_dcgm}
        yield from (Gpu("dcgm", *one) for one in sorted(found) if all(one))

    def _models(self) -> Iterator[Model]:
        """The models of each kind of server; a server that shows the counters of a richer kind is of that one."""
        taken: set[tuple[str, str]] = set()
        for kind, server in sorted(SERVERS.items(), key=lambda item: -len(item[1].units)):
            series = [self._series(_counter(server, unit)) for unit in server.units]
            targets = set.intersection(*({one.get("instance", "") for one in each} for each in series))
            found = defaultdict[tuple[str, str], set[str]](set)
            for one in series[-1 if server.requests is None else 0]:
                name, instance = one.get(server.model or "", ""), one.get("instance", "")
                if instance in targets and (server.requests or kind, instance) not in taken:
                    found[name, instance].update(filter(None, [one.get("application")]))
            taken |= {(server.requests or kind, instance) for instance in targets}
            for (name, instance), applications in sorted(found.items()):
                yield Model(kind, name, instance, frozenset(applications))


def _counter(server: Server, unit: str) -> str:
    """The selector of a counter, with `:` as either of its two forms."""
    return f'{{__name__=~"{re.sub(":", "[:_]", server.metric(unit) or "")}"}}'


def _pairs(series: Iterable[Mapping[str, str]], first: str, second: str) -> list[tuple[str, str]]:
    """Both labels of each series, each pair once; without the second label it is empty."""
    found = {(one.get(first, ""), one.get(second, "")) for one in series}
    return sorted((pair for pair in found if pair[0]), key=lambda pair: [natural(text) for text in pair])
