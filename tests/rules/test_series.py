# SPDX-License-Identifier: Apache-2.0
"""The list of recorded series is what rules record; what rules read is what exporters publish, labels included."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import promql_parser as promql
import pytest
from scripts import generate as pages

from joulepath.metrics import Metric
from joulepath_rules import settled
from joulepath_rules.constants import PREFIX, constants
from joulepath_rules.division import WIRE, Global, Part
from joulepath_rules.generate import Source, generate
from joulepath_rules.rule import Rule
from joulepath_rules.series import PUBLIC, SERIES, STEPS
from joulepath_rules.serving.awaited import ASKED
from joulepath_topology import Topology, read
from joulepath_topology.cores.catalogue import CORES
from joulepath_topology.labels import RESERVED
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules import test_policies as policies
from tests.rules.labels import Labels, infer
from tests.rules.promtool import topology
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
PACKETS = """
sites: {plant: {}}
hosts: {core-1: {site: plant, power: [{pdu: pdu-1, outlets: ["1"]}]}}
policy: packets
components: {upf: {role: upf, host: core-1, traffic: {ioam: 4, core: open5gs, instances: ["core-1:9091"]}}}
applications: {camera: {traces: [{ioam_namespace: 123, id: "0a0b"}], path: [upf]}}
"""
"""Open5GS counts packets of the whole UPF, so that another way has to tell applications apart."""
PLANTS: dict[str, Topology] = {
    "everything": read(HERE / "topologies" / "everything.yaml"),
    "factory": topology(factory.TOPOLOGY),
    "packets of a core": topology(PACKETS),
    "capacity": sound(policies.data("capacity", **policies.CAPACITY)),
    **{path.stem: read(path) for path in sorted((ROOT / "examples").glob("*.yaml"))},
}
EXPORTED: dict[str, Metric] = {metric.name: metric for _, metrics in pages.modules() for metric in metrics}

FOREIGN = {
    "up": "Prometheus, of each target",
    "kepler_node_cpu_active_joules_total": "Kepler",
    "kepler_node_gpu_active_joules_total": "Kepler",
    "kepler_node_gpu_joules_total": "Kepler",
    "kepler_pod_cpu_joules_total": "Kepler",
    "kepler_pod_gpu_joules_total": "Kepler",
    "kepler_vm_cpu_joules_total": "Kepler",
    "kepler_container_package_joules_total": "Kepler up to 0.9",
    "kepler_container_dram_joules_total": "Kepler up to 0.9",
    "kepler_node_package_joules_total": "Kepler up to 0.9",
    "kepler_node_dram_joules_total": "Kepler up to 0.9",
    "kube_node_info": "kube-state-metrics",
    "kube_pod_container_resource_requests": "kube-state-metrics",
    "kube_pod_status_phase": "kube-state-metrics",
    "vllm:request_success_total": "vLLM",
    "vllm:generation_tokens_total": "vLLM",
    "vllm:prompt_tokens_total": "vLLM",
    "istio_requests_total": "Istio, in each proxy",
    "container_cpu_usage_seconds_total": "cAdvisor, in the kubelet",
    "node_cpu_seconds_total": "node_exporter",
    "unpoller_device_port_poe_watts": "UnPoller, of switches' ports",
    "ifHCInUcastPkts": "snmp_exporter, of ports (IF-MIB)",
    "ifHCOutUcastPkts": "snmp_exporter, of ports (IF-MIB)",
    "homeassistant_sensor_power_w": "Home Assistant, of smart plugs",
    "fivegs_smffunction_sm_sessionnbr": "Open5GS' SMF",
    "process_start_time_seconds": "prometheus_client, in every exporter",
    "electricity_price_per_kilowatt_hour": "an exporter of day-ahead prices",
    **{
        series.metric: core.title
        for core in CORES.values()
        for amount in core.amounts.values()
        for series in (*amount.parts, *amount.total)
        if series.metric not in EXPORTED
    },
}
"""Metrics that rules read and that no exporter of the suite states, by who publishes them."""

LABEL = {"team", "slice"}
"""The labels by which topologies here have sums."""

TARGET = frozenset({"instance", "job"})

every_plant = pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)


@cache
def constant_labels() -> dict[str, frozenset[str]]:
    """The labels that constants of each name can have: a generation where they are served."""
    own = frozenset({"topology", "generation"})
    labels: dict[str, frozenset[str]] = {}
    for plant in PLANTS.values():
        for constant in constants(plant):
            labels[constant.name] = labels.get(constant.name, own) | frozenset(constant.labels)
    return labels


def labels_of(selector: promql.VectorSelector) -> Labels:
    """The labels of what a rule reads, of all names together. Raises AssertionError for one that nothing publishes."""
    names = [matcher.value for matcher in selector.matchers.matchers if matcher.name == "__name__"]
    found = [_labels_of(name) for each in names for name in each.split("|")] or [_labels_of(selector.name or "")]
    return None if None in found else frozenset().union(*(labels for labels in found if labels is not None))


def _labels_of(name: str) -> Labels:
    if name.startswith(WIRE) and name not in SERIES:
        return frozenset(SERIES[name.removeprefix(WIRE)].labels) | {"topology", "leaf", "sender"}
    if name in SERIES:
        return frozenset(SERIES[name].labels) | {"topology"}
    if name.startswith(PREFIX):
        return constant_labels()[name]
    if name in EXPORTED:
        return frozenset(EXPORTED[name].labels) | TARGET
    known = name.replace("[:_]", ":") in FOREIGN or name.startswith("other_")
    assert known, f"nothing publishes {name}"
    return None


def recorded_series(
    plant: Topology, source: Source = "rules", part: Part | None = None
) -> Iterator[tuple[str, Labels]]:
    """Name and labels of each recording rule, constants apart; alerts are looked at on the way."""
    for group in generate(plant, source, part):
        for rule in group.rules:
            labels = infer(promql.parse(rule.expr), labels_of)
            if isinstance(rule, Rule) and not rule.record.startswith(PREFIX):
                yield (
                    _listed(rule.record),
                    None if labels is None else _listed_labels(plant, labels | frozenset(rule.labels)),
                )


def _listed(name: str) -> str:
    """The name as in the list, which has LABEL in place of the label of a topology."""
    return re.sub(f"^({'|'.join(LABEL)}):", "LABEL:", name)


def _listed_labels(plant: Topology, labels: frozenset[str]) -> frozenset[str]:
    """The labels as in the list: those of a topology's applications, and of its budgets, are LABEL there."""
    own = LABEL | {label for budget in plant.budgets.values() for label in budget.labels}
    return frozenset("LABEL" if label in own else label for label in labels)


