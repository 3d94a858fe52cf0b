# SPDX-License-Identifier: Apache-2.0
"""From meters to messages: a real Prometheus with generated rules, and a real Alertmanager with the shipped routes."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.programs import with_templates
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from tests.conftest import ROOT
from tests.rules.promtool import topology

pytestmark = pytest.mark.lab

TRACE = "0000000000000000000000000000000a"
TOPOLOGY = f"""
name: plant
interval: 1s
window: 10s
sites: {{mast: {{}}}}
hosts:
  edge-1: {{site: mast, power: [{{pdu: pdu-1, outlets: ["1"]}}]}}
  mast-1: {{site: mast, power: [{{pdu: pdu-1, outlets: ["2"]}}]}}
components:
  upf-1: {{role: upf, host: edge-1, traffic: {{ioam: 4}}}}
  ru-1: {{role: ru, host: mast-1, traffic: {{ioam: 3}}}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{TRACE}"}}], path: [ru-1, upf-1]}}
"""


def meters(fault: float) -> dict[str, Any]:
    """Rules in the place of exporters; from the Unix time `fault` on, edge-1's outlet and node 3 are silent."""
    trace = {"ioam_namespace": "123", "trace_id": TRACE, "direction": "uplink"}
    rows: list[tuple[str, float, dict[str, str], bool]] = []
    for number in ("1", "2"):
        labels = {"instance": "pdu-1", "outlet": number}
        for name, rate in (("energy_joules", 100.0), ("measured_seconds", 1.0)):
            rows.append((f"pdu_outlet_{name}_total", rate, labels, number == "1"))
    for node in ("3", "4"):
        rows.append(("ioam_node_measured_seconds_total", 1, {"node_id": node}, node == "3"))
        for unit, rate in (("packets", 100.0), ("bytes", 1e5)):
            labels = {"node_id": node, "direction": "uplink"}
            rows.append((f"ioam_node_{unit}_total", rate, labels, node == "3"))
            rows.append((f"ioam_trace_{unit}_total", rate, {**labels, **trace}, node == "3"))
    rules = [
        {
            "record": name,
            "labels": labels,
            "expr": f"vector({rate} * (time() - {fault - 3600})){f' and on () vector(time()) < {fault}' * silent}",
        }
        for name, rate, labels, silent in rows
    ]
    return {"groups": [{"name": "meters", "interval": "1s", "rules": rules}]}


@pytest.fixture
def url(prometheus: Path, alertmanager: Path, as_root: None, tmp_path: Path) -> Iterator[str]:
    """The API of an Alertmanager behind a Prometheus; its alerts wait a second instead of minutes."""
    ours = topology(TOPOLOGY)
    text = write(generate(ours), ours.hash)
    assert text.count("for: 10m") > 2
    (tmp_path / "plant.rules.yaml").write_text(text.replace("for: 10m", "for: 1s"))
    (tmp_path / "meters.yaml").write_text(json.dumps(meters(time.time() + 20)))
    manager, server = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": ["meters.yaml", "plant.rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    routes = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    words = [str(alertmanager), f"--config.file={routes}", f"--web.listen-address={manager}"]
    commands = [
        with_templates([*words, "--cluster.listen-address=", "--storage.path=alerts"]),
        [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address={server}", "--storage.tsdb.path=data"],
    ]
    with ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(Popen(command, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL))
            stack.callback(process.terminate)
        yield f"http://{manager}/api/v2/alerts"


def alerts(url: str) -> dict[tuple[str, str, str], str]:
    """Name, host and component of each alert; and its state, or the host of the alert that inhibits it."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # http, on loopback
            alerts_of_server = json.load(answer)
    except OSError:
        return {}
    hosts = {alert["fingerprint"]: alert["labels"].get("host") for alert in alerts_of_server}
    return {
        (alert["labels"]["alertname"], alert["labels"].get("host", ""), alert["labels"].get("component", "")): (
            " ".join(f"inhibited by {hosts[source]}" for source in alert["status"]["inhibitedBy"])
            or alert["status"]["state"]
        )
        for alert in alerts_of_server
        if alert["labels"]["topology"] == "plant"
    }


def test_a_dark_host_is_a_single_message(url: str) -> None:
    """edge-1 becomes dark and, on another host, a capture is away: the application is incomplete at both.

    The alerts that follow from the dark host are inhibited, the other is not.
    """
    expected = {
        ("EnergyHostDark", "edge-1", ""): "active",
        ("EnergyApplicationIncomplete", "edge-1", "upf-1"): "inhibited by edge-1",
        ("EnergyApplicationIncomplete", "mast-1", "ru-1"): "active",
    }
    end = time.monotonic() + 90
    answer = alerts(url)
    while answer != expected and time.monotonic() < end:
        time.sleep(0.5)
        answer = alerts(url)
    assert answer == expected
