# SPDX-License-Identifier: Apache-2.0
"""The PromQL of a topology, one rule for each source: what the fixed chain reads besides exporters and constants.

Reads of the chain's own series and of constants are written plainly, as in attribution.yaml.
"""

from collections.abc import Iterator

from joulepath_rules.constants import source_rows
from joulepath_rules.rule import Rule, number, selector
from joulepath_topology import Topology, promql
from joulepath_topology.components import Component, IoamNode, Share, Traffic, Vllm
from joulepath_topology.promql import quote

# Of node_exporter's and /proc/stat's modes: idle does no work, steal is another's, guest is in user already.
BUSY = 'mode!~"idle|iowait|steal|guest|guest_nice"'

# The range of a query's result: a value below 0, NaN or Inf (a division by 0) is not an amount, but a gap.
SENSIBLE = ">= 0 < Inf"


def adapters(topology: Topology) -> Iterator[Rule]:
    """All adapters; durations are still `$window`, `$half`, `$quarter`, `$reach` and `$interval`."""
    for weight, labels, expr in source_rows(topology):
        if expr is not None:
            yield Rule("source:power_watts", f"{number(weight)} * {_watts(expr)}", labels)
    yield from _work(topology)
    yield from _traffic(topology)


def _watts(expr: str) -> str:
    """Watts of now as a mean over the window, at least half of which must be there: as plugs are read.

    A constant stays one, and a query that looks back over a range by itself is left so.
    """
    sensible = f"(sum({expr}) {SENSIBLE})"
    if promql.is_constant(expr):
        return sensible
    if promql.has_range(expr):
        return _query(expr)
    steps = f"{sensible}[$window:$interval]"
    return f"(avg_over_time({steps}) and count_over_time({steps}) >= $steps)"


def _recent(*selectors: str) -> str:
    """Accepts a foreign counter only while it has a sample in the newest quarter of the window and one in the older
    half: rates of two scrapes are too coarse for shares."""
    return "".join(
        f"\nand on () group(present_over_time({each}[$quarter]))"
        f"\nand on () group(present_over_time({each}[$half] offset $half))"
        for each in selectors
    )


def _counting(*counters: str) -> str:
    """Accepts a foreign counter that restarted only after it has counted again: its rate may be 0 until then."""
    return "".join(
        f"\nunless on () (group(resets({each}[$window]) > 0) and on () sum({each}) == 0)" for each in counters
    )


def _steady(*queries: str) -> str:
    """1 while every target of foreign counters is read now and at the window's start, and began before it.

    Such a counter has no twin that says how long it was measured: a rate is low where the first or the last scrape is
    lost, and where an exporter began within the window, or since its last scrape before: rate() does not look back
    beyond a counter's 0.
    """
    selectors = dict.fromkeys(each for expr in queries for each in promql.selectors(expr))
    counters = dict.fromkeys(each for expr in queries for each in promql.counters(expr))
    spoilt = [
        f"group by (instance, job) (present_over_time({each}[$window]))\n"
        f"    unless on (instance, job) (group by (instance, job) ({each})\n"
        f"      and on (instance, job) group by (instance, job) ({each} offset $start)\n"
        f"      and on (instance, job) group by (instance, job) ({each} offset $window))"
        for each in selectors
    ]
    spoilt += [f"group by (instance, job) (resets({each}[$reach]) > 0)" for each in counters]
    joined = "\n  or ".join(spoilt)
    return f"vector(1) unless on () (\n  {joined})"


def _work(topology: Topology) -> Iterator[Rule]:
    """Active work of hosts and components, in joules/s (Kepler), CPU seconds/s or the query's unit."""
    wholes: set[tuple[str, str]] = set()
    for name, component in topology.components.items():
        if topology.alone(name) or not component.share:
            continue
        host = topology.host_of(name)
        unit = component.share[0].kind
        shares = " + ".join(_part(topology, host, share) for share in component.share)
        yield Rule("adapter:active:rate", shares, {"component": name, "host": host, "unit": unit})
        if (host, unit) not in wholes:
            wholes.add((host, unit))
            yield Rule("adapter:host_active:rate", _whole(topology, host, unit), {"host": host, "unit": unit})


def _part(topology: Topology, host: str, share: Share) -> str:
    if share.kepler_pod is not None:
        pods, _, names = share.kepler_pod.partition("/")
        matchers = f"pod_namespace=~{quote(pods)},pod_name=~{quote(names)},{_kepler(topology, host)}"
        return f"sum(rate(kepler_pod_cpu_joules_total{{{matchers}}}[$window]))"
    if share.workload is not None:
        return f"sum(rate(workload_cpu_seconds_total{selector(instance=host, workload=share.workload)}[$window]))"
    return _query(share.query or "")


def _whole(topology: Topology, host: str, kind: str) -> str:
    active = topology.hosts[host].active
    if kind == "kepler_pod":
        counter = f"kepler_node_cpu_active_joules_total{{{_kepler(topology, host)}}}"
        return f"sum(rate({counter}[$window])){_recent(counter)}{_counting(counter)}"
    if kind == "query" and active is not None:
        return _query(active.query)
    counter = f"workload_host_cpu_seconds_total{{instance={quote(host)},{BUSY}}}"
    return f"sum(rate({counter}[$window])){_recent(counter)}{_counting(counter)}"


def _query(expr: str) -> str:
    """A query beside one of another exporter: two rates that lose scrapes at different times would drift apart."""
    guard = f"\nand on () ({_steady(expr)})" if promql.has_range(expr) else ""
    return f"(sum({expr}) {SENSIBLE}{guard})"


def _kepler(topology: Topology, host: str) -> str:
    kepler = topology.hosts[host].kepler
    return f"node_name={quote(kepler.node_name or host)},zone=~{quote('|'.join(kepler.zones))}"


def _traffic(topology: Topology) -> Iterator[Rule]:
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
        guard = _recent(*read) + _counting(*counters) if ranged else ""
        total = f"sum({rows}) {SENSIBLE}\nand on () min({rows}) >= 0{guard}"
        yield Rule("adapter:whole:rate", total, {"counter": name, "by": by})
    yield Rule("adapter:steady:info", _steady(*queries.values()) if ranged else "vector(1)", {"counter": name})


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
                yield Rule("adapter:whole:rate", _query(expr), {"counter": name, "by": by})
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
