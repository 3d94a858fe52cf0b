# SPDX-License-Identifier: Apache-2.0
"""Checks that need a day, another clock or a strange server: answers by table, over the real client."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from joulepath import __version__
from joulepath_doctor.catalogue import KINDS
from joulepath_doctor.checks import clocks, hosts, meters, models, periods, reservations, rules, sums, versions, work
from joulepath_doctor.context import Context, context
from joulepath_doctor.examine import Check, examine
from joulepath_doctor.finding import Finding, causes
from joulepath_doctor.places import RULES
from joulepath_doctor.reads import reads
from joulepath_doctor.selected import nearest
from joulepath_doctor.server import Server
from joulepath_prometheus.errors import NoAnswerError, PrometheusError
from joulepath_rules.dialects import vmalert
from joulepath_rules.generate import generate
from joulepath_rules.rule import Group, Rule
from joulepath_topology import Topology
from joulepath_topology.durations import seconds
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules import factory
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

BUDGET = "budgets: {d: {application: a, energy: 1 kWh, per: day}}\n"
PLANT = topology(f"name: plant\ninterval: 15s\n{factory.TOPOLOGY}{BUDGET}")
HEARTBEAT = "^attribution:heartbeat"


def found(
    check: Check,
    queries: Mapping[str, Rows] | None = None,
    paths: Mapping[str, Any] | None = None,
    *,
    about: Topology = PLANT,
    ahead: float = 0.0,
    times: tuple[float, float] = (NOW, NOW),
) -> list[Finding]:
    """The findings of one check."""
    with answering(queries, paths, ahead=ahead) as server:
        return list(check(context(about, server, 3600, clock(*times))))


def ids(findings: list[Finding]) -> list[str]:
    return [one.kind.id for one in findings]


# ---- one cause at several places -----------------------------------------------------------------------------------

RACK = topology("""
name: rack
interval: 15s
sites: {s: {grams_per_kwh: 100}}
hosts:
  a: {site: s, power: [{pdu: rack, outlets: ["1", "2"]}]}
  b: {site: s, power: [{pdu: rack, outlets: ["3"]}], fallback: [{bmc: b}]}
