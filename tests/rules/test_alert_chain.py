# SPDX-License-Identifier: Apache-2.0
"""Alerts through the whole chain, from what exporters publish: the factory is well, then it has one fault at a time."""

from pathlib import Path
from typing import Any

import pytest

from joulepath_rules.alerts import PAGE, shipped
from tests.rules import factory
from tests.rules.promtool import Case, outlet, run, topology

pytestmark = pytest.mark.unit

MINUTES = 46
STEPS = 4 * MINUTES
FALLBACK = "fallback: [{bmc: edge-1}], power: [{pdu: pdu-2"
WITH_FALLBACK = factory.TOPOLOGY.replace("power: [{pdu: pdu-2", FALLBACK)
CAPTURE = 'job="ioam",instance="upf-1"'


def lasting(series: dict[str, str]) -> dict[str, str]:
    """The factory's series for as long as an alert takes."""
    return {name: values.replace("x40", f"x{STEPS}") for name, values in series.items()}


def of_one_exporter(series: dict[str, str]) -> dict[str, str]:
    """The same with the target labels of the ioam exporter."""
    return {name.replace("{", f"{{{CAPTURE},") if name.startswith("ioam") else name: series[name] for name in series}


HEALTHY = of_one_exporter(lasting(factory.everything()))


def expect(minute: float, alert: str, *rows: dict[str, str], **texts: str) -> dict[str, Any]:
    """One check: the rows of labels with which the alert fires."""
    (rule,) = (rule for rule in shipped() if rule["alert"] == alert)
    annotations = {**texts, "runbook": f"{PAGE}#{alert.lower()}"}

    def fill_labels(text: str, labels: dict[str, str]) -> str:
        for label, value in labels.items():
            text = text.replace(f"{{{{ $labels.{label} }}}}", value)
        return text

    return {
        "eval_time": f"{round(minute * 60)}s",
        "alertname": alert,
        "exp_alerts": [
            {
                "exp_labels": {"topology": "joulepath", **rule["labels"], **labels},
                "exp_annotations": {
                    key: annotations.get(key) or fill_labels(text, labels)
                    for key, text in {**rule["annotations"], **annotations}.items()
                },
            }
            for labels in rows
        ],
    }


