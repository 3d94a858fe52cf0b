# SPDX-License-Identifier: Apache-2.0
"""The lab's Prometheus and Alertmanager: deploy/'s files with short intervals, targets, and a webhook that listens."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml

from joulepath_lab.devices import open5gs, upf
from joulepath_lab.devices.model_server import PORT as MODEL_PORT
from joulepath_lab.devices.plant import KEPLER_PORT, OLDER_KEPLER_PORT
from joulepath_lab.network import nodes
from joulepath_lab.run import programs
from joulepath_lab.scenarios.scenario import Scenario

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
PDU_PORT, RAPL_PORT, IOAM_PORT, TAG_PORT = 10471, 10473, 10474, 10477
WORKLOAD_PORT, GUEST_PORT, GPU_PORT = 10475, 10485, 10479
PFCP_PORT = 10480
PROMETHEUS_URL = f"http://{nodes.MGMT_CALLER}:9090"
_ALERTMANAGER = f"{nodes.MGMT_CALLER}:9093"
_WEBHOOK_PORT = 9095

Targets = Mapping[str, list[dict[str, Any]]]
"""file_sd entries per job of deploy/prometheus/prometheus.yml."""


def targets(scenario: Scenario) -> Targets:
    """The targets that Prometheus scrapes, except the PDUs: their exporter lists these."""
    caller = nodes.MGMT_CALLER
    ioam = [_target(nodes.mgmt_address(node), IOAM_PORT, component) for component, node in scenario.counted.items()]
    found = {
        "exporters": [_target(caller, PDU_PORT, "pdu-exporter")],
        "ioam": ioam,
        "kepler": [_target(caller, KEPLER_PORT, "edge-1")],
        "model": [_target(nodes.mgmt_address("model"), MODEL_PORT, "gpu-1")],
        "alertmanager": [{"targets": [_ALERTMANAGER]}],
    }
    if scenario.core:
        found["open5gs"] = [_target(nodes.mgmt_address(upf.NODE), open5gs.PORT, scenario.core.open5gs)]
        found["pfcp"] = [_target(caller, PFCP_PORT, "smf")]
    if scenario.rapl:
        found["rapl"] = [_target(caller, RAPL_PORT, scenario.rapl)]
    if scenario.server:
        machine = scenario.server.machine
        found["kepler"].append(_target(caller, OLDER_KEPLER_PORT, machine, kepler_version="0.9"))
        found["gpu"] = [_target(caller, GPU_PORT, machine)]
        found["workload"] = [
            _target(caller, WORKLOAD_PORT, machine),
            _target(caller, GUEST_PORT, scenario.server.guest.name),
        ]
    return found


def _target(address: str, port: int, instance: str, **labels: str) -> dict[str, Any]:
    return {"targets": [f"{address}:{port}"], "labels": {"instance": instance, **labels}}


def prometheus(program: Path, folder: Path, scraped: Targets) -> list[str]:
    """The command of a server with its configuration and data in `folder`."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    (pdu,) = (job for job in config["scrape_configs"] if job["job_name"] == "pdu")
    (discovery,) = pdu["http_sd_configs"]
    discovery |= {"url": f"http://{nodes.MGMT_CALLER}:{PDU_PORT}/targets", "refresh_interval": "1s"}
    itself = {"job_name": "prometheus", "static_configs": [{"targets": [PROMETHEUS_URL.removeprefix("http://")]}]}
    others = [job for job in config["scrape_configs"] if job["job_name"] != itself["job_name"]]
    known = {"prometheus", "alertmanager", *(job["job_name"] for job in others)}
    more = [
        {"job_name": job, "file_sd_configs": [{"files": [f"targets/{job}.json"]}]}
        for job in scraped
        if job not in known
    ]
    config["scrape_configs"] = [*others, *more, itself]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "targets").mkdir()
    for job, entries in scraped.items():
        (folder / "targets" / f"{job}.json").write_text(json.dumps(entries), encoding="utf-8")
    return [
        str(program), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={nodes.MGMT_CALLER}:9090", "--storage.tsdb.wal-compression",
        *([f"--web.local-assets={pages}"] if (pages := programs.pages_of(program)) else []),
    ]  # fmt: skip


def alertmanager(program: Path, folder: Path) -> list[str]:
    """The command of an Alertmanager that posts to `listen_for_alerts`."""
    folder.mkdir()
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    config["route"] |= {"group_wait": "1s", "group_interval": "5s"}
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = f"http://{nodes.MGMT_CALLER}:{_WEBHOOK_PORT}/"
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return programs.with_templates([
        str(program), f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address={_ALERTMANAGER}", "--cluster.listen-address=",
    ])  # fmt: skip


def listen_for_alerts(alerts: list[dict[str, Any]]) -> None:
    """Adds what Alertmanager posts, in a thread of its own."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            alerts.extend(json.loads(body)["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
            """Writes nothing."""

    server = HTTPServer((nodes.MGMT_CALLER, _WEBHOOK_PORT), Webhook)
    threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