components: {c: {role: device, host: a}}
""")


def outlets(value: float, *names: str) -> Rows:
    return [({"instance": "rack", "outlet": each, "job": "pdu"}, value) for each in names]


THERE: Mapping[str, Rows] = {
    r"^present_over_time\(pdu_outlet": outlets(1, "1", "2", "3"),
    r"^present_over_time\(bmc_chassis": [({"instance": "b", "chassis": "1"}, 1)],
    r"^(rate|increase)\(bmc_chassis": [({"instance": "b", "chassis": "1"}, 1)],
    r"^present_over_time\(.*offset": outlets(1, "1"),
    r"^increase\(pdu_outlet": outlets(1, "1", "2", "3"),
}


def one_of_meters(**queries: Rows) -> Finding:
    """The one finding about RACK, of which the rest is well."""
    with answering({**{name.replace("__", "\\("): rows for name, rows in queries.items()}, **THERE}) as server:
        (one,) = examine(context(RACK, server, 3600, clock(NOW, NOW)), {"meters": meters.check})
    return one


def test_a_device_that_is_read_too_seldom_is_one_finding() -> None:
    one = one_of_meters(rate__pdu=outlets(0.2, "1", "2", "3"))
    assert (one.kind.id, one.where) == ("source/sparse", "hosts.a.power[0]")
    assert "measured at pdu rack," in one.message


def test_a_part_that_is_read_too_seldom_is_named_itself() -> None:
    one = one_of_meters(rate__pdu=[*outlets(1, "1", "2"), *outlets(0.2, "3")])
    assert (one.kind.id, one.where) == ("source/sparse", "hosts.b.power[0]")
    assert "measured at pdu rack outlet 3," in one.message


def test_a_counter_of_time_that_was_dropped_is_named() -> None:
    one = one_of_meters(present_over_time__pdu_outlet_measured=[])
    assert (one.kind.id, one.where) == ("source/absent", "hosts.a.power[0]")
    assert one.message.startswith(
        "pdu rack has pdu_outlet_energy_joules_total, but not pdu_outlet_measured_seconds_total"
    )


def test_a_device_that_is_gone_is_named_with_what_is_there() -> None:
    """Its exporter calls it otherwise now."""
    one = one_of_meters(
        **{
            r"present_over_time__pdu_outlet_energy_joules_total\[": [],
            r"present_over_time__.*\[1h": outlets(1, "1"),
            r"group by \(instance\)": [({"instance": "rack-1"}, 1)],
        }
    )
    assert (one.kind.id, one.where) == ("source/stale", "hosts.a.power[0]")
    assert one.message.startswith('pdu rack was last seen before, now there is "rack-1": ')


def test_the_doctor_looks_back_over_a_window_at_least() -> None:
    with answering() as server:
        assert context(RACK, server, 0.005, clock(NOW, NOW)).since == RACK.window


@pytest.mark.parametrize(("since", "told"), [(3600, []), (86400, ["hosts"])])
def test_coarse_registers_are_named_over_a_day_or_more(since: float, told: list[str]) -> None:
    queries = {r"^changes\(pdu_outlet_meter": outlets(1, "1", "2", "3"), "^pdu_outlet_meter": outlets(7, "1", "2", "3")}
    with answering({**queries, **THERE}) as server:
        findings = examine(context(RACK, server, since, clock(NOW, NOW)), {"sums": sums.check})
    assert [one.where for one in findings if "register-integral" in one.message] == told


@pytest.mark.parametrize(
    ("watts", "finds"), [(0.25, "host/static-above-power"), (250.0, None), (250_000.0, "host/power-above-max")]
)
def test_a_scale_that_is_wrong_shows_beside_declared_watts(watts: float, finds: str | None) -> None:
    about = topology(
        "sites: {s: {}}\nhosts: {h: {site: s, power: [{pdu: p, outlets: ['1'], scale: 1000}], static_watts: 90, "
        "max_watts: 400}}\ncomponents: {h: {role: device}}\n"
    )
    rows: Rows = [({"host": "h"}, watts)]
    tier: Rows = [({"host": "h", "tier": "1"}, 1.0)]
    queries = {r"^host:power_source:info": tier, r"^(avg|max)_over_time\(host:power_watts": rows}
    findings = found(hosts.check, queries, about=about)
    assert ids(findings) == ([finds] if finds else [])
    assert all("correct the plug or its `scale`" in one.message for one in findings)


# ---- servers of a model --------------------------------------------------------------------------------------------


def test_a_server_of_a_model_without_labels_is_named() -> None:
    model = topology("""
name: models
interval: 15s
sites: {s: {grams_per_kwh: 100}}
hosts: {h: {site: s, power: [{watts: 60}]}}
components: {llm: {role: model, host: h, requests: vllm}}
applications: {a: {models: [llm]}}
""")
    of_servers: Rows = [({"instance": "x", "application": "a"}, 1), ({"instance": "x"}, 1), ({"instance": "y"}, 1)]
    rows = {r"^sum by \(application\)": [({"application": "a"}, 1), ({}, 1)], r"^group by \(job, instance": of_servers}
    (one,) = {each.message: each for each in found(models.check, rows, about=model)}.values()
    assert (one.kind.id, one.where) == ("model/unlabelled", "components.llm.requests")
    assert one.message.startswith('no row of "y" has the label application')


# ---- requests of pods ----------------------------------------------------------------------------------------------

PODS = topology("""
name: pods
interval: 15s
sites: {s: {grams_per_kwh: 100}}
hosts: {h: {site: s, capacity: 8, static_watts: 50, power: [{watts: 60}]}}
components: {cu: {role: cu, host: h, reservation: {kube: cpu}, share: [{kepler_pod: "ran/cu-.*"}], traffic: {ioam: 1}}}
applications: {a: {traces: [{ioam_namespace: 1, id: "4bf92f3577b34da6a3ce929d0e0e4736"}], path: [cu]}}
""")
ONE: Rows = [({}, 1)]
KNOWN: Mapping[str, Rows] = {
    "^present_over_time.kube_node_info": ONE,
    "^present_over_time.kube_pod_status_phase": ONE,
    "^present_over_time.kube_pod_container_resource_requests": ONE,
    "^max_over_time.component:active:ratio": ONE,
}


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        ("kube_pod_container_resource_requests", "pods ran/cu-.* request no cpu"),
        ("kube_pod_status_phase", "no series is called kube_pod_status_phase"),
        ("kube_node_info", None),
        ("nothing", None),
    ],
)
def test_requests_that_are_absent_are_found(lacking: str, says: str | None) -> None:
    """Without any node, the sources say so."""
    rows = {name: [] if lacking in name else rows for name, rows in KNOWN.items()}
    findings = found(reservations.check, rows, about=PODS)
    assert [one.where for one in findings] == (["components.cu.reservation"] if says else [])
    assert all(one.message.startswith(says or "") for one in findings)


def test_requests_are_those_of_the_node_and_not_of_its_gpu() -> None:
    model = topology("""
