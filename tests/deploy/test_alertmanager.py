# SPDX-License-Identifier: Apache-2.0
"""The routes and inhibitions of deploy/alertmanager: in amtool, and in a real Alertmanager."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
import yaml

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.programs import with_templates
from joulepath_rules.alerts import shipped
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
CHAT = FOLDER / "chat.yml"
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in shipped()}


def amtool(alertmanager: Path, *words: str) -> str:
    """The output of amtool; fails where amtool does."""
    command = [str(alertmanager.with_name("amtool")), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


@pytest.mark.unit
@pytest.mark.parametrize("config", [CONFIG, CHAT], ids=lambda path: path.name)
def test_amtool_accepts_the_configuration(alertmanager: Path, config: Path) -> None:
    amtool(alertmanager, "check-config", str(config))


@pytest.mark.unit
def test_each_severity_has_a_receiver(alertmanager: Path) -> None:
    receivers = {"critical": "energy-critical", "warning": "energy", "info": "energy-info"}
    assert set(SEVERITIES.values()) == set(receivers)
    for alert, severity in SEVERITIES.items():
        labels = (f"alertname={alert}", f"severity={severity}", "topology=plant")
        answer = amtool(alertmanager, "config", "routes", "test", f"--config.file={CONFIG}", *labels)
        assert answer == receivers[severity], alert


@pytest.mark.unit
def test_a_budget_with_a_severity_of_its_own_is_routed(alertmanager: Path) -> None:
    """As critical ones are, and a budget goes to the chat while other alerts do not."""
    page = ("alertname=EnergyBudgetProjected", "severity=page", "topology=plant")
    for config, labels, receiver in (
        (CONFIG, page, "energy-critical"),
        (CHAT, page, "budgets"),
        (CHAT, ("alertname=EnergyHostDark", "severity=warning"), "nobody"),
    ):
        assert amtool(alertmanager, "config", "routes", "test", f"--config.file={config}", *labels) == receiver


@pytest.mark.unit
@pytest.mark.parametrize(
    ("alerts", "wanted"),
    [
        # A message about a budget has alerts that are over, too, and is as urgent as the worst of the others.
        (
            [("firing", "warning"), ("firing", "page"), ("resolved", "critical")],
            {
                "title": "p: budget b",
                "text": "0 (warning). Why.\n1 (page). Why.\nOver: 2 (critical). Why.",
                "color": "danger",
            },
        ),
        ([("firing", "warning"), ("resolved", "page")], {"title": "p: budget b", "color": "warning"}),
        ([("firing", "homepage")], {"color": "warning"}),
        ([("resolved", "page")], {"title": "over: p: budget b", "text": "Over: 0 (page). Why.", "color": "good"}),
    ],
)
def test_a_message_is_about_what_fires_now(
    alertmanager: Path, tmp_path: Path, alerts: list[tuple[str, str]], wanted: dict[str, str]
) -> None:
    data = {
        "status": "firing" if any(status == "firing" for status, _ in alerts) else "resolved",
        "alerts": [
            {
                "status": status,
                "labels": {"severity": severity},
                "annotations": {"summary": str(number), "description": "Why."},
            }
            for number, (status, severity) in enumerate(alerts)
        ],
        "commonLabels": {"topology": "p", "budget": "b"},
    }
    (tmp_path / "data.json").write_text(json.dumps(data))
    words = (f"--template.glob={FOLDER / 'chat.tmpl'}", f"--template.data={tmp_path / 'data.json'}")
    for name, words_of_it in wanted.items():
        asked = f'--template.text={{{{ template "joulepath.{name}" . }}}}'
        assert amtool(alertmanager, "template", "render", *words, asked) == words_of_it, name


@pytest.mark.unit
def test_an_exporter_that_is_down_is_one_message(alertmanager: Path) -> None:
    """Whatever number of topologies say so: they are not among the labels by which its messages are told apart."""
    (route,) = (
        each
        for each in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]["routes"]
        if each["matchers"] == ['alertname = "EnergyExporterDown"']
    )
    assert route["group_by"] == ["alertname", "exporter"]
    labels = ("alertname=EnergyExporterDown", "severity=warning", "topology=plant")
    words = ("config", "routes", "test", f"--config.file={CONFIG}", "--verify.receivers=energy", *labels)
    assert amtool(alertmanager, *words) == "energy"


@pytest.mark.unit
def test_the_commented_routes_of_the_file_work(alertmanager: Path, tmp_path: Path) -> None:
    """The lines as they stand there, with a receiver."""
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    plain = [line.replace("# ", "", 1) if line.startswith(("    # -", "    #   ")) else line for line in lines]
    config = yaml.safe_load("\n".join(plain))
    config["receivers"].append({"name": "plant-b"})
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    for own, receiver in (
        ("topology=plant-b", "plant-b"),
        ("topology=plant", "energy-critical"),
        ("cost_center=4711", "plant-b"),
    ):
        labels = ("alertname=EnergyBudgetExceeded", "severity=critical", own)
        assert amtool(alertmanager, "config", "routes", "test", f"--config.file={path}", *labels) == receiver


@pytest.mark.unit
def test_inhibitions_name_alerts_that_exist() -> None:
    named = set()
    for rule in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            if matcher.startswith("alertname"):
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
BURNING = alert("EnergyBudgetBurning", application="a", budget="a-day", per="day", over="1h")
SLOWLY = {**BURNING, "over": "1d", "severity": "warning"}
PAGED_BURNING = {**BURNING, "severity": "page"}
PAGED_PROJECTED = {**PROJECTED, "severity": "page"}
OTHER_BURNING = {**BURNING, "budget": "a-month"}
DOWN = alert("EnergyExporterDown", job="pdu", instance="pdu-host:10471", exporter="pdu")
STOPPED = alert("EnergyChainNotEvaluated")
UNPUBLISHED = alert("EnergyTopologyNotPublished")
DROPS = alert("EnergyCaptureDrops", job="ioam", instance="upf-1")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("cause", "inhibited", "free"),
    [
        (DARK, [FOLLOWS], [ELSEWHERE, OTHER_TOPOLOGY, DROPS]),
        (FOLLOWS, [COVERAGE], [OTHERS_COVERAGE, OTHER_TOPOLOGY, PROJECTED]),
        (DOWN, [COVERAGE, OTHERS_COVERAGE], [DARK, EXCEEDED]),
        (EXCEEDED, [PROJECTED, SLOWLY], [OTHER_BUDGET, FOLLOWS, DROPS]),
        (EXCEEDED, [BURNING], [OTHER_BURNING]),
        (BURNING, [PROJECTED, SLOWLY], [OTHER_BUDGET, COVERAGE]),
        (PAGED_BURNING, [PAGED_PROJECTED], [{**OTHER_BUDGET, "severity": "page"}]),
        (STOPPED, [DARK, ELSEWHERE, OTHERS_COVERAGE], [OTHER_TOPOLOGY, EXCEEDED, DROPS]),
        (UNPUBLISHED, [OTHERS_COVERAGE], [OTHER_TOPOLOGY, EXCEEDED, DROPS]),
    ],
    ids=[
        "dark host",
        "incomplete application",
        "exporter down",
        "used budget",
        "used burning",
        "burning budget",
        "burning budget that pages",
        "stopped chain",
        "no constants",
    ],
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


@pytest.fixture
def messages() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a chat's webhook, and what was posted to it."""
    found: list[dict[str, Any]] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Nothing: a test has its own output."""

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", found
        server.shutdown()


@pytest.mark.lab
def test_a_chat_gets_one_message_about_a_budget(
    alertmanager: Path, as_root: None, tmp_path: Path, messages: tuple[str, list[dict[str, Any]]]
) -> None:
    """A used budget and its forecast are one message with the template's words; a silenced budget has no message."""
    webhook, found = messages
    text = (
        CHAT.read_text("utf-8").replace("http://127.0.0.1:9096/", webhook).replace("group_wait: 30s", "group_wait: 1s")
    )
    assert webhook in text
    assert "group_wait: 1s" in text
    (tmp_path / "chat.yml").write_text(text)
    (tmp_path / "chat.tmpl").write_text((FOLDER / "chat.tmpl").read_text("utf-8"))
    address = f"127.0.0.1:{free_port()}"
    words = [
        str(alertmanager), f"--config.file={tmp_path / 'chat.yml'}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    annotations = {"summary": "Budget a-day is used up", "description": "108% of the energy that it allows was used."}
    with Popen(with_templates(words), stdout=DEVNULL, stderr=DEVNULL) as process:
        url = f"http://{address}/api/v2"
        call(url)
        # As docs/guides/budgets.md does it.
        silence = ("silence", "add", f"--alertmanager.url=http://{address}", "--author=test", "--duration=1h")
        amtool(alertmanager, *silence, "--comment=a move", "budget=b-day")
        posted: list[dict[str, Any]] = [
            {"labels": EXCEEDED, "annotations": annotations},
            {"labels": PROJECTED, "annotations": annotations},
            {"labels": {**EXCEEDED, "application": "b", "budget": "b-day"}, "annotations": annotations},
            {"labels": DARK},
        ]
        call(url, posted)
        end = time.monotonic() + 20
        while not found and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1.5)
        process.terminate()
    (message,) = found
    assert message["channel"] == "#energy"
    (attachment,) = message["attachments"]
    assert attachment["title"] == "plant: budget a-day"
    assert attachment["text"].strip() == (
        "Budget a-day is used up (critical). 108% of the energy that it allows was used."
    )
    assert attachment["color"] == "danger"
