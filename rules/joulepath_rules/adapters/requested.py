# SPDX-License-Identifier: Apache-2.0
"""The requests of the pods of components on hosts, from kube-state-metrics."""

from collections.abc import Iterator, Sequence

from joulepath_rules.places import reserved
from joulepath_rules.rule import Rule, number, selector
from joulepath_topology import Topology
from joulepath_topology.promql import quote


def requested(topology: Topology) -> Iterator[Rule]:
    """A rule for each component and host: the mean over the window, of which at least half must be there."""
    for name, component in topology.components.items():
        if (requests := component.requests_of_pods) is None:
            continue
        for placement in topology.placements(name):
            if placement.gpu is not None or topology.whole(placement) or reserved(topology, name, placement) is None:
                continue
            node = topology.named_in_kepler(placement.vm or placement.host).node_name or ""
            expr = _mean(component.requesting, requests.kube, node)
            if requests.fallback is not None:
                there = f"adapter:working:ratio{selector(component=name, host=placement.host)}"
                otherwise = number(requests.fallback)
                expr += f"\nor {otherwise} * sum({there})" if component.moves else f"\nor vector({otherwise})"
            yield Rule("adapter:requested:amount", expr, {"component": name, "host": placement.host})


def _mean(pods: Sequence[str], resource: str, node: str) -> str:
    known = f"group(kube_node_info{{node={quote(node)}}})"
    rows = "\n  or ".join(_rows(each, resource, node) for each in pods)
    steps = "[$window:$interval]"
    return f"avg_over_time((sum({rows})\n  or 0 * {known}){steps})\nand on () count_over_time({known}{steps}) >= $steps"


def _rows(pods: str, resource: str, node: str) -> str:
    """Each container of each running pod once, however often kube-state-metrics is scraped.

    A pod of the same name on another node has another uid.
    """
    namespaces, names = pods.split("/")
    selected = f"namespace=~{quote(namespaces)},pod=~{quote(names)}"
    asked = f"kube_pod_container_resource_requests{{{selected},node={quote(node)},resource={quote(resource)}}}"
    running = f'kube_pod_status_phase{{{selected},phase="Running"}}'
    return (
        f"max by (namespace, pod, uid, container) ({asked})\n"
        f"    * on (namespace, pod, uid) group_left () max by (namespace, pod, uid) ({running})"
    )