sites: {s: {grams_per_kwh: 100}}
hosts: {h: {site: s, capacity: 8, static_watts: 50, power: [{watts: 60}], gpus: {"0": {watts: 20}}}}
components:
  llm: {role: model, host: h, reservation: {kube: cpu}, share: [{kepler_pod: "ai/llm-.*"}, {gpu: "0"}], requests: vllm}
""")
    nodes = [one.expr for one in reads(model) if "kube_node_info" in one.expr]
    assert nodes == ['kube_node_info{node="h"}']


def test_pods_that_run_nowhere_need_no_requests() -> None:
    rows = {name: [] if "pod" in name or "active" in name else rows for name, rows in KNOWN.items()}
    assert found(reservations.check, rows, about=PODS) == []


# ---- work ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("done", "finds"), [(2.4, []), (2.6, ["sum/work-host"])])
def test_components_that_do_more_than_their_host_are_found(done: float, finds: list[str]) -> None:
    labels = {"host": "edge-1", "unit": "query"}
    rows: Mapping[str, Rows] = {
        r"^avg_over_time\(\(sum.*adapter:active:ratio.* adapter:host_active:rate": [(labels, done)],
        r"^avg_over_time\(\(sum by \(host, unit\) \(adapter:host_active:rate": [(labels, 2.0)],
    }
    findings = found(work.check, rows)
    assert ids(findings) == finds
    assert [one.where for one in findings] == ["hosts.edge-1"] * len(finds)


# ---- budgets -------------------------------------------------------------------------------------------------------

KEPT = {"status/runtimeinfo": {"storageRetention": "15d"}}


def budget(energy: Rows, coverage: float, ran: float, heartbeat: Rows = (({}, 1),)) -> dict[str, Rows]:
    """Rows of a day of which 10 hours have elapsed. The rules ran at `ran` of its 1000 steps of 36 s."""
    return {
        "^budget:energy_joules": energy,
        "^budget:elapsed_seconds": [({}, 36_000)],
        "^budget:coverage:ratio": [({}, coverage)],
        "^count_over_time": [({}, ran)],
        HEARTBEAT: heartbeat,
    }


def test_a_budget_without_figures_is_found_once_the_rules_ran() -> None:
    """A window of 120 s and three evaluations of the slow groups, each 60 s: 300 s."""
    (one,) = found(periods.check, budget([], 1, 1000), KEPT)
    assert (one.kind.id, one.where) == ("budget/absent", "budgets.d")
    assert "ran for 300 s" in one.message
    assert ("components", "upf-1") in one.because
    assert ("hosts", "edge-1") in one.because


def test_a_budget_of_rules_that_just_began_is_not_judged() -> None:
    (one,) = found(periods.check, budget([], 1, 1000, heartbeat=()), KEPT)
    assert one.message == "not checked: budget/absent: the rules began less than 300 s ago"


def test_budgets_of_rules_that_just_began_are_one_note() -> None:
    more = BUDGET.replace("}}", "}, h: {application: a, energy: 7 kWh, per: hour}}")
    about = topology(f"name: plant\ninterval: 15s\n{factory.TOPOLOGY}{more}")
    with answering({"^budget:energy_joules": [], HEARTBEAT: []}, KEPT) as server:
        (one,) = examine(context(about, server, 3600, clock(NOW, NOW)), {"periods": periods.check})
    assert one.message.endswith("ago (the same holds for budgets.h)")


@pytest.mark.parametrize(
    ("coverage", "ran", "expected"),
    [
        (0.95, 1000, []),  # most of it was measured
        (0.7, 1000, ["budget/uncovered"]),  # 3 hours are missing
        (0.3, 320, []),  # the rules are young: they ran for 32 %
        (0.2, 320, ["budget/uncovered"]),  # 12 % of ten hours are missing
        (0.0015, 12, []),  # the rules ran for 396 to 432 s, of which 54 s were measured: three windows may be missing
    ],
)
def test_a_budget_is_judged_by_the_time_that_the_rules_ran(coverage: float, ran: float, expected: list[str]) -> None:
    assert ids(found(periods.check, budget([({}, 5e5)], coverage, ran), KEPT)) == expected


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("15d", []),
        ("1d", []),
        ("23h59m", ["retention/short"]),
        ("12h or 10GiB", ["retention/short"]),
        ("30d or 10GiB", []),
        ("10GiB", ["doctor/not-checked"]),
    ],
)
def test_retention_is_compared_with_the_longest_period(kept: str, expected: list[str]) -> None:
    rows = budget([({}, 5e5)], 1, 1000)
    assert ids(found(periods.check, rows, {"status/runtimeinfo": {"storageRetention": kept}})) == expected


def test_a_server_that_hides_its_retention_is_a_note() -> None:
    assert ids(found(periods.check, budget([({}, 5e5)], 1, 1000), {"status/runtimeinfo": 404})) == [
        "doctor/not-checked"
    ]


# ---- labels --------------------------------------------------------------------------------------------------------


def test_a_label_that_some_applications_lack_is_a_note() -> None:
    text = factory.TOPOLOGY.replace("a: {traces", "a: {labels: {team: vision}, traces")
    (one,) = found(periods.check, about=topology(text))
    assert (one.kind.id, one.kind.severity, one.where) == ("label/absent", "note", "applications")
    assert one.message.startswith("1 of 2 applications have no label team (b)")


# ---- clocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "times", "expected"),
    [
        (0, (NOW, NOW), []),
        (1.9, (NOW, NOW), []),
        (-30, (NOW, NOW), ["clock/differs"]),
        (30, (NOW, NOW), ["clock/differs"]),
        (5, (NOW, NOW + 10), []),  # a slow answer: the clock may have been read at any time of it
        (9, (NOW - 1, NOW + 1), ["clock/differs"]),
    ],
)
def test_the_clock_of_the_server_is_compared_with_ours(
    ahead: float, times: tuple[float, float], expected: list[str]
) -> None:
    assert ids(found(clocks.check, ahead=ahead, times=times)) == expected


# ---- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        ({"version": "2.41.0", "goVersion": "go1.19"}, ["versions/old-server"]),
        ({"version": "2.42.0+ds", "goVersion": "go1.19"}, []),
        ({"version": "3.5.3", "goVersion": "go1.24"}, []),
        ({"version": "0.35.1", "goVersion": "go1.21"}, []),  # Thanos
        ({"version": "2.24.0"}, ["doctor/not-checked"]),  # VictoriaMetrics, whatever its own version
    ],
)
def test_only_a_prometheus_can_be_too_old(built: Mapping[str, str], expected: list[str]) -> None:
    assert ids(found(versions.check, paths={"status/buildinfo": built})) == expected


@pytest.mark.parametrize(("instance", "expected"), [("pdu-1", ["versions/differ"]), ("elsewhere", [])])
def test_versions_of_other_exporters_are_theirs(instance: str, expected: list[str]) -> None:
    """`pdu-1` is an instance that the topology names."""
    target = {
        "scrapePool": "pdu", "scrapeUrl": "http://10.0.0.1:10471/x", "health": "up",
        "labels": {"job": "pdu", "instance": instance},
    }  # fmt: skip
    series = [{"__name__": f"{name}_energy_joules_total"} for name in ("pdu_outlet",)]
    build = {"job": "pdu", "instance": instance, "exporter": "pdu"}
    rows = {"^joulepath_build_info$": [({**build, "version": "0.0.1"}, 1), ({**build, "version": __version__}, 1)]}
    paths = {"targets": {"activeTargets": [target]}, "series": series}
    assert ids(found(versions.check, rows, paths)) == expected


# ---- rules ---------------------------------------------------------------------------------------------------------


def loaded(groups: list[Group], **changes: Any) -> dict[str, Any]:
    """The answer of a server that has loaded these groups."""
    return {
        "groups": [
            {
                "name": group.name,
                "file": "plant.rules.yaml",
                "interval": seconds(group.interval),
                "lastEvaluation": "2027-01-15T08:00:00Z",  # NOW
                "evaluationTime": 0.1,
                "rules": [
                    {
                        "name": rule.record if isinstance(rule, Rule) else rule.alert,
                        "query": rule.expr,
                        "labels": dict(rule.labels),
                        "type": "recording" if isinstance(rule, Rule) else "alerting",
                        "health": "ok",
                    }
                    for rule in group.rules
                ],
                **changes,
            }
            for group in groups
        ]
    }


def scraped(plant: Topology) -> list[Group]:
    return generate(plant, "scraped")


def lagging(plant: Topology) -> list[Group]:
    return list(vmalert.lagging(generate(plant)))


@pytest.mark.parametrize("form", [generate, scraped, lagging])
def test_rules_of_each_form_are_those_of_the_file(form: Callable[[Topology], list[Group]]) -> None:
    assert found(rules.check, paths={"rules": loaded(form(PLANT))}) == []


@pytest.mark.parametrize("form", [generate, scraped, lagging])
def test_older_rules_of_each_form_are_found(form: Callable[[Topology], list[Group]]) -> None:
    older = topology(
        f"name: plant\ninterval: 15s\n{factory.TOPOLOGY.replace('static_watts: 70', 'static_watts: 71')}{BUDGET}"
    )
    found_here = found(rules.check, paths={"rules": loaded(form(older))})
    assert ids(found_here) == ["rules/outdated"]


@pytest.mark.parametrize(
    ("form", "file", "words"),
    [
        (generate, "/etc/p 1/plant.rules.yaml", "'my plant.yaml' -o '/etc/p 1'"),
        (scraped, "/etc/prometheus/rules/monitoring-plant-0ab1.yaml", "'my plant.yaml' -o DIR --constants scraped"),
        (lagging, "/rules/plant.rules.yaml", "'my plant.yaml' -o /rules --dialect vmalert"),
    ],
)
def test_the_cure_of_outdated_rules_is_a_whole_command(
    form: Callable[[Topology], list[Group]], file: str, words: str
) -> None:
    paths = {"rules": loaded(form(PLANT)[:-1], file=file)}
    with answering(paths=paths) as server:
        made = context(PLANT, server, 3600, clock(NOW, NOW), file="my plant.yaml")
        (outdated,) = [one for one in rules.check(made) if one.kind.id == "rules/outdated"]
    assert f"run `joulepath rules generate {words}` and reload" in outdated.message


def test_rules_of_another_plant_differ_by_no_more_than_there_are() -> None:
    other = topology("name: plant\nsites: {s: {}}\nhosts: {h: {site: s, power: [{watts: 1}]}}\n"
                     "components: {h: {role: device}}\n")  # fmt: skip
    for loaded_of, about in ((other, PLANT), (PLANT, other)):
        one = found(rules.check, paths={"rules": loaded(generate(loaded_of), interval=15.0)}, about=about)[0]
        differing, whole = map(int, re.findall(r"^(\d+) of the (\d+) rules", one.message)[0])
        assert 0 < differing <= whole


@pytest.mark.parametrize("form", [generate, lagging])
def test_rules_under_a_former_name_are_found(form: Callable[[Topology], list[Group]]) -> None:
    """The same topology as it was called before. One that differs runs beside it on purpose."""
    text = f"name: hall\ninterval: 15s\n{factory.TOPOLOGY}{BUDGET}"
    now = loaded(form(PLANT))["groups"]
    former = loaded(form(topology(text)), file="/rules/hall.rules.yaml")["groups"]
    (one,) = found(rules.check, paths={"rules": {"groups": [*former, *now]}})
    assert (one.kind.id, one.where) == ("rules/renamed", "rules")
    assert "topology 'hall' (/rules/hall.rules.yaml) are those of 'plant' under another name" in one.message
    beside = loaded(form(topology(text.replace("static_watts: 70", "static_watts: 71"))))["groups"]
    assert found(rules.check, paths={"rules": {"groups": [*beside, *now]}}) == []


def test_scraped_rules_do_not_tell_a_former_name() -> None:
    """Those of two topologies are the same where numbers alone differ: they are in the constants."""
    former = loaded(scraped(topology(f"name: hall\ninterval: 15s\n{factory.TOPOLOGY}{BUDGET}")))["groups"]
    groups = [*former, *loaded(scraped(PLANT))["groups"]]
    assert found(rules.check, paths={"rules": {"groups": groups}}) == []


def test_outdated_rules_explain_what_they_lack() -> None:
    """A host of a newer file is not missing for a reason of its own."""
    one = found(rules.check, paths={"rules": loaded(lagging(PLANT), interval=30.0)})[0]
    host = Finding(KINDS["host/missing"], ("hosts", "edge-1"), "no power", (RULES,))
    assert list(causes([one, host])) == [one]


def test_a_missing_group_has_its_name_in_the_message() -> None:
    (one,) = found(rules.check, paths={"rules": loaded([g for g in generate(PLANT) if g.name != "budgets"])})
    assert one.message.startswith("group budgets is missing")


def test_a_group_that_takes_longer_than_its_interval_is_slow() -> None:
    slow = found(rules.check, paths={"rules": loaded(generate(PLANT), evaluationTime=1000.5)})
    assert set(ids(slow)) == {"rules/slow"}
    assert "one evaluation of group attribution takes 1e+03 s, its interval is 15 s" in slow[0].message


@pytest.mark.parametrize(("beats", "expected"), [(20, []), (18, []), (17, ["rules/slow"])])
def test_one_late_evaluation_of_the_chain_is_not_a_slow_group(beats: float, expected: list[str]) -> None:
    groups = loaded(generate(PLANT))
    for group in groups["groups"]:
        group["evaluationTime"] = 15.1 if group["name"] == "attribution" else 0.1
    counted: dict[str, Rows] = {r"max\(count_over_time\(attribution:heartbeat.*\[5m\]": [({}, beats)]}
    assert ids(found(rules.check, counted, {"rules": groups})) == expected


def test_a_group_that_stands_still_is_slow() -> None:
    still = found(rules.check, paths={"rules": loaded(generate(PLANT), lastEvaluation="2027-01-15T07:00:00Z")})
    assert set(ids(still)) == {"rules/slow"}
    assert "group attribution was evaluated 3600 s ago" in still[0].message


def test_rules_that_were_just_loaded_are_a_note() -> None:
    young = found(rules.check, paths={"rules": loaded(generate(PLANT), lastEvaluation="0001-01-01T00:00:00Z")})
    assert ids(young) == ["doctor/not-checked"]


@pytest.mark.parametrize(("answer", "heartbeat", "expected"), [
    (404, [], ["rules/absent"]),
    (404, [({}, 1)], ["doctor/not-checked"]),
    ({"groups": []}, [({}, 1)], ["doctor/not-checked"]),
    ({"groups": []}, [], ["rules/absent"]),
])  # fmt: skip
def test_rules_that_another_program_evaluates_are_not_absent(answer: Any, heartbeat: Rows, expected: list[str]) -> None:
    assert ids(found(rules.check, {HEARTBEAT: heartbeat}, {"rules": answer})) == expected


# ---- all of them ---------------------------------------------------------------------------------------------------


def raising(error: Exception) -> Check:
    def check(_: Context) -> Any:
        raise error
        yield  # a generator, as checks are

    return check


def test_a_question_that_is_refused_ends_its_own_check_alone() -> None:
    with answering() as server:
        made = context(PLANT, server, 3600)
        told = examine(made, {"first": raising(PrometheusError("no")), "clocks": clocks.check})
    assert told[0].message == "not checked: first: no"


def test_a_server_that_stops_to_answer_ends_the_run() -> None:
    with answering() as server:
        made = context(PLANT, server, 3600)
        with pytest.raises(NoAnswerError):
            examine(made, {"first": raising(NoAnswerError("gone"))})


def test_each_question_is_asked_once() -> None:
    with answering({HEARTBEAT: [({}, 1)]}) as server:
        made = context(PLANT, server, 3600)
        first = made.server.query("attribution:heartbeat")
        assert made.server.query("attribution:heartbeat") is first


class Names:
    """A server that has these series, none of which fits a selector."""

    def label_values(self, _label: str, *selectors: str) -> list[str]:
        """All names, or those that fit."""
        return [] if selectors else ["host_tier:power_watts", "host:power_watts"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("inverter_watts", ""), ("hots:power_watts", " (did you mean host:power_watts?)")],
)
def test_a_recorded_series_is_not_meant_by_the_name_of_another(name: str, meant: str) -> None:
    with answering({}) as server:
        about = replace(context(PODS, server, 3600, clock(NOW, NOW)), server=cast("Server", Names()))
    assert nearest(about, name) == f"no series is called {name}{meant}"
