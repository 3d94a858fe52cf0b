# SPDX-License-Identifier: Apache-2.0
"""Traffic and requests, where the chain does not read them from the ioam exporters' series by itself."""

from collections.abc import Iterator

from joulepath_rules import marks
from joulepath_rules.adapters.cores import cores
from joulepath_rules.adapters.guards import SENSIBLE, counting, guarded, lasting, recent, steady, whole
from joulepath_rules.rule import Rule, number, selector
from joulepath_topology import Topology, promql
from joulepath_topology.components import Component, IoamNode, Served, Tokens, Traffic
from joulepath_topology.model_servers import SERVERS
from joulepath_topology.promql import quote


def traffic(topology: Topology) -> Iterator[Rule]:
    """Rows of applications and totals of each counter."""
    for name, component in topology.components.items():
        if topology.counted_at(name) != name or not (component.traffic or component.requests):
            continue
        if component.traffic and component.traffic.ioam:
            yield from _ioam(topology, name, component.traffic, component.traffic.ioam)
            yield from cores(topology, name, component.traffic)
        elif component.traffic and component.traffic.core:
            yield from cores(topology, name, component.traffic)
        else:
            yield from _foreign(topology, name, component)


def _foreign(topology: Topology, name: str, component: Component) -> Iterator[Rule]:
    """Rows of applications from PromQL or a model server; all rows together are the total.

    A total is a gap while one of its rows is NaN, infinite or negative: the shares of the others would be too large.
    """
    queries = counted(name, component, prompts=component.tokens is not None)
    read = list(dict.fromkeys(each for expr in queries.values() for each in promql.selectors(expr)))
    counters = list(dict.fromkeys(each for expr in queries.values() for each in promql.counters(expr)))
    ranged = any(promql.has_range(expr) for expr in queries.values())
    scales = component.moves and not any(topology.whole(placement) for placement in topology.placements(name))
    believed = lasting(name, *read) if scales else recent(*read)
    guard = believed + counting(*counters) if ranged else ""
    for unit, expr in queries.items():
        by = _by(unit, component)
        yield Rule("adapter:traffic:rate", f"sum by (application) ({expr})", {"counter": name, "by": by, "unit": unit})
        if by in {"count", "volume"}:
            yield _total(name, by, guard)
    if component.tokens:
        yield from _weighed(name, component.tokens, guard)
    yield Rule("adapter:steady:info", steady(*queries.values()) if ranged else "vector(1)", {"counter": name})


def _by(unit: str, component: Component) -> str:
    """The amount that a unit is: `count` or `volume`; tokens that are weighed are `input` and `output`."""
    if unit in {"packets", "requests"}:
        return "count"
    if component.tokens is None:
        return "volume"
    return "input" if unit == "input_tokens" else "output"


def _total(name: str, by: str, guard: str, more: str = "") -> Rule:
    rows = f"adapter:traffic:rate{selector(counter=name, by=by)}"
    total = f"sum({rows}) {SENSIBLE}\nand on () min({rows}) >= 0{more}{guard}"
    return Rule("adapter:whole:rate", total, {"counter": name, "by": by})


def _weighed(name: str, tokens: Tokens, guard: str) -> Iterator[Rule]:
    """The volume of a model as the weighted sum of prompts' and generated tokens.

    An application with rows of one kind only is a gap, and so is then the total.
    """
    asked, told = (f"adapter:traffic:rate{selector(counter=name, by=by)}" for by in ("input", "output"))
    volume = (
        f"{number(tokens.input)} * sum by (application) ({asked})\n"
        f"+ on (application) {number(tokens.output)} * sum by (application) ({told})"
    )
    yield Rule("adapter:traffic:rate", volume, {"counter": name, "by": "volume", "unit": "weighted_tokens"})
    alone = f"\nunless on () ({asked} unless on (application) {told}\n  or {told} unless on (application) {asked})"
    yield _total(name, "volume", guard, alone)


def counted(name: str, component: Component, *, prompts: bool) -> dict[str, str]:
    """PromQL of one component by unit; `input_tokens` only with `prompts`."""
    requests = component.requests
    if component.traffic and component.traffic.query:
        query = component.traffic.query
        found = {"packets": query.packets, "bytes": query.bytes}
    elif requests and requests.served:
        units = [unit for unit in requests.units if unit != "input_tokens" or prompts]
        found = {unit: _served(name, requests.kind, requests.served, unit) for unit in units}
    elif requests and requests.query:
        asked = requests.query
        found = {"requests": asked.requests, "tokens": asked.tokens}
        if prompts:
            found["input_tokens"] = asked.input_tokens
    else:
        found = {}
    return {unit: expr for unit, expr in found.items() if expr is not None}


def _ioam(topology: Topology, name: str, traffic: Traffic, ioam: IoamNode) -> Iterator[Rule]:
    """The parts of an IOAM node that the chain's own join does not cover: named instances, a total from a query."""
    node = f"node_id={quote(str(ioam.node))}"
    if ioam.instances:
        node += f",instance=~{quote('|'.join(promql.literal(each) for each in ioam.instances))}"
    seconds = f"sum by (instance) (rate(ioam_node_measured_seconds_total{{{node}}}[$window]))"
    all_measured = f"and on () count({seconds} > 0.5) == {len(ioam.instances)}"
    known = marks.of(topology)
    labels = ", ".join(known.labels)
    for by, unit in (("count", "packets"), ("volume", "bytes")):
        if ioam.instances:
            kind = "trace" if traffic.traced else "node"
            # One rule reads part and whole: a scrape may be stored between two rules.
            seen = (
                f"(sum by ({labels}) (\n"
                f"    sum by (instance, {labels}) (rate({known.counter(unit, node)}[$window]))\n"
                f"    / on (instance) group_left () {seconds})\n"
                f"  or label_replace(sum(sum by (instance) (rate(ioam_{kind}_{unit}_total{{{node}}}[$window]))\n"
                f'    / on (instance) {seconds}), "total", "user", "", ""))\n{all_measured}'
            )
            yield Rule("adapter:seen:rate", seen, {"counter": name, "by": by})
            marked = f"adapter:seen:rate{selector(counter=name, by=by, total='')}"
            rows = f"sum by (application, {labels}) (\n  {known.constants} * on ({labels}) group_left () {marked})"
            yield Rule("adapter:traffic:rate", rows, {"counter": name, "by": by, "unit": unit})
        if traffic.query is not None:
            expr = traffic.query.packets if by == "count" else traffic.query.bytes
            if expr is not None:
                yield Rule("adapter:whole:rate", guarded(expr), {"counter": name, "by": by})
        elif ioam.instances and traffic.core is None:
            yield Rule("adapter:whole:rate", whole(name, by), {"counter": name, "by": by})


def _served(name: str, kind: str, served: Served, unit: str) -> str:
    server = SERVERS[kind]
    labels = {server.model: served.model_name or name} if server.model is not None else {}
    if served.instance is not None:
        labels["instance"] = served.instance
    rate = f"rate({_selected(server.metric(unit) or '', labels)}[$window])"
    if served.application_label == "application":
        return rate
    return f'label_replace({rate}, "application", "$1", {quote(served.application_label)}, "(.*)")'


def _selected(metric: str, labels: dict[str, str]) -> str:
    """A selector. Newer Python clients turn a colon into an underscore where the scraper asks for OpenMetrics."""
    if ":" not in metric:
        return metric + (selector(**labels) if labels else "")
    both = metric.replace(":", "[:_]")
    return f'{{__name__=~"{both}"{"," if labels else ""}{selector(**labels)[1:]}'
