# SPDX-License-Identifier: Apache-2.0
"""A scrape that is stored between two rules of one evaluation: parts and wholes are still of one reading.

A scrape has the time of its start and is stored at its end, while rules are evaluated one after the other. Here the
rules up to one of them read counters without their newest sample, and the others read all; each rule is once the last
of the former. Without it the newest sample is more than an interval old, so rate() extrapolates less: 90 % are left.
In the newest interval, all work and traffic is twice as much as before, that of parts and that of wholes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from joulepath_rules.generate import generate
from joulepath_rules.rule import Group, Rule
from tests.rules.promtool import Case, run, topology

pytestmark = pytest.mark.unit

A, OTHER = "0000000000000000000000000000000a", "000000000000000000000000000000ff"
STEP, SCRAPES, FIRST, NOW = 5, 15, 10, 180
"""Seconds between steps, between scrapes, before the first scrape, and until the evaluation that is looked at."""

TOPOLOGY = f"""
sites: {{s: {{}}}}
hosts:
  own: {{site: s, static_watts: 40, power: [{{pdu: p, outlets: ["1"]}}]}}
  anchored: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
  traced: {{site: s, power: [{{pdu: p, outlets: ["3"]}}]}}
  named: {{site: s, power: [{{pdu: p, outlets: ["4"]}}]}}
  asked: {{site: s, power: [{{pdu: p, outlets: ["5"]}}]}}
  core: {{site: s, power: [{{pdu: p, outlets: ["9"]}}]}}
  kepler: {{site: s, power: [{{pdu: p, outlets: ["6"]}}]}}
  cpu: {{site: s, power: [{{pdu: p, outlets: ["7"]}}]}}
  query: {{site: s, active: {{query: "sum(rate(host_work_total[$window]))"}}, power: [{{pdu: p, outlets: ["8"]}}]}}
vms:
  vm: {{host: cpu, share: [{{workload: vm}}]}}
components:
  own: {{role: upf, traffic: {{ioam: 1}}}}
  anchored: {{role: ru, traffic: {{anchor: own}}}}
  traced: {{role: upf, traffic: {{ioam: 2, traced: true}}}}
  named: {{role: upf, traffic: {{ioam: {{node: 3, instances: [x, y]}}}}}}
  asked: {{role: upf, traffic: {{query: {{bytes: "sum by (application) (rate(sent_bytes_total[$window]))"}}}}}}
  core: {{role: upf, policy: bytes, traffic: {{core: open5gs, instances: [upf-1]}}}}
  pod: {{role: du, host: kepler, share: [{{kepler_pod: "ran/du"}}]}}
  job: {{role: du, host: cpu, share: [{{workload: job}}]}}
  guest: {{role: du, host: vm, share: [{{workload: guest}}]}}
  work: {{role: du, host: query, share: [{{query: "rate(job_work_total[$window])"}}]}}
applications:
  a:
    traces: [{{ioam_namespace: 123, id: "{A}"}}]
    core: {{qfi: 5}}
    path: [own, anchored, traced, named, asked, core]
  camera: {{flows: [camera], path: [own, anchored]}}