@every_plant
@pytest.mark.parametrize("source", ["rules", "scraped"])
@pytest.mark.parametrize("part", [None, Global()], ids=["whole", "global"])
def test_rules_record_what_the_list_says(plant: Topology, source: Source, part: Part | None) -> None:
    """No label of a foreign series passes into a recorded one, nor the generation of scraped constants."""
    for name, labels in recorded_series(plant, source, part):
        assert labels is not None, f"{name} takes over the labels of a series that is not the topology's"
        assert labels <= {*SERIES[name].labels, "topology"}, name
        assert "topology" in labels, name


def test_the_list_says_what_rules_record() -> None:
    """Each name is recorded by some topology, and each of its labels; the test above finds those that are too many."""
    wanted = {name: {*series.labels, "topology"} for name, series in SERIES.items()}
    labels_by_name: dict[str, set[str]] = {}
    for plant in sorted(PLANTS.values(), key=lambda plant: -len(plant.components)):
        if labels_by_name == wanted:
            break
        for name, labels in (*recorded_series(plant), *recorded_series(plant, part=Global())):
            labels_by_name.setdefault(name, set()).update(labels or ())
    assert labels_by_name == wanted


def test_foreign_metrics_are_not_the_suite_s_and_are_read() -> None:
    """The list of foreign metrics names none that has an exporter, and none that no rule reads."""
    rules = [rule for plant in PLANTS.values() for group in generate(plant) for rule in group.rules]
    text = "\n".join(rule.expr.replace("[:_]", ":") for rule in rules)
    assert not set(FOREIGN) & set(EXPORTED)
    assert [name for name in FOREIGN if name not in text] == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("sum(rate(pdu_outlet_joules_total[2m]))", "nothing publishes pdu_outlet_joules_total"),
        ('rate(pdu_outlet_energy_joules_total{plug="1"}[2m])', "there is no label plug"),
        ("max by (host) (pdu_outlet_energy_joules_total)", "there is no label host"),
        ("host:power_watts * on (outlet) group_left () host:power_watts", "there is no label outlet"),
        ("host:power_watts * on (host) group_left (tier) host:power_watts", "there is no label tier"),
    ],
)
def test_a_rule_that_reads_a_series_that_does_not_exist_is_found(expr: str, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        infer(promql.parse(expr), labels_of)


def test_names_are_listed_once_and_end_in_their_unit() -> None:
    assert len(SERIES) == len(PUBLIC) + len(STEPS)
    units = {"_watts": "W", "_joules": "J", "_seconds": "s", "co2_grams_per_second": "g/s", ":ratio": "", ":info": ""}
    for series in SERIES.values():
        for end, unit in units.items():
            if series.name.endswith(end) and not series.name.endswith("_per_second"):
                assert series.unit == unit, series.name


def test_words_of_the_rules_cannot_be_labels_of_a_topology() -> None:
    """Labels of series and of constants, and the first words of names, which would be those of sums by label."""
    used = {label for series in SERIES.values() for label in series.labels} - {"LABEL"}
    used |= {name.partition(":")[0] for name in SERIES} - {"LABEL"}
    used |= {label for labels in constant_labels().values() for label in labels} - LABEL
    assert used <= RESERVED


@every_plant
def test_every_topology_has_the_constant_that_generate_awaits(plant: Topology) -> None:
    assert ASKED in {constant.name for constant in constants(plant)}


LEVELS = "|".join(sorted({name.partition(":")[0] for name in SERIES}))
NAMED = re.compile(rf"(?<![\w/:])(?:{LEVELS}):[a-z0-9_]+(?::[a-z0-9_]+)*(?![\w(:])")
READERS = [
    *(ROOT / "deploy").rglob("*.py"),
    *(ROOT / "deploy").rglob("*.y*ml"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "grafana" / "joulepath_dashboards").rglob("*.py"),
    *(ROOT / "tests" / "lab").glob("*.py"),
    ROOT / "README.md",
]


def test_readers_of_recorded_series_read_listed_ones() -> None:
    """The lab, dashboards, deployment files and pages name series of the rules and of `carbon settle` alone."""
    readers = {
        (str(path.relative_to(ROOT)), name) for path in READERS for name in NAMED.findall(path.read_text("utf-8"))
    }
    assert len(readers) > 50
    assert sorted((path, name) for path, name in readers if name not in {*SERIES, settled.GRAMS, settled.FACTOR}) == []
