# SPDX-License-Identifier: Apache-2.0
"""Every query of a topology is known with its place, so that checks and promtool's complaints name the entry."""

import re
from typing import Any

import pytest

from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_topology import promql, read
from joulepath_topology.problem import path
from joulepath_topology.queries import queries
from joulepath_topology.reading import examine
from tests.conftest import ROOT
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

EVERYWHERE = """
sites: {s: {}}
hosts:
  h:
    site: s
    power: [{joules: "q1_total"}]
    fallback: [{watts: "q2"}]
    active: {query: "q3"}
    gpus: {"0": {watts: "q4", active: {query: "q5"}}, "1": {joules: "q6_total"}, "2": {dcgm: h}}
vms: {vm: {host: h, share: [{query: "q7"}], active: {query: "q8"}}}
components:
  upf: {role: upf, host: vm, share: [{query: "q9"}], traffic: {query: {packets: "q10", bytes: "q11"}}}
  qwen: {role: model, host: h, share: [{gpu: "0", query: "q12"}], requests: {query: {requests: "q13", tokens: "q14"}}}
applications:
  a: {path: [upf], models: [qwen], sessions: {active: "q15", ended: "q16"}}
"""
PLACES = [
    "hosts.h.power[0].joules", "hosts.h.fallback[0].watts", "hosts.h.active.query", "hosts.h.gpus.0.watts",
    "hosts.h.gpus.0.active.query", "hosts.h.gpus.1.joules", "vms.vm.share[0].query", "vms.vm.active.query",
    "components.upf.share[0].query", "components.upf.traffic.query.packets", "components.upf.traffic.query.bytes",
    "components.qwen.share[0].query", "components.qwen.requests.query.requests",
    "components.qwen.requests.query.tokens", "applications.a.sessions.active", "applications.a.sessions.ended",
]  # fmt: skip


def test_queries_of_every_kind_have_their_place() -> None:
    """In the order of the file; dcgm-exporter's is not the user's own."""
    assert [path(place) for place, _ in queries(topology(EVERYWHERE))] == PLACES
    assert [re.search(r"q(\d+)", query)[1] for _, query in queries(topology(EVERYWHERE))] == [  # type: ignore[index]
        str(number) for number in range(1, 17)
    ]


def test_comments_of_queries_hide_nothing_of_the_rules() -> None:
    """At their beginning, within them and at their end; each rule means what it means without them."""
    commented = re.sub(r'"(q\d+(?:_total)?)"', r'"# 5 W\\n\1 # of \\"two\\" hosts"', EVERYWHERE)
    assert commented.count("# 5 W") == 16
    ours, plain = (
        [rule.expr for group in generate(topology(text)) for rule in group.rules if isinstance(rule, Rule)]
        for text in (commented, EVERYWHERE)
    )
    assert sum("# of" in expr for expr in ours) > 10
    assert [promql.normal(expr) for expr in ours] == [promql.normal(expr) for expr in plain]


def test_no_query_of_the_largest_topology_is_left_out() -> None:
    """Every expression of another exporter in the file is one of the queries."""
    file = ROOT / "tests" / "rules" / "topologies" / "everything.yaml"
    text = re.sub("#.*", "", file.read_text())
    known = " ".join(query for _, query in queries(read(file)))
    assert set(re.findall(r"\bother_\w+", text)) == set(re.findall(r"\bother_\w+", known))


@pytest.mark.parametrize(
    ("sessions", "message"),
    [
        ({}, "needs active, ended or both"),
        ({"active": "sum(x"}, "is not valid PromQL"),
        ({"began": "x"}, "began: unknown key"),
        ({"ended": "x_total[5m]"}, "gives a range of values"),
    ],
)
def test_a_mistake_in_sessions_is_one_line(sessions: dict[str, Any], message: str) -> None:
    """The line names the entry."""
    _, problems = examine(
        {
            "sites": {"s": {}},
            "hosts": {"upf": {"site": "s", "power": [{"watts": "1"}]}},
            "components": {"upf": {"role": "upf", "traffic": {"query": {"bytes": "x"}}}},
            "applications": {"a": {"path": ["upf"], "sessions": sessions}},
        }
    )
    (line,) = [str(problem) for problem in problems if "sessions" in str(problem)]
    assert line.startswith("applications.a.sessions")
    assert message in line
