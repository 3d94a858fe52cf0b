# SPDX-License-Identifier: Apache-2.0
"""A meter, an exporter and a trace vanish for 20 s each and return: gaps where gaps belong, and never a wrong watt."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from joulepath_dashboards.queries import queries as dashboard_queries
from joulepath_lab.network import isolation
from joulepath_lab.scenarios.scenario import UNATTRIBUTED
from joulepath_lab.truth.truth import Truth
from tests.conftest import ROOT

pytestmark = pytest.mark.lab

WINDOW = 10.0
# Until an exporter that starts anew is scraped; a window later its counters are old enough for shares.
STARTING = 3.0
PDU_HOSTS = {"ru-1", "edge-1", "gpu-1"}
TOLERANCE = 0.03
ROUNDING = 1e-6
# How old the newest packet, or work of a processor, in a recorded value can be: a scrape and an evaluation.
PACKET_AGES = [0.0, 0.5, 1.0, 1.5]
# The same of power: a plug shows the mean of a second and is polled every second before it is scraped.
POWER_AGES = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
# A counter that has just come back is rated over what there is of it: two scrapes at least. The ten scrapes of a full
# window are nine seconds apart.
SPANS = [1.5, 2.0, 3.0, 4.0, 6.0, 8.0, WINDOW - 1, WINDOW]


@dataclass
class Session:
    """The recording of one run through all faults."""

    recorded: dict[str, Any]
    truth: Truth

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float, float]]:
        wanted = {"__name__": name, **labels}
        return [
            (sample, at, value)
            for sample, at, value in self.recorded["samples"]
            if all(sample.get(key) == value for key, value in wanted.items())
        ]

    def times(self, name: str, **labels: str) -> list[float]:
        return sorted({at for _, at, _ in self.samples(name, **labels)})

    def fault(self, name: str) -> tuple[float, float]:
        begin, end = self.recorded["faults"][name]
        return begin, end


@pytest.fixture(scope="module")
def session(
    prometheus: Path,
    alertmanager: Path,
    absent: Callable[[str, str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Session:
    if reason := isolation.refusal(rootless=False) and isolation.refusal(rootless=True):
        absent("netns", reason)
    folder = tmp_path_factory.mktemp("session")
    dashboards = [json.loads(path.read_text()) for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))]
    asked = {query: None for dashboard in dashboards for query in dashboard_queries(dashboard)}
    (folder / "queries.json").write_text(json.dumps(list(asked)))
    command = [sys.executable, "-m", "joulepath_lab.run.faults", str(folder), "--queries", str(folder / "queries.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    recorded = json.loads((folder / "recorded.json").read_text())
    return Session(recorded, Truth(folder / "history.jsonl"))


Watts = Callable[[float, float, float], float]
"""Watts by begin and end of the packets' interval, and by how much earlier the power's is."""


def hull(true: Watts, at: float, silent: float = 0.0) -> tuple[float, float]:
    """Least and largest truth over every pair of windows that a value recorded at `at` may stand for.

    The packets' exporter is `silent` since so many seconds.
    """
    powers = [
        true(at - packets - span, at - packets, power - packets)
        for packets in (silent + age for age in PACKET_AGES)
        for power in POWER_AGES
        for span in SPANS
    ]
    return min(powers), max(powers)


def wrong(
    session: Session,
    name: str,
    true: Callable[[dict[str, str]], Watts],
    excused: Callable[[dict[str, str], float], bool] = lambda _labels, _at: False,
    silent: Callable[[dict[str, str], float], float] = lambda _labels, _at: 0.0,
) -> list[str]:
    """The samples that lie outside what the truth allows."""
    lines = []
    judged = 0
    for labels, at, value in session.samples(name):
        if excused(labels, at):
            continue
        try:
            low, high = hull(true(labels), at, silent(labels, at))
        except LookupError:
            continue  # the history does not reach back that far
        judged += 1
        if not low * (1 - TOLERANCE) - ROUNDING <= value <= high * (1 + TOLERANCE) + ROUNDING:
            lines.append(f"{name}{labels} at +{at - session.recorded['begin']:.1f} s: {value}, not {low}..{high}")
    assert judged > 100
    return lines


def test_no_host_is_ever_wrong(session: Session) -> None:
    def true(labels: dict[str, str]) -> Watts:
        return lambda begin, end, lag: session.truth.host(labels["host"], begin - lag, end - lag)

    assert not wrong(session, "host:power_watts", true)


def test_no_application_is_ever_wrong(session: Session) -> None:
    truth = session.truth

    def true(labels: dict[str, str]) -> Watts:
        component, application = labels["component"], labels["application"]
        if component == UNATTRIBUTED:
            return partial(truth.host_unattributed, labels["host"])
        return lambda *interval: truth.component(component, *interval)[application].total

    begin, end = session.fault("exporter")
    counted_there = {"ru-1", "upf-1"}  # ru-1 is anchored at upf-1

    def is_excused(labels: dict[str, str], at: float) -> bool:
        """Watts of traffic that is not counted just then are `unattributed`, by design."""
        nobody = labels["component"] in counted_there and labels["application"] == UNATTRIBUTED
        return nobody and begin < at < end + STARTING + WINDOW

    def silent(labels: dict[str, str], at: float) -> float:
        return at - begin if labels["component"] in counted_there and begin < at < end else 0.0

    assert not wrong(session, "application_component:power_watts", true, is_excused, silent)

    # A lie of a twelfth is found, but for some moments at which the load moves.
    lying = [
        (labels, at, value * 13 / 12)
        for labels, at, value in session.samples("application_component:power_watts", application="inspection")
        if labels["component"] in {"du-1", "cu-1"}
    ]
    liar = Session({**session.recorded, "samples": lying}, truth)
    assert len(wrong(liar, "application_component:power_watts", true)) > 50


def test_a_silent_meter_is_a_gap_at_every_level(session: Session) -> None:
    begin, end = session.fault("meter")
    dark = (begin + WINDOW / 2 + 3, end)
    for host in PDU_HOSTS:
        assert not [at for at in session.times("host:power_watts", host=host) if dark[0] < at < dark[1]]
    assert [at for at in session.times("host:power_watts", host="core-1") if dark[0] < at < dark[1]]
    for application in ("assembly-line", "inspection"):
        for name in ("application:power_watts", "application:co2_grams_per_second"):
            times = session.times(name, application=application)
            assert not [at for at in times if dark[0] < at < dark[1]]
            assert [at for at in times if at > end + WINDOW]
        covered = session.samples("application:power_covered_watts", application=application)
        assert [at for _, at, _ in covered if dark[0] < at < dark[1]]
    assert {value for _, at, value in session.samples("pdu_up") if dark[0] < at < dark[1]} == {0.0}


def test_a_silent_exporter_is_a_gap_for_applications_and_not_for_machines(session: Session) -> None:
    begin, end = session.fault("exporter")
    dark = (begin + WINDOW + 1, end)
    for host in (*PDU_HOSTS, "core-1"):
        assert [at for at in session.times("host:power_watts", host=host) if dark[0] < at < dark[1]]
    for application in ("assembly-line", "inspection"):
        times = session.times("application:power_watts", application=application)
        assert not [at for at in times if dark[0] < at < dark[1]]
        assert [at for at in times if at > end + WINDOW]
    rest = session.samples("application_component:power_watts", component="upf-1", application=UNATTRIBUTED)
    whole = {at: value for _, at, value in session.samples("host:power_watts", host="core-1")}
    during = [(at, value) for _, at, value in rest if dark[0] < at < dark[1]]
    assert during
    for at, value in during:
        assert value == pytest.approx(whole[at], rel=1e-9)


def test_a_pause_of_a_trace_is_not_a_gap(session: Session) -> None:
    begin, end = session.fault("trace")
    still = (begin + WINDOW + 3, end)
    values = [
        value for _, at, value in session.samples("application:power_watts", application="assembly-line")
        if still[0] < at < still[1]
    ]  # fmt: skip
    assert values
    assert set(values) == {0.0}


def test_every_level_adds_up_at_every_instant(session: Session) -> None:
    for name in ("host:conservation_error_watts", "component:conservation_error_watts"):
        errors = [abs(value) for _, _, value in session.samples(name)]
        assert errors
        assert max(errors) < 1e-6
    whole = dict.fromkeys(session.times("host:power_watts"), 0.0)
    for _, at, value in session.samples("host:power_watts"):
        whole[at] += value
    parts = dict.fromkeys(whole, 0.0)
    for _, at, value in session.samples("application_component:power_watts"):
        parts[at] += value
    assert parts == pytest.approx(whole, rel=1e-9)


def test_every_query_of_the_dashboards_returns_data(session: Session) -> None:
    """Reasons for gaps while there are gaps, all others while all is well.

    A closed hour takes an hour, no machine of this scenario has a BMC, and sources of carbon intensity are not asked.
    """
    healthy, faulty = session.recorded["answers"], session.recorded["answers_in_faults"]
    reasons = {query for query in healthy if query.startswith("group by") and ":missing:info" in query}
    assert len(reasons) == 3
    assert not [query for query in reasons if healthy[query] or not faulty[query]]
    servers = {query for query in healthy if "bmc_" in query and "pdu_up" not in query}
    assert len(servers) == 4
    sources = {query for query in healthy if "grid_carbon_" in query or "carbon_up" in query}
    assert len(sources) == 5
    others = reasons | servers | sources
    asked = {query: rows for query, rows in healthy.items() if query not in others and ":1h{" not in query}
    assert len(asked) > 80
    assert not [query for query, rows in asked.items() if rows == 0]


def test_the_budget_alert_reached_the_webhook(session: Session) -> None:
    (alert, *_) = session.recorded["alerts"]
    assert alert["labels"]["alertname"].startswith("EnergyBudget")
    assert alert["labels"]["application"] == "assembly-line"
    assert alert["status"] == "firing"


def test_no_rule_ever_failed(session: Session) -> None:
    lasted = session.recorded["finish"] - session.recorded["begin"]
    rules = [(rule, group["interval"]) for group in session.recorded["rules"] for rule in group["rules"]]
    # A group with an interval longer than this session has no health until its first evaluation.
    evaluated = [rule for rule, interval in rules if interval < lasted or rule["health"] != "unknown"]
    assert len(evaluated) > 100
    assert not [rule["name"] for rule in evaluated if rule["health"] != "ok"]
