# SPDX-License-Identifier: Apache-2.0
"""The routes and inhibitions of deploy/alertmanager: in amtool, and in a real Alertmanager."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
import yaml

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.programs import with_templates
from joulepath_rules.alerts import shipped
from tests.conftest import ROOT

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in shipped()}


def amtool(alertmanager: Path, *words: str) -> str:
    """The output of amtool; fails where amtool does."""
    command = [str(alertmanager.with_name("amtool")), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


@pytest.mark.unit
def test_amtool_accepts_the_configuration(alertmanager: Path) -> None:
    amtool(alertmanager, "check-config", str(CONFIG))


@pytest.mark.unit
def test_each_severity_has_a_receiver(alertmanager: Path) -> None:
    receivers = {"critical": "energy-critical", "warning": "energy", "info": "energy-info"}
    assert set(SEVERITIES.values()) == set(receivers)
    for alert, severity in SEVERITIES.items():
        labels = (f"alertname={alert}", f"severity={severity}", "topology=plant")
        answer = amtool(alertmanager, "config", "routes", "test", f"--config.file={CONFIG}", *labels)
        assert answer == receivers[severity], alert


@pytest.mark.unit
def test_the_commented_route_of_one_topology_works(alertmanager: Path, tmp_path: Path) -> None:
    """The two lines as they stand there, with a receiver."""
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    plain = [line.replace("# ", "", 1) if line.startswith(("    # -", "    #   ")) else line for line in lines]
    config = yaml.safe_load("\n".join(plain))
    config["receivers"].append({"name": "plant-b"})
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    for topology, receiver in (("plant-b", "plant-b"), ("plant", "energy-critical")):
        labels = ("alertname=EnergyBudgetExceeded", "severity=critical", f"topology={topology}")
        assert amtool(alertmanager, "config", "routes", "test", f"--config.file={path}", *labels) == receiver


@pytest.mark.unit
def test_inhibitions_name_alerts_that_exist() -> None:
    named = set()
    for rule in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            named.update(matcher.split('"')[1].split("|"))
        assert "topology" in rule["equal"]
    assert named <= set(SEVERITIES)


@pytest.fixture
def url(alertmanager: Path, as_root: None, tmp_path: Path) -> Iterator[str]:
    """The API of an Alertmanager with the configuration that is shipped."""
    address = f"127.0.0.1:{free_port()}"
    words = [
        str(alertmanager), f"--config.file={CONFIG}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with Popen(with_templates(words), stdout=DEVNULL, stderr=DEVNULL) as process:
        yield f"http://{address}/api/v2"
        process.terminate()


def call(url: str, alerts: list[dict[str, Any]] | None = None) -> Any:
    """Posts alerts, or gives all of them; waits while the server starts."""
    body = None if alerts is None else json.dumps(alerts).encode()
    request = urllib.request.Request(
        f"{url}/alerts", data=body, headers={"Content-Type": "application/json"}
    )  # http, on loopback
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # http, on loopback
                return json.loads(answer.read() or b"null")
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def alert(name: str, **labels: str) -> dict[str, str]:
    """The labels of an alert of the topology `plant`."""
    return {"alertname": name, "severity": SEVERITIES[name], "topology": "plant", **labels}


DARK = alert("EnergyHostDark", host="edge-1", site="mast")
FOLLOWS = alert("EnergyApplicationIncomplete", application="a", component="upf-1", host="edge-1")
ELSEWHERE = alert("EnergyApplicationIncomplete", application="a", component="ru-1", host="mast-1")
OTHER_TOPOLOGY = {**FOLLOWS, "topology": "other"}
COVERAGE = alert("EnergyBudgetCoverageLow", application="a", budget="a-day", per="day")
OTHERS_COVERAGE = alert("EnergyBudgetCoverageLow", application="b", budget="b-day", per="day")
EXCEEDED = alert("EnergyBudgetExceeded", application="a", budget="a-day", per="day")
PROJECTED = alert("EnergyBudgetProjected", application="a", budget="a-day", per="day")
OTHER_BUDGET = alert("EnergyBudgetProjected", application="a", budget="a-month", per="month")
STOPPED = alert("EnergyChainNotEvaluated")
UNPUBLISHED = alert("EnergyTopologyNotPublished")
DROPS = alert("EnergyCaptureDrops", job="ioam", instance="upf-1")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("cause", "inhibited", "free"),
    [
        (DARK, [FOLLOWS], [ELSEWHERE, OTHER_TOPOLOGY, DROPS]),
        (FOLLOWS, [COVERAGE], [OTHERS_COVERAGE, OTHER_TOPOLOGY, PROJECTED]),
        (EXCEEDED, [PROJECTED], [OTHER_BUDGET, FOLLOWS, DROPS]),
        (STOPPED, [DARK, ELSEWHERE, OTHERS_COVERAGE], [OTHER_TOPOLOGY, EXCEEDED, DROPS]),
        (UNPUBLISHED, [OTHERS_COVERAGE], [OTHER_TOPOLOGY, EXCEEDED, DROPS]),
    ],
    ids=["dark host", "incomplete application", "used budget", "stopped chain", "no constants"],
)
def test_a_cause_inhibits_what_follows_from_it(
    url: str, cause: dict[str, str], inhibited: list[dict[str, str]], free: list[dict[str, str]]
) -> None:
    """And nothing else: not what has another host, application, budget or topology."""
    call(url, [{"labels": labels} for labels in (*inhibited, *free)])
    assert all(alerts["status"]["inhibitedBy"] == [] for alerts in call(url))
    call(url, [{"labels": cause}])
    after = {json.dumps(alerts["labels"], sort_keys=True): alerts for alerts in call(url)}
    assert len(after) == len(inhibited) + len(free) + 1
    source = after[json.dumps(cause, sort_keys=True)]
    for alerts in after.values():
        by = [source["fingerprint"]] if alerts["labels"] in inhibited else []
        assert alerts["status"]["inhibitedBy"] == by, alerts
        assert alerts["status"]["state"] == ("suppressed" if by else "active")