"""


def rates() -> dict[str, float]:
    """Counters with what they grow by in a second: each host draws 100 W, a quarter of everything is of `a`."""
    found: dict[str, float] = {}
    for outlet in range(1, 10):
        found[f'pdu_outlet_energy_joules_total{{instance="p",outlet="{outlet}"}}'] = 100
        found[f'pdu_outlet_measured_seconds_total{{instance="p",outlet="{outlet}"}}'] = 1
    for node, instances in ((1, [""]), (2, [""]), (3, ["x", "y"])):
        for instance in instances:
            at = f'instance="{instance}",node_id="{node}"'
            found[f"ioam_node_measured_seconds_total{{{at}}}"] = 1
            for unit in ("packets", "bytes"):
                found[f"ioam_node_{unit}_total{{{at}}}"] = 400
                for identifier, rate in ((A, 100), (OTHER, 250 if node == 1 else 300)):
                    labels = f'ioam_namespace="123",trace_id="{identifier}",{at}'
                    found[f"ioam_trace_{unit}_total{{{labels}}}"] = rate
    for unit in ("packets", "bytes"):
        found[f'ioam_flow_{unit}_total{{instance="",node_id="1",flow="camera"}}'] = 50
    for way in ("in", "out"):
        found[f'fivegs_ep_n3_gtp_{way}datavolumen3upf{{instance="upf-1"}}'] = 200
        found[f'fivegs_ep_n3_gtp_{way}datavolumeqosleveln3upf{{instance="upf-1",qfi="5"}}'] = 50
    found['sent_bytes_total{application="a"}'], found['sent_bytes_total{application="b"}'] = 100, 300
    found['kepler_node_cpu_active_joules_total{node_name="kepler",zone="package"}'] = 40
    found['kepler_pod_cpu_joules_total{node_name="kepler",pod_namespace="ran",pod_name="du",zone="package"}'] = 10
    found["host_work_total"], found["job_work_total"] = 4, 1
    found['workload_host_cpu_seconds_total{instance="cpu",mode="user"}'] = 4
    found['workload_cpu_seconds_total{instance="cpu",workload="job"}'] = 1
    found['workload_cpu_seconds_total{instance="cpu",workload="vm"}'] = 2
    found['workload_host_cpu_seconds_total{instance="vm",mode="user"}'] = 4
    found['workload_cpu_seconds_total{instance="vm",workload="guest"}'] = 2
    return found


def scraped(name: str, rate: float, end: int) -> str:
    """The samples of a counter that is scraped until `end`."""
    last = NOW - STEP
    more = 0 if "measured" in name or name.startswith("pdu") else rate * SCRAPES
    values = {at: rate * at + (more if at == last else 0) for at in range(FIRST, end + 1, SCRAPES)}
    return " ".join(repr(values[at]) if at in values else "_" for at in range(0, NOW + 1, STEP))


@dataclass
class Between(Case):
    """The evaluation in which the scrapes are stored after so many rules of the chain."""

    stored_after: int = 0

    def groups(self) -> list[Group]:
        """The rules, of which the first ones read counters without their newest sample."""
        names = "|".join({name.partition("{")[0] for name in rates()})
        chain, *others = super().groups()
        rules = [
            replace(rule, expr=re.sub(rf"\b({names})\b", r"\1_before", rule.expr))
            if isinstance(rule, Rule) and number < self.stored_after
            else rule
            for number, rule in enumerate(chain.rules)
        ]
        return [replace(chain, rules=tuple(rules)), *others]


def cases_of_a_new_flow() -> list[Case]:
    """`both` has a trace and a flow, which the exporter shows for the second time in the newest scrape.

    The trace alone is 100 of 400 packets/s, 25 W. With the flow it is more; rate() takes the little that it grew.
    """
    text = TOPOLOGY.replace(f'id: "{A}"', f'id: "{OTHER}"').replace(
        "  camera:", f'  both: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], flows: [new], path: [own]}}\n  camera:'
    )
    model = topology(text)
    known = rates()
    new = {f'ioam_flow_{unit}_total{{instance="",node_id="1",flow="new"}}': 100.0 for unit in ("packets", "bytes")}
    series = {}
    for name, rate in {**known, **new}.items():
        before, brace, labels = name.partition("{")
        for end, called in ((NOW, name), (NOW - SCRAPES, f"{before}_before{brace}{labels}")):
            values = scraped(name, rate, end).split()
            first = (NOW - 2 * SCRAPES + STEP) // STEP if name in new else 0
            series[called] = " ".join("_" if place < first else value for place, value in enumerate(values))
    rules = [rule for rule in generate(model)[0].rules if isinstance(rule, Rule)]
    cuts = [0, *(number for number, rule in enumerate(rules, 1) if "ioam_" in rule.expr)]
    watts = 'sum(application_component:power_watts{application="both",component="own"})'
    expect: dict[tuple[float, str], Mapping[str, float]] = {(NOW / 60, f"{watts} < 27"): {}}
    return [
        Between(f"new-{cut}", model, series, expect, step=STEP, only=frozenset({"attribution"}), stored_after=cut)
        for cut in cuts
    ]


def cases() -> list[Case]:
    """One for each rule that reads counters, as the last one before the scrapes are stored, and one for none."""
    model = topology(TOPOLOGY)
    rules = [rule for rule in generate(model)[0].rules if isinstance(rule, Rule)]
    names = re.compile("|".join({name.partition("{")[0] for name in rates()}))
    cuts = [0, *(number for number, rule in enumerate(rules, 1) if names.search(rule.expr))]
    series = {name: scraped(name, rate, NOW) for name, rate in rates().items()}
    for name, rate in rates().items():
        before, brace, labels = name.partition("{")
        series[f"{before}_before{brace}{labels}"] = scraped(name, rate, NOW - SCRAPES)
    paths = {f'component="{name}"': 25.0 for name in ("anchored", "asked", "core", "named", "own", "traced")}
    works = {'component="guest"': 25.0, 'component="job"': 25.0, 'component="pod"': 25.0, 'component="work"': 25.0}
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (NOW / 60, 'sum by (component) (application_component:power_watts{application="a"})'): paths,
        (NOW / 60, 'sum(application_component:power_watts{application="camera"})'): {"": 25.0},
        (NOW / 60, 'sum by (component) (component:power_watts{component=~"guest|job|pod|work"})'): works,
        (NOW / 60, "sum by (vm) (vm:power_watts)"): {'vm="vm"': 50.0},
    }
    only = frozenset({"attribution"})
    return [Between(f"after-{cut}", model, series, expect, step=STEP, only=only, stored_after=cut) for cut in cuts]


def test_a_scrape_that_is_stored_between_two_rules_changes_no_share(promtool: Path, tmp_path: Path) -> None:
    """Watts of applications by trace and by flow, of components and of the virtual machine: always the same."""
    found = cases()
    assert len(found) > 8
    run(promtool, tmp_path, found)


@pytest.mark.parametrize(("policy", "by"), [("packets-bytes", "count"), ("packets", "count"), ("bytes", "volume")])
def test_the_guard_of_flows_reads_an_amount_that_is_recorded(policy: str, by: str) -> None:
    text = f"""
    policy: {policy}
    sites: {{s: {{}}}}
    hosts: {{u: {{site: s, static_watts: 9, power: [{{pdu: p, outlets: ["1"]}}]}}}}
    components: {{u: {{role: upf, traffic: {{ioam: 1}}}}}}
    applications: {{a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], flows: [f], path: [u]}}}}
    """
    rules = [rule for group in generate(topology(text)) for rule in group.rules if isinstance(rule, Rule)]
    amounts = {rule.labels["by"] for rule in rules if rule.record == "node:seen:rate"}
    read = {found[1] for rule in rules for found in re.finditer(r'node:seen:rate\{[^}]*by="(\w+)",flow!=""', rule.expr)}
    assert read == {by}
    assert by in amounts


def test_a_flow_that_is_shown_between_two_rules_is_whole_or_a_gap(promtool: Path, tmp_path: Path) -> None:
    """The rule that looks whether a flow is counted reads what the shares were made of, and not the exporter."""
    run(promtool, tmp_path, cases_of_a_new_flow())
