# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus/watch.*: the alerts of a second Prometheus, in promtool and against a real server's metrics."""

import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any, NamedTuple

import pytest
import yaml

from joulepath_lab.run.ports import free_port
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "watch.rules.yaml"
GROUP = "/etc/prometheus/rules/plant.rules.yaml;attribution"
SERVER = {"job": "prometheus", "instance": "main"}
METRICS = re.compile(r"prometheus_\w+")


def alerts() -> list[dict[str, Any]]:
    """The alerts that are shipped."""
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def series(name: str, **labels: str) -> str:
    """A series of the watched server."""
    return f"{name}{{" + ",".join(f'{key}="{value}"' for key, value in {**SERVER, **labels}.items()) + "}"


def run_promtool(promtool: Path, *words: str) -> None:
    """Fails with what promtool says."""
    result = subprocess.run([str(promtool), *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


HEALTHY = {
    series("up"): "1x60",
    series("prometheus_rule_group_last_evaluation_timestamp_seconds", rule_group=GROUP): "0+60x60",
    series("prometheus_rule_group_interval_seconds", rule_group=GROUP): "60x60",
    series("prometheus_rule_group_iterations_missed_total", rule_group=GROUP): "1x60",
    series("prometheus_rule_evaluation_failures_total", rule_group=GROUP): "1x60",
    series("prometheus_config_last_reload_successful"): "1x60",
    series("prometheus_notifications_alertmanagers_discovered"): "1x60",
    series("prometheus_notifications_errors_total", alertmanager="a"): "0x60",
}
TOPOLOGY = {**SERVER, "rule_group": GROUP, "topology": "plant"}


class Case(NamedTuple):
    """One series that makes an alert fire from a minute on."""

    alert: str
    series: str
    values: str
    minute: int
    labels: dict[str, str]


CASES = [
    Case("EnergyPrometheusDown", series("up"), "1x9 0x60", 15, SERVER),
    # 4 intervals after the last evaluation at 10 minutes; and 5 minutes.
    Case(
        "EnergyRuleGroupLate",
        series("prometheus_rule_group_last_evaluation_timestamp_seconds", rule_group=GROUP),
        "0+60x10 600x60",
        20,
        TOPOLOGY,
    ),
    Case(
        "EnergyRuleGroupLate",
        series("prometheus_rule_group_iterations_missed_total", rule_group=GROUP),
        "0x9 0+1x60",
        18,
        TOPOLOGY,
    ),
    Case(
        "EnergyRuleFails",
        series("prometheus_rule_evaluation_failures_total", rule_group=GROUP),
        "0x9 0+1x60",
        16,
        TOPOLOGY,
    ),
    Case("EnergyRulesNotLoaded", series("prometheus_config_last_reload_successful"), "1x9 0x60", 15, SERVER),
    Case("EnergyAlertsNotSent", series("prometheus_notifications_alertmanagers_discovered"), "1x9 0x60", 20, SERVER),
    Case(
        "EnergyAlertsNotSent",
        series("prometheus_notifications_errors_total", alertmanager="a"),
        "0x9 0+1x60",
        21,
        SERVER,
    ),
]


def promtool_test(name: str, series: dict[str, str], checks: list[Any]) -> dict[str, Any]:
    """One test of promtool."""
    rows = [{"series": key, "values": values} for key, values in series.items()]
    return {"name": name, "interval": "1m", "input_series": rows, "alert_rule_test": checks}


@pytest.mark.unit
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {case.series.partition('{')[0]}")
def test_an_alert_fires_at_its_time(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Not the minute before, and none of the alerts while all is well."""
    (rule,) = (rule for rule in alerts() if rule["alert"] == case.alert)

    def fill_labels(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: case.labels[match[1]], text)

    alert = {
        "exp_labels": {**rule["labels"], **case.labels},
        "exp_annotations": {key: fill_labels(text) for key, text in rule["annotations"].items()},
    }
    firing = [
        {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": expected}
        for minute, expected in ((case.minute - 1, []), (case.minute, [alert]))
    ]
    silent = [
        {"eval_time": f"{minute}m", "alertname": each["alert"], "exp_alerts": []}
        for minute in (10, 20, 40)
        for each in alerts()
    ]
    tests = [
        promtool_test("sick", {**HEALTHY, case.series: case.values}, firing),
        promtool_test("healthy", HEALTHY, silent),
    ]
    path = tmp_path / "watch.test.yaml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    run_promtool(promtool, "test", "rules", str(path))


@pytest.mark.unit
def test_each_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in alerts()}


@pytest.mark.unit
def test_promtool_accepts_the_files(promtool: Path) -> None:
    run_promtool(promtool, "check", "config", str(FOLDER / "watch.yml"))
    run_promtool(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.lab
def test_a_server_publishes_what_the_alerts_read(prometheus: Path, tmp_path: Path) -> None:
    """Every metric by its name, and the rule group in the form from which the topology's name is taken."""
    rules = {"groups": [{"name": "attribution", "rules": [{"record": "attribution:heartbeat", "expr": "vector(1)"}]}]}
    (tmp_path / "plant.rules.yaml").write_text(yaml.safe_dump(rules))
    manager = {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]}
    config = {"rule_files": ["*.rules.yaml"], "alerting": manager}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    words = [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address={address}"]
    needed = {name for rule in alerts() for name in METRICS.findall(rule["expr"])}
    groups: set[str] = set()
    missing = needed
    with Popen([*words, "--storage.tsdb.path=data"], cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as process:
        end = time.monotonic() + 20
        while missing and time.monotonic() < end:
            time.sleep(0.2)
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:  # http, on loopback
                    text = answer.read().decode()
            except OSError:
                continue
            missing = needed - {line.partition("{")[0].partition(" ")[0] for line in text.splitlines()}
            groups = set(re.findall(r'rule_group="([^"]+)"', text))
        process.terminate()
    assert not missing
    names = {pattern for rule in alerts() for pattern in re.findall(r'"rule_group", "([^"]+)"', rule["expr"])}
    assert [re.sub(pattern, r"\1", group) for pattern in names for group in groups] == ["plant"]
