# SPDX-License-Identifier: Apache-2.0
"""Each alert about data, in promtool: fed with the series that it reads, it fires at its time and not before."""

import json
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from scripts.generate import modules

from joulepath_rules.alerts import GROUPS, PAGE, alerts, shipped
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.rule import Alert, Group
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

OWN = re.compile(r"\b(?:joulepath_topology_\w+|[a-z_]+(?::[a-z0-9_]+)+)")
EVERYTHING = {name for rule in shipped() for name in OWN.findall(rule["expr"])}
DAY = 24 * 60

Series = Mapping[str, str]

BURNING = """
budgets:
  a-day: {application: a, energy: 1kWh, per: day, burn: [{part: 25%, within: 2h, severity: critical}]}
"""
"""A quarter in a twelfth of the period: 3 times as fast as it lasts. The short time is 10 minutes."""


@dataclass
class Case:
    """The input of an alert in the topology `plant`, and its expected text and minutes.

    `sick` makes it fire from the minute `at` on, and for another topology never. With `cure` laid over it, it never
    fires.
    """

    alert: str
    at: int
    sick: Series
    cure: Series
    labels: dict[str, str]
    summary: str
    description: str
    over: int | None = None
    """When it does not fire any more; None if the test does not last that long."""
    name: str = ""
    pace: int = 60
    """Seconds between two samples, and between two evaluations of the chain."""


WITH_A_CORE = factory.TOPOLOGY.replace(
    "applications:",
    "  upf-2: {role: upf, host: edge-1, traffic: {core: pfcp, instances: [upf-2]}}\napplications:",
)
"""The factory with a second UPF, which reports usage."""


def plant(interval: float = 15, recorded: Collection[str] = EVERYTHING, generation: str = "") -> list[Alert]:
    """The alerts of the factory, under the name `plant`, with their label."""
    ours = topology(f"name: plant\ninterval: {interval:g}s\nwindow: {8 * interval:g}s" + WITH_A_CORE + BURNING)
    ours_alerts = [alert for group in GROUPS for alert in alerts(ours, group, recorded, generation)]
    return [replace(alert, labels={"topology": "plant", **alert.labels}) for alert in ours_alerts]


