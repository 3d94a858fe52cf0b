# SPDX-License-Identifier: Apache-2.0
"""Reservations that are the requests of pods: kube-state-metrics knows the pods, and they have requests."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import own, window
from joulepath_doctor.selected import nearest, select
from joulepath_topology.components import Component
from joulepath_topology.promql import quote

NODES = "kube_node_info"


def check(context: Context) -> Iterator[Finding]:
    """Findings about components without a fallback. Nodes that kube-state-metrics lacks are among the sources."""
    for name, component in context.topology.components.items():
        requests = component.requests_of_pods
        if requests is None or requests.fallback is not None or not select(context, NODES).now:
            continue
        if not any(_runs(context, pods) for pods in component.requesting):
            yield from _unknown(context, name, component)
        elif not any(_asks(context, pods, requests.kube) for pods in component.requesting):
            yield found(
                "source/absent", ("components", name, "reservation"),
                f"pods {', '.join(component.requesting)} request no {requests.kube}, so its reservation is 0: state "
                f"`resources.requests.{requests.kube}` of their containers, or a number as `reservation`",
            )  # fmt: skip


def _unknown(context: Context, name: str, component: Component) -> Iterator[Finding]:
    """No pod is known there. One that is away has no rows for its share either."""
    if _works(context, name):
        fact = nearest(context, _phase(component.requesting[0]))
        yield found(
            "source/absent", ("components", name, "reservation"),
            f"{fact}, so its reservation is 0: let kube-state-metrics show it, or correct `pods`",
            cause=fact,
        )  # fmt: skip


def _pods(pods: str) -> str:
    namespaces, names = pods.split("/")
    return f"namespace=~{quote(namespaces)},pod=~{quote(names)}"


def _phase(pods: str) -> str:
    return f"kube_pod_status_phase{{{_pods(pods)}}}"


def _runs(context: Context, pods: str) -> bool:
    return select(context, _phase(pods)).now


def _asks(context: Context, pods: str, resource: str) -> bool:
    return select(context, f"kube_pod_container_resource_requests{{{_pods(pods)},resource={quote(resource)}}}").now


def _works(context: Context, component: str) -> bool:
    """Whether the component has work anywhere."""
    share = own(context, "component:active:ratio", component=component)
    return bool(context.server.query(f"max_over_time({share}[{window(context)}]) > 0"))