def silent(minutes: tuple[int, ...], but: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """No alert fires at these minutes, other than those named."""
    names = [rule["alert"] for rule in shipped() if rule["alert"] not in but]
    return [expect(minute, name) for minute in minutes for name in names]


def gone(name: str, steps: int) -> str:
    """A counter that stops being published after so many steps."""
    first = HEALTHY[name].partition("x")[0]
    return f"{first}x{steps}"


def test_a_healthy_factory_raises_nothing(promtool: Path, tmp_path: Path) -> None:
    """Neither while it starts nor later."""
    run(promtool, tmp_path, [Case("well", topology(factory.TOPOLOGY), HEALTHY, {}, silent((1, 5, 12, 16, 33, 45)))])


def test_a_dark_host_raises_the_alerts_about_it(promtool: Path, tmp_path: Path) -> None:
    """An outlet of edge-1 is not read from 15:00 on: two applications lack two components, and ru-1 is well.

    Half of the window is over at 16:00; the derived group reads the evaluation before, at 16:45.
    """
    series = {name: gone(name, 60) if 'pdu-2",outlet="2"' in name else values for name, values in HEALTHY.items()}
    missing = [
        {"application": application, "component": component, "host": "edge-1"}
        for application in ("a", "b")
        for component in ("du-1", "upf-1")
    ]
    dark = (
        "None of its tiers is complete, so the totals of all applications on it are absent. Missing, as tier and "
        "source: 1/1."
    )
    budget = {"application": "a", "budget": "a-hour", "per": "hour"}
    part = (
        "37.5% of the time of the running period (hour) was measured; gaps after the first measurement are charged "
        "with the mean."
    )
    checks = [
        *silent((15, 25)),
        expect(28, "EnergyHostDark", {"host": "edge-1"}, description=dark),
        expect(28, "EnergyApplicationIncomplete", *missing),
        expect(31, "EnergyBudgetCoverageLow"),
        expect(40, "EnergyBudgetCoverageLow", budget, description=part),
        *silent((28, 45), but=("EnergyHostDark", "EnergyApplicationIncomplete", "EnergyBudgetCoverageLow")),
    ]
    text = factory.TOPOLOGY + "budgets: {a-hour: {application: a, energy: 1MWh, per: hour}}"
    run(promtool, tmp_path, [Case("dark", topology(text), series, {}, checks)])


def test_a_host_on_its_fallback_raises_an_alert(promtool: Path, tmp_path: Path) -> None:
    """The BMC is read from the start; the plug is not read from 5:00 on, so the fallback counts for half an hour."""
    bmc = 'instance="edge-1",chassis="1"'
    series = {
        **{name: gone(name, 20) if 'pdu-2",outlet="2"' in name else values for name, values in HEALTHY.items()},
        f"bmc_chassis_energy_joules_total{{{bmc}}}": f"0+4500x{STEPS}",
        f"bmc_chassis_measured_seconds_total{{{bmc}}}": f"0+15x{STEPS}",
    }
    description = "The host's power comes from another tier. Missing, as tier and source: 1/1."
    checks = [
        *silent((5, 34)),
        expect(40, "EnergyReadingMissing", {"host": "edge-1"}, description=description),
        *silent((40, 45), but=("EnergyReadingMissing",)),
    ]
    run(promtool, tmp_path, [Case("fallback", topology(WITH_FALLBACK), series, {}, checks)])


def test_a_trace_that_was_never_seen_raises_an_alert(promtool: Path, tmp_path: Path) -> None:
    """b's packets carry another trace: b is missing everywhere although no host is dark.

    Their power is unattributed. At upf-1 and du-1 together that is 217 W - 80.5 W of a = 63 %; at ru-1 57.5 %.
    """
    lost = "0" * 31 + "c"
    series = {name.replace(factory.B, lost): values for name, values in HEALTHY.items()}
    missing = [
        {"application": "b", "component": component, "host": host}
        for component, host in (("ru-1", "ru-1"), ("du-1", "edge-1"), ("upf-1", "edge-1"))
    ]
    stranger = ({"host": "edge-1"}, {"host": "ru-1"})
    checks = [
        *silent((9,)),
        expect(13, "EnergyApplicationIncomplete", *missing),
        *silent((13, 29), but=("EnergyApplicationIncomplete",)),
    ]
    high = [expect(35, "EnergyUnattributedHigh", *stranger)]
    for alert, share in zip(high[0]["exp_alerts"], ("62.9%", "57.5%"), strict=True):
        alert["exp_annotations"]["description"] = (
            f"{share} of what its components draw is unattributed, while applications use them."
        )
    run(promtool, tmp_path, [Case("lost", topology(factory.TOPOLOGY), series, {}, [*checks, *high])])


def test_drops_folded_traces_and_a_missing_factor_raise_alerts(promtool: Path, tmp_path: Path) -> None:
    """2 % of the packets are dropped, 1 packet/s is folded, and the factor is published under another zone."""
    series = {
        **{name.replace('grid_zone="DE"', 'grid_zone="FR"'): values for name, values in HEALTHY.items()},
        f"ioam_capture_drops_total{{{CAPTURE}}}": f"0+300x{STEPS}",
        f"ioam_traces_folded_total{{{CAPTURE}}}": f"0+15x{STEPS}",
    }
    capture = {"job": "ioam", "instance": "upf-1"}
    zone = {"site": "edge", "grid_zone": "DE", "source": "ember", "boundary": "lifecycle"}
    lost = "At least 2% as many packets as it counts pass uncounted, so shares of the traffic are doubtful."
    folded = (
        '600 packets in 10 minutes were counted as trace "other", because a bound of `admit: any` is reached. The '
        "applications that they belong to do not pay for them."
    )
    ours = ("EnergyCaptureDrops", "EnergyTracesFolded", "EnergyCarbonFactorMissing")
    checks = [
        *silent((9,)),
        expect(12, "EnergyCaptureDrops", capture, description=lost),
        expect(12, "EnergyTracesFolded", capture, description=folded),
        expect(29, "EnergyCarbonFactorMissing"),
        expect(31, "EnergyCarbonFactorMissing", zone),
        *silent((12, 31, 45), but=ours),
    ]
    run(promtool, tmp_path, [Case("capture", topology(factory.TOPOLOGY), series, {}, checks)])


def test_a_register_that_disagrees_raises_an_alert(promtool: Path, tmp_path: Path) -> None:
    """Over a day, at 2 minutes: the register of ru-1's outlet counts twice what its power comes to."""
    steps = 26 * 30
    series = {}
    for name, values in outlet("pdu-1", "3", 100, steps).items():
        rate = 8 * float(values.removeprefix("0+").partition("x")[0])
        series[name] = f"0+{rate}x{steps}"
        if "energy" in name:
            series[name.replace("_energy", "_meter_energy")] = f"0+{2 * rate}x{steps}"
    slow = topology("interval: 2m\nwindow: 8m" + factory.TOPOLOGY)
    description = "Outlet 3: in one day the register and the integrated power differ by 8.64MJ."
    summary = "The energy register of pdu-1 disagrees with its power"
    row = {"instance": "pdu-1", "outlet": "3"}
    checks = [
        expect(25 * 60 - 2, "EnergyRegisterDisagrees"),
        expect(25 * 60, "EnergyRegisterDisagrees", row, summary=summary, description=description),
    ]
    run(promtool, tmp_path, [Case("register", slow, series, {}, checks, step=120)])


def test_a_second_rule_file_of_the_same_topology_raises_alerts(promtool: Path, tmp_path: Path) -> None:
    """Another rule file gives upf-1 an application of 100 W from 10:00 on: 78 W more than the 22 W that were left."""
    labels = factory.watts("ghost", "upf-1")
    series = {**HEALTHY, f'application_component:power_watts{{topology="joulepath",{labels}}}': f"_x40 100x{STEPS}"}
    off = "The sum differs by 78W{}. Rounding stays below 1e-9 W."
    host = expect(22, "EnergyNotConserved", {"host": "edge-1"}, description=off.format(""))
    component = expect(
        22,
        "EnergyNotConserved",
        {"host": "edge-1", "component": "upf-1"},
        description=off.format(" at component upf-1"),
    )
    both = {**host, "exp_alerts": [*host["exp_alerts"], *component["exp_alerts"]]}
    checks = [*silent((10, 19)), both, *silent((22,), but=("EnergyNotConserved",))]
    run(promtool, tmp_path, [Case("second", topology(factory.TOPOLOGY), series, {}, checks)])