def promtool_test(
    promtool: Path, folder: Path, alert: str, tests: Iterable[dict[str, Any]], interval: float = 60
) -> None:
    """Runs tests of one alert, of a chain that is evaluated every `interval` seconds; fails with what promtool says."""
    groups = [Group("alerts", "1m", tuple(rule for rule in plant(interval) if rule.alert == alert))]
    (folder / "alerts.rules.yaml").write_text(write(groups, "0"))
    content = {"rule_files": ["alerts.rules.yaml"], "evaluation_interval": "1m", "tests": list(tests)}
    (folder / "alerts.test.yaml").write_text(json.dumps(content))
    words = [str(promtool), "test", "rules", str(folder / "alerts.test.yaml")]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def expect_alert(case: Case, minute: int, *, fires: bool) -> dict[str, Any]:
    """One check of promtool."""
    (severity,) = (rule["labels"]["severity"] for rule in shipped() if rule["alert"] == case.alert)
    firing = {
        "exp_labels": {"topology": "plant", "severity": severity, **case.labels},
        "exp_annotations": {
            "summary": case.summary,
            "description": case.description,
            "runbook": f"{PAGE}#{case.alert.lower()}",
        },
    }
    return {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": [firing] if fires else []}


def promtool_case(name: str, series: Series, checks: Iterable[dict[str, Any]], pace: int = 60) -> dict[str, Any]:
    """One test of promtool; `pace` is the seconds between two samples."""
    rows = [{"series": series, "values": values} for series, values in series.items()]
    return {"name": name, "interval": f"{pace}s", "input_series": rows, "alert_rule_test": list(checks)}


def constant(name: str, minutes: int = 90, /, **labels: str) -> dict[str, str]:
    """A constant of the topology `plant`."""
    return {row(f"joulepath_topology_{name}", **labels): f"1x{minutes}"}


def row(series: str, **labels: str) -> str:
    """A series of the topology `plant`."""
    return f"{series}{{" + ",".join(f'{key}="{value}"' for key, value in {"topology": "plant", **labels}.items()) + "}"


def exporter_series(name: str, **labels: str) -> str:
    """A series of an exporter."""
    return f"{name}{{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


PLUG = {"job": "pdu", "instance": "pdu-1", "outlet": "3"}
CHASSIS = {"job": "bmc", "instance": "edge-1", "chassis": "1"}
CAPTURE = {"job": "ioam", "instance": "upf-1"}
ZONE = {"grid_zone": "DE", "source": "ember", "boundary": "lifecycle"}
BUDGET = {"application": "a", "budget": "a-day", "per": "day"}
ENERGY = {**BUDGET, "quantity": "energy"}
HEARTBEAT = row("attribution:heartbeat")
DARK = {
    **constant("tier", host="edge-1", tier="1", method="measured"),
    row("host:power_watts", host="edge-1", site="mast"): "300x5 stale _x13 300x60",
    row("host:power_watts", host="edge-2", site="mast"): "300x90",
    row("host:missing:info", host="edge-1", tier="2", source="1"): "1x90",
    row("host:missing:info", host="edge-1", tier="1", source="2"): "1x90",
    row("host:missing:info", host="edge-2", tier="1", source="7"): "1x90",
}
SHARES = {
    row("application_component:power_watts", application="a", component="upf-1", host="edge-1"): "40x90",
    row("application_component:power_watts", application="unattributed", component="upf-1", host="edge-1"): "60x90",
    row("application_component:power_watts", application="unattributed", component="unattributed", host="edge-1"): (
        "900x90"
    ),
}


def meter(level: str, labels: dict[str, str], watts: float, register: float, measured: float = 60) -> dict[str, str]:
    """The counters of a meter over two days: what it integrates, and what its register says, in watts."""
    values = {"energy_joules": watts * measured, "measured_seconds": measured, "meter_energy_joules": register * 60}
    return {exporter_series(f"{level}_{name}_total", **labels): f"0+{step}x{2 * DAY}" for name, step in values.items()}


COUNTED = exporter_series("ioam_node_packets_total", **CAPTURE, node_id="4", direction="uplink")
OTHER = {COUNTED: COUNTED.replace('node_id="4"', 'node_id="40"')}
"""Counts at a node that the topology does not have."""
REPORTS = {"job": "pfcp", "instance": "smf-1:10480"}


def capture(counted: float, dropped: float, unseen: float | None = None, folded: float = 0) -> dict[str, str]:
    """The series of an ioam exporter at node 4, in packets/s."""
    rates = {
        COUNTED: counted,
        exporter_series("ioam_capture_drops_total", **CAPTURE): dropped,
        exporter_series("ioam_traces_folded_total", **CAPTURE): folded,
    }
    if unseen is not None:
        rates[exporter_series("ioam_interface_unseen_packets_total", **CAPTURE, interface="n3")] = unseen
    return {name: f"0+{60 * rate}x90" for name, rate in rates.items()}


def usage_reports(messages: float, damaged: float = 0, missing: float = 0, unknown: float = 0) -> dict[str, str]:
    """The series of a pfcp exporter, each minute; of 100 bytes some are of unknown sessions."""
    rates = {
        exporter_series("pfcp_messages_total", **REPORTS, type="session_report_request"): messages,
        exporter_series("pfcp_decode_errors_total", **REPORTS, reason="fragment"): damaged,
        exporter_series("pfcp_decode_errors_total", **REPORTS, reason="header"): 0,
        exporter_series("pfcp_capture_drops_total", **REPORTS): 0,
        exporter_series("pfcp_missing_reports_total", **REPORTS): missing,
        exporter_series("pfcp_usage_bytes_total", **REPORTS, group="unknown"): unknown,
        exporter_series("pfcp_usage_bytes_total", **REPORTS, group="cameras"): 100 - unknown,
    }
    return {name: f"0+{rate}x90" for name, rate in rates.items()}


EXPORTER = {
    exporter_series(
        "joulepath_build_info", job="pdu", instance="plant:10471", exporter="pdu", version="1"
    ): "1x9 stale",
    exporter_series("up", job="node", instance="plant:9100"): "0x99",
}
"""An exporter that was there, and a target that is not Joulepath's."""

CASES = [
    Case(
        "EnergyChainNotEvaluated",
        # At 23:00, 8 or 9 of the last 20 evaluations took place: a range is open at its left end from Prometheus 3 on.
        28,
        {HEARTBEAT: "1x80 _x80 1x120"},
        {HEARTBEAT: "1x360"},
        {},
        "The rules of this topology are not evaluated",
        "Less than half of the evaluations of the group `attribution` took place in the last 5 minutes, so its figures "
        "are old or absent.",
        over=45,
        pace=15,
    ),
    Case(
        "EnergyTopologyNotPublished",
        15,
        {row("joulepath_topology_tier", host="edge-1", tier="1", method="measured"): "1x9 stale _x9 1x60"},
        {row("joulepath_topology_tier", host="edge-1", tier="1", method="measured"): "1x90"},
        {},
        "The constants of this topology are not published",
        "No target publishes the constants for which these rules were generated, so all figures of the topology are "
        "absent.",
        over=20,
    ),
    Case(
        "EnergyExporterDown",
        15,
        {**EXPORTER, exporter_series("up", job="pdu", instance="plant:10471"): "1x9 0x90"},
        {exporter_series("up", job="pdu", instance="plant:10471"): "1x9 0x3 1x90"},
        {"job": "pdu", "instance": "plant:10471", "exporter": "pdu"},
        "The exporter pdu at plant:10471 is down",
        "Prometheus cannot scrape it, so that what it measures is absent from all figures.",
    ),
    Case(
        "EnergyHostDark",
        16,
        DARK,
        {row("host:power_watts", host="edge-1", site="mast"): "300x90"},
        {"host": "edge-1"},
        "The power of host edge-1 is not known",
        "None of its tiers is complete, so the totals of all applications on it are absent. Missing, as tier and "
        "source: 1/2 2/1.",
        over=20,
    ),
    Case(
        "EnergyReadingMissing",
        30,
        {
            row("host:power_watts", host="edge-1", site="mast"): "300x90",
            row("host:missing:info", host="edge-1", tier="2", source="1"): "1x90",
            row("host:missing:info", host="edge-2", tier="1", source="1"): "1x90",
        },
        {row("host:missing:info", host="edge-1", tier="2", source="1"): "1x20 stale _x5 1x29 stale"},
        {"host": "edge-1"},
        "A meter of host edge-1 is silent",
        "The host's power comes from another tier. Missing, as tier and source: 2/1.",
    ),
    Case(
        "EnergyApplicationIncomplete",
        14,
        {
            **constant("component", component="upf-1", host="edge-1", site="mast", segment="network", role="upf"),
            row("host:power_watts", host="edge-1", site="mast"): "300x90",
            row("application:missing:info", application="a", component="upf-1"): "_x4 1x20 stale",
        },
        {row("application:missing:info", application="a", component="upf-1"): "_x4 1x5 stale _x2 1x9 stale"},
        {"application": "a", "component": "upf-1", "host": "edge-1"},
        "Application a is incomplete at upf-1",
        "Its power at this component is not known, so its total, its CO2 and what its budgets count are not complete. "
        "Look at host edge-1 first.",
        over=26,
    ),
    Case(
        "EnergyBudgetExceeded",
        10,
        {row("budget:used:ratio", **ENERGY): "1x9 1.01x90", row("budget:coverage:ratio", **BUDGET): "0.9x90"},
        {row("budget:used:ratio", **ENERGY): "1x90"},
        ENERGY,
        "Budget a-day is used up",
        "101% of the energy that it allows was used in the running period (day).",
    ),
    Case(
        "EnergyBudgetExceeded",
        10,
        {row("budget:used:ratio", **ENERGY): "1x9 178.2x90"},
        {row("budget:used:ratio", **ENERGY): "1x90"},
        ENERGY,
        "Budget a-day is used up",
        "178 times the energy that it allows was used in the running period (day).",
        name="far",
    ),
    Case(
        "EnergyBudgetProjected",
        20,
        {
            row("budget:used:ratio", **ENERGY): "0.01x90",
            row("budget:projected:ratio", **ENERGY): "1x9 1.01x90",
            row("budget:coverage:ratio", **BUDGET): "0.5x90",
        },
        {row("budget:used:ratio", **ENERGY): "0.01x9 1.01x90"},
        ENERGY,
        "Budget a-day is about to be used up",
        "At the present rate the running period (day) comes to 101% of the energy that it allows. Only 50% of the time "
        "was measured; gaps after the first measurement are charged with the mean.",
    ),
    Case(
        "EnergyBudgetProjected",
        20,
        {row("budget:used:ratio", **ENERGY): "0.01x90", row("budget:projected:ratio", **ENERGY): "1x9 12345x90"},
        {row("budget:used:ratio", **ENERGY): "0.01x9 1.01x90"},
        ENERGY,
        "Budget a-day is about to be used up",
        "At the present rate the running period (day) comes to 12345 times the energy that it allows.",
        name="far",
    ),
    # Half of the two hours must be known: 60 minutes. Cured, it is no more so fast in the last 10 of them.
    Case(
        "EnergyBudgetBurning",
        99,
        {row("budget:burn:ratio", **ENERGY): "_x40 4x90"},
        {row("budget:burn:ratio", **ENERGY): "_x40 4x50"},
        {**ENERGY, "over": "2h"},
        "Budget a-day is used too fast",
        "Over 2h its energy was used 4.0 times as fast as it would last for its period (day).",
    ),
    Case(
        "EnergyBudgetCoverageLow",
        15,
        {row("budget:coverage:ratio", **BUDGET): "0.89x90"},
        {row("budget:coverage:ratio", **BUDGET): "0.9x90"},
        BUDGET,
        "Budget a-day rests on part of its time",
        "89% of the time of the running period (day) was measured; gaps after the first measurement are charged "
        "with the mean.",
    ),
    Case(
        "EnergyUnattributedHigh",
        30,
        SHARES,
        {row("application_component:power_watts", application="a", component="upf-1", host="edge-1"): "61x90"},
        {"host": "edge-1"},
        "Most of the power on host edge-1 belongs to no application",
        "60% of what its components draw is unattributed, while applications use them.",
    ),
    Case(
        "EnergyUnattributedHigh",
        30,
        SHARES,
        {row("application_component:power_watts", application="a", component="upf-1", host="edge-1"): "0x90"},
        {"host": "edge-1"},
        "Most of the power on host edge-1 belongs to no application",
        "60% of what its components draw is unattributed, while applications use them.",
        name="without traffic all is unattributed, and no alert",
    ),
    Case(
        "EnergyNotConserved",
        10,
        {row("host:conservation_error_watts", host="edge-1"): "-0.5x90"},
        {row("host:conservation_error_watts", host="edge-1"): "0.0000001x90"},
        {"host": "edge-1"},
        "Applications do not add up to host edge-1",
        "The sum differs by 500mW. Rounding stays below 1e-9 W.",
        name="host",
    ),
    Case(
        "EnergyNotConserved",
        10,
        {row("component:conservation_error_watts", host="edge-1", component="upf-1"): "2x90"},
        {row("component:conservation_error_watts", host="edge-1", component="upf-1"): "0x90"},
        {"host": "edge-1", "component": "upf-1"},
        "Applications do not add up to host edge-1",
        "The sum differs by 2W at component upf-1. Rounding stays below 1e-9 W.",
        name="component",
    ),
    Case(
        # 100 W are 8.64 MJ a day, 200 W are 17.28 MJ: 8.64 apart, 3.6 + 0.15 * 17.28 = 6.192 are granted. 170 W are
        # 14.688 MJ: 6.048 apart, 5.8032 are granted; 165 W are 14.256: 5.616 apart, 5.7384 are granted.
        "EnergyRegisterDisagrees",
        DAY + 60,
        {
            **constant(
                "source", 2 * DAY, kind="pdu", host="edge-1", tier="1", source="1", instance="pdu-1", outlet="3"
            ),
            **meter("pdu_outlet", PLUG, 100, 170),
        },
        meter("pdu_outlet", PLUG, 100, 165),
        {"instance": "pdu-1", "outlet": "3"},
        "The energy register of pdu-1 disagrees with its power",
        "Outlet 3: in one day the register and the integrated power differ by 6.048MJ.",
        name="outlet",
    ),
    Case(
        "EnergyRegisterDisagrees",
        DAY + 60,
        {
            **constant("source", 2 * DAY, kind="bmc", host="edge-1", tier="1", source="1", instance="edge-1"),
            **meter("bmc_chassis", CHASSIS, 300, 0),
        },
        # A register that goes backwards was reset.
        {exporter_series("bmc_chassis_meter_energy_joules_total", **CHASSIS): f"9000000000-18000x{2 * DAY}"},
        {"instance": "edge-1", "chassis": "1"},
        "The energy register of edge-1 disagrees with its power",
        "Chassis 1: in one day the register and the integrated power differ by 25.92MJ.",
        name="register that stands still",
    ),
    Case(
        # Measured for 0.92 of the day: the mean of that time stands for the day.
        "EnergyRegisterDisagrees",
        DAY + 60,
        {
            **constant("source", 2 * DAY, kind="bmc", host="edge-1", tier="1", source="1", instance="edge-1"),
            **meter("bmc_chassis", CHASSIS, 300, 600, measured=55.2),
        },
        meter("bmc_chassis", CHASSIS, 300, 600, measured=53),
        {"instance": "edge-1", "chassis": "1"},
        "The energy register of edge-1 disagrees with its power",
        "Chassis 1: in one day the register and the integrated power differ by 25.92MJ.",
        name="measured for a part of the day",
    ),
    Case(
        "EnergyCarbonFactorMissing",
        30,
        {
            **constant("grid_zone", 90, site="mast", supply="grid", **ZONE),
            row("supply:co2_grams_per_kilowatt_hour", site="hall", supply="grid", basis="location"): "50x90",
        },
        {row("supply:co2_grams_per_kilowatt_hour", site="mast", supply="grid", basis="location"): "300x90"},
        {"site": "mast", **ZONE},
        "Site mast has no carbon factor",
        "Nothing publishes the intensity of DE by ember (lifecycle), so applications that touch this site have no CO2.",
    ),
    Case(
        "EnergyPriceMissing",
        30,
        {
            **constant("queried_price", 90, site="mast", currency="EUR"),
            'site:price_per_kilowatt_hour{topology="plant",site="hall",currency="EUR"}': "0.2x90",
        },
        {'site:price_per_kilowatt_hour{topology="plant",site="mast",currency="EUR"}': "-0.1x90"},
        {"site": "mast", "currency": "EUR"},
        "Site mast has no price",
        "The query gives no price in EUR, or several that differ, so applications that touch this site have no cost.",
    ),
    Case(
        # promtool's clock begins at 0: 6 hours and one minute are the first that is older than 6 hours.
        "EnergyCarbonFactorStale",
        371,
        {
            **constant("grid_zone", DAY, site="mast", **ZONE),
            exporter_series(
                "grid_carbon_intensity_updated_timestamp_seconds", grid_zone="DE", source="ember"
            ): f"0x{DAY}",
        },
        {
            exporter_series("grid_carbon_intensity_updated_timestamp_seconds", grid_zone="DE", source="ember"): (
                f"0x300 18000x{DAY}"
            )
        },
        {"site": "mast", "grid_zone": "DE", "source": "ember"},
        "The carbon factor of site mast is old",
        "The intensity of DE by ember was updated 6h 11m 0s ago.",
    ),
    Case(
        "EnergyCaptureDrops",
        11,
        {**capture(1000, 11)},
        capture(1000, 9),
        {"job": "ioam", "instance": "upf-1"},
        "The capture of upf-1 loses packets",
        "At least 1.1% as many packets as it counts pass uncounted, so shares of the traffic are doubtful.",
        name="dropped",
    ),
    Case(
        "EnergyCaptureDrops",
        11,
        {**capture(1000, 6, 6)},
        capture(1000, 6, 3),
        {"job": "ioam", "instance": "upf-1"},
        "The capture of upf-1 loses packets",
        "At least 1.2% as many packets as it counts pass uncounted, so shares of the traffic are doubtful.",
        name="unseen",
    ),
    Case(
        "EnergyCaptureDrops",
        11,
        {**capture(1, 150)},
        capture(1000, 9),
        {"job": "ioam", "instance": "upf-1"},
        "The capture of upf-1 loses packets",
        "At least 150 times as many packets as it counts pass uncounted, so shares of the traffic are doubtful.",
        name="nearly all",
    ),
    Case(
        "EnergyTracesFolded",
        11,
        {**capture(1000, 0, folded=1)},
        capture(1000, 0),
        {"job": "ioam", "instance": "upf-1"},
        "upf-1 counts traces together",
        '600 packets in 10 minutes were counted as trace "other", because a bound of `admit: any` is reached. The '
        "applications that they belong to do not pay for them.",
    ),
    Case(
        "EnergyUsageReportsSilent",
        6,
        usage_reports(0),
        usage_reports(1),
        REPORTS,
        "smf-1:10480 sees no message of N4",
        "No message of PFCP came in 10 minutes, not even a heartbeat, so applications that are counted by usage "
        "reports have no traffic.",
    ),
    Case(
        "EnergyUsageReportsLost",
        11,
        usage_reports(100, 0.7, 0.5),
        usage_reports(100, 0.4, 0.5),
        REPORTS,
        "smf-1:10480 loses usage reports",
        "At least 1.2% of the messages of N4 are lost or cannot be read, so the bytes of applications that are counted "
        "by usage reports are too few.",
    ),
    Case(
        "EnergyUsageReportsLost",
        11,
        usage_reports(1, 100, 50),
        usage_reports(100, 0.4, 0.5),
        REPORTS,
        "smf-1:10480 loses usage reports",
        "At least 150 messages of N4 for each that is counted are lost or cannot be read, so the bytes of applications "
        "that are counted by usage reports are too few.",
        name="nearly all",
    ),
    Case(
        "EnergySessionsUnknown",
        31,
        usage_reports(100, unknown=20),
        usage_reports(100, unknown=9),
        REPORTS,
        "smf-1:10480 does not know many sessions",
        "20% of the reported bytes are of sessions that were not seen to begin, so they belong to no application.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {case.name}".strip())
def test_an_alert_fires_at_its_time(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Not the minute before, not when cured, and not for the series of another topology."""
    checks = [expect_alert(case, case.at - 1, fires=False), expect_alert(case, case.at, fires=True)]
    if case.over is not None:
        checks.append(expect_alert(case, case.over, fires=False))
    minutes = range(0, case.at + 30, 5)
    never = [expect_alert(case, minute, fires=False) for minute in minutes]
    tests = [
        promtool_case("sick", case.sick, checks, case.pace),
        promtool_case("cured", {**case.sick, **case.cure}, never, case.pace),
    ]
    if case.alert not in ABSENT | EVERYWHERE | REPORTED:
        other = {OTHER.get(name, name.replace('"plant"', '"other"')): values for name, values in case.sick.items()}
        tests.append(promtool_case("another topology", other, never))
    promtool_test(promtool, tmp_path, case.alert, tests, case.pace)


def test_each_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in shipped()}


@pytest.mark.parametrize("interval", [1, 15, 120])
def test_half_of_the_evaluations_are_enough(interval: int, promtool: Path, tmp_path: Path) -> None:
    """At every pace: all evaluations raise nothing; a third of them, which a group that is too slow makes, do."""
    case = CASES[0]
    tests = [
        promtool_case(name, {HEARTBEAT: f"1x{1800 // pace}"}, [expect_alert(case, 20, fires=pace > interval)], pace)
        for name, pace in (("all", interval), ("a third", 3 * interval))
    ]
    promtool_test(promtool, tmp_path, case.alert, tests, interval)


def component(name: str, host: str) -> dict[str, str]:
    """The constant of a component."""
    return constant("component", component=name, host=host, site="mast", segment="network", role="ru")


def test_an_incomplete_application_names_the_dark_host(promtool: Path, tmp_path: Path) -> None:
    """The host that keeps the figures away may be another than the component's own.

    du-1 is on a dark host. ru-1 is anchored at du-1, ru-2 at upf-1 on a host with power. amf supports ru-1 and du-1,
    smf supports upf-1.
    """
    series = {
        **component("ru-1", "mast-1"),
        **component("ru-2", "mast-2"),
        **component("du-1", "edge-1"),
        **component("upf-1", "core-1"),
        **component("amf", "core-1"),
        **component("smf", "core-1"),
        **constant("anchor", component="ru-1", anchor="du-1", by="count"),
        **constant("anchor", component="ru-1", anchor="du-1", by="volume"),
        **constant("anchor", component="ru-2", anchor="upf-1", by="count"),
        **constant("domain", component="ru-1", domain="ru-1"),
        **constant("domain", component="du-1", domain="ru-1"),
        **constant("domain", component="upf-1", domain="upf-1"),
        **constant("supporter", component="amf", domain="ru-1"),
        **constant("supporter", component="amf", domain="upf-1"),
        **constant("supporter", component="smf", domain="upf-1"),
        **{row("host:power_watts", host=host, site="mast"): "100x90" for host in ("mast-1", "mast-2", "core-1")},
    }
    hosts = {
        "ru-1": "edge-1",
        "ru-2": "mast-2",
        "du-1": "edge-1",
        "upf-1": "core-1",
        "amf": "edge-1",
        "smf": "core-1",
    }
    series |= {row("application:missing:info", application="a", component=name): "1x90" for name in hosts}
    (case,) = (case for case in CASES if case.alert == "EnergyApplicationIncomplete")
    firing = [
        {
            "exp_labels": {
                "topology": "plant", "severity": "warning", "application": "a", "component": name, "host": host,
            },
            "exp_annotations": {
                "summary": case.summary.replace("upf-1", name),
                "description": case.description.replace("edge-1", host),
                "runbook": f"{PAGE}#energyapplicationincomplete",
            },
        }
        for name, host in hosts.items()
    ]  # fmt: skip
    check = {"eval_time": "15m", "alertname": case.alert, "exp_alerts": firing}
    promtool_test(promtool, tmp_path, case.alert, [promtool_case("dark", series, [check])])


ABSENT = {"EnergyChainNotEvaluated", "EnergyTopologyNotPublished"}
"""These fire where a series is absent."""
EVERYWHERE = {"EnergyExporterDown"}
"""Every topology raises these, since exporters do not know topologies."""
BUDGETS = {"EnergyBudgetBurning", "EnergyBudgetCoverageLow", "EnergyBudgetExceeded", "EnergyBudgetProjected"}
CAPTURES = {"EnergyCaptureDrops", "EnergyTracesFolded"}
REPORTED = {"EnergySessionsUnknown", "EnergyUsageReportsLost", "EnergyUsageReportsSilent"}


def test_constants_of_a_former_topology_raise_no_alert(promtool: Path, tmp_path: Path) -> None:
    """After a restart a component is on two hosts, anchored twice and in two domains, for 5 minutes of the wait."""
    former = {
        **component("upf-1", "edge-0"),
        **component("ru-1", "mast-0"),
        **constant("anchor", component="ru-1", anchor="cu-1", by="count"),
        **constant("domain", component="upf-1", domain="cu-1"),
    }
    series = {
        **dict.fromkeys(former, "1x4"),
        **component("upf-1", "edge-1"),
        **component("ru-1", "mast-1"),
        **component("cu-1", "mast-1"),
        **component("amf", "mast-1"),
        **constant("anchor", component="ru-1", anchor="upf-1", by="count"),
        **constant("domain", component="upf-1", domain="upf-1"),
        **constant("supporter", component="amf", domain="upf-1"),
        row("host:power_watts", host="mast-1", site="mast"): "100x90",
        row("application:missing:info", application="a", component="ru-1", host="mast-1"): "1x90",
    }
    (case,) = (case for case in CASES if case.alert == "EnergyApplicationIncomplete")
    ours = replace(
        case,
        labels={"application": "a", "component": "ru-1", "host": "edge-1"},
        summary=case.summary.replace("upf-1", "ru-1"),
    )
    promtool_test(
        promtool, tmp_path, case.alert, [promtool_case("former", series, [expect_alert(ours, 25, fires=True)])]
    )


def test_alerts_that_a_topology_cannot_raise_are_left_out() -> None:
    """An alert about a budget, a grid zone or a meter needs one."""
    every = {rule["alert"] for rule in shipped()}

    def remaining_alerts(*lacking: str) -> set[str]:
        return every - {alert.alert for alert in plant(recorded=EVERYTHING - set(lacking))}

    assert remaining_alerts() == set()
    assert (
        remaining_alerts("budget:coverage:ratio", "budget:used:ratio", "budget:projected:ratio", "budget:burn:ratio")
        == BUDGETS
    )
    assert (
        remaining_alerts("joulepath_topology_anchor", "joulepath_topology_supporter", "joulepath_topology_domain")
        == set()
    )
    assert remaining_alerts("joulepath_topology_source") == {"EnergyRegisterDisagrees"}
    assert remaining_alerts("joulepath_topology_grid_zone") == {"EnergyCarbonFactorMissing", "EnergyCarbonFactorStale"}
    assert remaining_alerts(*EVERYTHING) == every - CAPTURES - REPORTED - ABSENT - EVERYWHERE


def test_a_topology_that_counts_no_packets_has_no_alerts_about_captures() -> None:
    text = """
    sites: {home: {}}
    hosts: {m: {site: home, power: [{pdu: p, outlets: ["1"]}]}}
    components: {m: {role: model, requests: vllm}}
    """
    written = {rule.alert for group in generate(topology(text)) for rule in group.rules if isinstance(rule, Alert)}
    assert "EnergyHostDark" in written
    assert not written & (CAPTURES | REPORTED | BUDGETS | {"EnergyCarbonFactorMissing"})


def test_only_scraped_constants_can_be_unpublished() -> None:
    """Where rules write them, they are there whenever the chain is."""
    ours = topology(factory.TOPOLOGY)
    assert [group.name for group in generate(ours)][-2:] == ["alerts", "registers"]
    (alert,) = generate(ours, "scraped")[-1].rules
    assert isinstance(alert, Alert)
    assert alert.alert == "EnergyTopologyNotPublished"
    assert f'generation="{ours.hash}"' in alert.expr


def test_scraped_constants_are_those_of_this_generation() -> None:
    """Constants of the former file are scraped beside them."""
    for alert in plant(generation="0f"):
        for match in re.finditer(r"joulepath_topology_\w+{([^}]*)}", alert.expr):
            assert match[1].startswith('topology="plant",generation="0f"'), alert.alert
        assert not re.search(r"\w:\w+{[^}]*generation", alert.expr)


def test_alerts_read_only_series_of_their_topology() -> None:
    """Two topologies in one Prometheus never see each other, in expressions and in annotations."""
    for alert in plant():
        for text in (alert.expr, *alert.annotations.values()):
            assert "example" not in text
            assert all(text[match.end() :].startswith('{topology="plant"') for match in OWN.finditer(text)), alert.alert
        assert alert.labels["topology"] == "plant"


def test_the_shipped_file_is_valid(promtool: Path) -> None:
    path = ROOT / "rules" / "joulepath_rules" / "alerts.yaml"
    words = [str(promtool), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def selectors(expr: promql.Expr) -> Iterator[promql.VectorSelector]:
    """All selectors of an expression."""
    match expr:
        case promql.VectorSelector():
            yield expr
        case promql.MatrixSelector():
            yield expr.vector_selector
        case promql.BinaryExpr():
            yield from selectors(expr.lhs)
            yield from selectors(expr.rhs)
        case promql.Call():
            for argument in expr.args:
                yield from selectors(argument)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from selectors(expr.expr)


def test_exporters_publish_what_alerts_read() -> None:
    """Every metric that is not recorded is declared in some exporter's metrics.py, and has the labels it is read by."""
    declared = {metric.name: set(metric.labels) for _, metrics in modules() for metric in metrics}
    declared["up"] = set()  # Prometheus' own
    read = set()
    for rule in shipped():
        for selector in selectors(promql.parse(rule["expr"])):
            name = str(selector.name)
            if OWN.fullmatch(name):
                continue
            read.add(name)
            matched = {matcher.name for matcher in selector.matchers.matchers}
            assert matched <= declared[name] | {"instance", "job"}, f"{rule['alert']}: {name}"
    assert len(read) > 10
    cases = {name for case in CASES for name in (*case.sick, *case.cure)}
    for series in cases:
        name, _, labels = series.partition("{")
        if not OWN.fullmatch(name):
            assert set(re.findall(r"(\w+)=", labels)) <= declared[name] | {"instance", "job"}, series


def test_the_page_has_a_paragraph_for_each_alert() -> None:
    """Under a heading of its name, by which the annotation `runbook` finds it; and a row in the table."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", text, flags=re.MULTILINE)
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \| (\w+) \|", text, flags=re.MULTILINE)
    (watch,) = yaml.safe_load((ROOT / "deploy" / "prometheus" / "watch.rules.yaml").read_text(encoding="utf-8"))[
        "groups"
    ]
    known = {rule["alert"]: (rule["labels"]["severity"], rule["for"]) for rule in (*shipped(), *watch["rules"])}
    assert {name: (severity, wait) for name, _, severity, wait in rows} == known
    assert all(rule["annotations"]["runbook"] == f"{PAGE}#{rule['alert'].lower()}" for rule in watch["rules"])
    assert headings == [name for name, *_ in rows]
    assert all(anchor == name.lower() for name, anchor, *_ in rows)
