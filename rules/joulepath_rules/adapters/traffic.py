# SPDX-License-Identifier: Apache-2.0
"""Traffic and requests, where the chain does not read them from the ioam exporters' series by itself."""

from collections.abc import Iterator

from joulepath_rules.adapters.guards import SENSIBLE, counting, guarded, recent, steady
from joulepath_rules.rule import Rule, selector
from joulepath_topology import Topology, promql
from joulepath_topology.components import Component, IoamNode, Traffic, Vllm
from joulepath_topology.promql import quote


def traffic(topology: Topology) -> Iterator[Rule]:
    """Rows of applications and totals of each counter."""
    for name, component in topology.components.items():
        if topology.counted_at(name) != name or not (component.traffic or component.requests):
            continue
        if component.traffic and component.traffic.ioam:
            yield from _ioam(name, component.traffic, component.traffic.ioam)
        else:
            yield from _foreign(name, component)


def _foreign(name: str, component: Component) -> Iterator[Rule]:
    """Rows of applications from PromQL or vLLM; all rows together are the total.

    A total is a gap while one of its rows is NaN, infinite or negative: the shares of the others would be too large.
    """
    queries = _queries(name, component)
    read = list(dict.fromkeys(each for expr in queries.values() for each in promql.selectors(expr)))
    counters = list(dict.fromkeys(each for expr in queries.values() for each in promql.counters(expr)))
    ranged = any(promql.has_range(expr) for expr in queries.values())
    for unit, expr in queries.items():
        by = "count" if unit in {"packets", "requests"} else "volume"
        labels = {"counter": name, "by": by, "unit": unit}
        rows = f"adapter:traffic:rate{selector(counter=name, by=by)}"
        yield Rule("adapter:traffic:rate", f"sum by (application) ({expr})", labels)
        guard = recent(*read) + counting(*counters) if ranged else ""
        total = f"sum({rows}) {SENSIBLE}\nand on () min({rows}) >= 0{guard}"
        yield Rule("adapter:whole:rate", total, {"counter": name, "by": by})
    yield Rule("adapter:steady:info", steady(*queries.values()) if ranged else "vector(1)", {"counter": name})


def _queries(name: str, component: Component) -> dict[str, str]:
    """PromQL of one component by unit."""
    if component.traffic and component.traffic.query:
        query = component.traffic.query
        found = {"packets": query.packets, "bytes": query.bytes}
    elif component.requests and component.requests.query:
        found = {"requests": component.requests.query.requests, "tokens": component.requests.query.tokens}
    else:
        vllm = (component.requests and component.requests.vllm) or Vllm()
        found = {
            "requests": _vllm(name, vllm, "request_success_total"),
            "tokens": _vllm(name, vllm, "generation_tokens_total"),
        }
    return {unit: expr for unit, expr in found.items() if expr is not None}


def _ioam(name: str, traffic: Traffic, ioam: IoamNode) -> Iterator[Rule]:
    """The parts of an IOAM node that the chain's own join does not cover: named instances, a total from a query."""
    node = f"node_id={quote(str(ioam.node))}"
    if ioam.instances:
        node += f",instance=~{quote('|'.join(promql.literal(each) for each in ioam.instances))}"
    seconds = f"sum by (instance) (rate(ioam_node_measured_seconds_total{{{node}}}[$window]))"
    all_measured = f"and on () count({seconds} > 0.5) == {len(ioam.instances)}"
    for by, unit in (("count", "packets"), ("volume", "bytes")):
        if ioam.instances:
            traces = f"rate(ioam_trace_{unit}_total{{{node}}}[$window])"
            rows = (
                "sum by (application, ioam_namespace, trace_id) (\n"
                "  joulepath_topology_trace * on (ioam_namespace, trace_id) group_left ()\n"
                "    sum by (ioam_namespace, trace_id) (\n"
                f"      sum by (instance, ioam_namespace, trace_id) ({traces})\n"
                f"      / on (instance) group_left () {seconds}))\n{all_measured}"
            )
            yield Rule("adapter:traffic:rate", rows, {"counter": name, "by": by, "unit": unit})
        if traffic.query is not None:
            expr = traffic.query.packets if by == "count" else traffic.query.bytes
            if expr is not None:
                yield Rule("adapter:whole:rate", guarded(expr), {"counter": name, "by": by})
        elif ioam.instances:
            kind = "trace" if traffic.traced else "node"
            whole = (
                f"sum(sum by (instance) (rate(ioam_{kind}_{unit}_total{{{node}}}[$window]))\n"
                f"  / on (instance) {seconds})\n{all_measured}"
            )
            yield Rule("adapter:whole:rate", whole, {"counter": name, "by": by})


def _vllm(name: str, vllm: Vllm, metric: str) -> str:
    labels = {"model_name": vllm.model_name or name}
    if vllm.instance is not None:
        labels["instance"] = vllm.instance
    # Newer Python clients turn the colon of the name into an underscore where the scraper asks for OpenMetrics.
    rate = f'rate({{__name__=~"vllm[:_]{metric}",{selector(**labels)[1:]}[$window])'
    if vllm.application_label == "application":
        return rate
    return f'label_replace({rate}, "application", "$1", {quote(vllm.application_label)}, "(.*)")'
