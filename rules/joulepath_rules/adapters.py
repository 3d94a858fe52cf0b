# SPDX-License-Identifier: Apache-2.0
"""The PromQL of a topology, one rule for each source: what the fixed chain reads besides exporters and constants."""

from collections.abc import Iterator

from joulepath_rules.constants import PREFIX, plain_node, source_rows, total_is_plain
from joulepath_rules.rule import Rule, number, quote, selector
from joulepath_rules.topology import Topology
from joulepath_rules.topology.common import duration
from joulepath_rules.topology.components import Component, IoamNode, Share, Traffic, Vllm

# Of node_exporter's and /proc/stat's modes: idle is no work, steal is another's, guest is in user already.
BUSY = 'mode!~"idle|iowait|steal|guest|guest_nice"'

# What a query must come to: less than nothing, NaN and Inf (a division by 0) are no amounts, and a gap.
SENSIBLE = ">= 0 < Inf"


def adapters(topology: Topology) -> Iterator[Rule]:
    """All adapters; durations are still `$window` and `$interval`."""
    own = {"topology": topology.hash}
    for weight, labels, expr in source_rows(topology):
        if expr is not None:
            yield Rule("source:power_watts", f"{number(weight)} * {expr}", {**own, **labels})
    for rule in (*_work(topology), *_traffic(topology)):
        yield Rule(rule.record, rule.expr, {**own, **rule.labels})


def _work(topology: Topology) -> Iterator[Rule]:
    """Active work of hosts and components, in joules/s (Kepler), CPU seconds/s or the query's unit."""
    wholes: set[tuple[str, str]] = set()
    for name, component in topology.components.items():
        if topology.alone(name) or not component.share:
            continue
        host = topology.host_of(name)
        unit = component.share[0].kind
        parts = " + ".join(_part(topology, host, share) for share in component.share)
        yield Rule("adapter:active:rate", parts, {"component": name, "host": host, "unit": unit})
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
    return f"(sum({share.query}) {SENSIBLE})"


def _whole(topology: Topology, host: str, kind: str) -> str:
    active = topology.hosts[host].active
    if kind == "kepler_pod":
        return f"sum(rate(kepler_node_cpu_active_joules_total{{{_kepler(topology, host)}}}[$window]))"
    if kind == "query" and active is not None:
        return f"sum({active.query}) {SENSIBLE}"
    return f"sum(rate(workload_host_cpu_seconds_total{{instance={quote(host)},{BUSY}}}[$window]))"


def _kepler(topology: Topology, host: str) -> str:
    kepler = topology.hosts[host].kepler
    return f"node_name={quote(kepler.node_name or host)},zone=~{quote('|'.join(kepler.zones))}"


def _traffic(topology: Topology) -> Iterator[Rule]:
    for name, component in topology.components.items():
        if topology.counted_at(name) != name or not (component.traffic or component.requests):
            continue
        rows, wholes = _amounts(topology, name, component)
        for by in ("count", "volume"):
            if by in rows:
                yield Rule("adapter:traffic:rate", rows[by], {"counter": name, "by": by})
        for by in ("count", "volume"):
            if by in wholes:
                yield Rule("adapter:whole:rate", wholes[by], {"counter": name, "by": by})


Amounts = dict[str, str]


def _amounts(topology: Topology, name: str, component: Component) -> tuple[Amounts, Amounts]:
    """Expressions of one component: a row for each application, and the total; by amount."""
    if component.traffic and component.traffic.ioam:
        return _ioam(topology, name, component.traffic, component.traffic.ioam)
    if component.traffic and component.traffic.query:
        count, volume = component.traffic.query.packets, component.traffic.query.bytes
    elif component.requests and component.requests.query:
        count, volume = component.requests.query.requests, component.requests.query.tokens
    else:
        vllm = (component.requests and component.requests.vllm) or Vllm()
        count = _vllm(name, vllm, "request_success_total")
        volume = _vllm(name, vllm, "generation_tokens_total")
    rows = _both(count, volume, "sum by (application) ({})")
    labels = {by: selector(topology=topology.hash, counter=name, by=by) for by in rows}
    # A total of rows that are not all amounts is none: the others' shares of it would be too large.
    total = f"sum({{0}}) {SENSIBLE} and on () min({{0}}) >= 0".format
    return rows, {by: total(f"last_over_time(adapter:traffic:rate{labels[by]}[500ms])") for by in rows}


def _ioam(topology: Topology, name: str, traffic: Traffic, ioam: IoamNode) -> tuple[Amounts, Amounts]:
    """What of an IOAM node the chain's own join does not cover: one exporter of several, a total by another count."""
    node = {"node_id": str(ioam.node)}
    if ioam.instances:
        node["instance"] = ioam.instances[0]
    rows, wholes = {}, {}
    for by, unit in (("count", "packets"), ("volume", "bytes")):
        trace_rate = f"rate(ioam_trace_{unit}_total{selector(**node)}[$window])"
        if plain_node(topology, name) is None:
            traces = f"{PREFIX}trace{selector(topology=topology.hash)} * on (ioam_namespace, trace_id) group_left ()"
            rows[by] = f"sum by (application) ({traces} sum by (ioam_namespace, trace_id) ({trace_rate}))"
        if traffic.traced:
            wholes[by] = f"sum({trace_rate})"
        elif not total_is_plain(topology, name):
            wholes[by] = f"sum(rate(ioam_node_{unit}_total{selector(**node)}[$window]))"
    if traffic.query is not None:
        wholes = _both(traffic.query.packets, traffic.query.bytes, f"sum({{}}) {SENSIBLE}")
    by_total = traffic.query is None and not traffic.traced
    settled = _settled(topology, f"ioam_{'node' if by_total else 'trace'}_packets_total{selector(**node)}")
    return rows, {by: f"{whole}\n{settled}" for by, whole in wholes.items()}


def _settled(topology: Topology, counter: str) -> str:
    """What keeps a total only while `counter` is old enough for shares: the chain's `node:settled:info`, in place."""
    window, half, quarter = (duration(topology.window / parts) for parts in (1, 2, 4))
    return (
        f"and on () present_over_time({counter}[{half}] offset {half})\n"
        "unless on () (\n"
        f"  {counter} and on (instance, job) (time() - process_start_time_seconds < {1.25 * topology.window:g})\n"
        f"  unless present_over_time({counter}[{quarter}] offset {window}))"
    )


def _both(count: str | None, volume: str | None, form: str) -> Amounts:
    """Both amounts; one that nobody counts is 0 of the other, and the policy gives it no weight."""
    return {
        "count": form.format(count) if count is not None else "0 * " + form.format(volume),
        "volume": form.format(volume) if volume is not None else "0 * " + form.format(count),
    }


def _vllm(name: str, vllm: Vllm, metric: str) -> str:
    labels = {"model_name": vllm.model_name or name}
    if vllm.instance is not None:
        labels["instance"] = vllm.instance
    # Newer Python clients turn the colon of the name into an underscore where the scraper asks for OpenMetrics.
    rate = f'rate({{__name__=~"vllm[:_]{metric}",{selector(**labels)[1:]}[$window])'
    if vllm.application_label == "application":
        return rate
    return f'label_replace({rate}, "application", "$1", {quote(vllm.application_label)}, "(.*)")'
