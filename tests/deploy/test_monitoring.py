# SPDX-License-Identifier: Apache-2.0
"""The configuration that operators copy is accepted by the programs that read it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.bmc import command as bmc
from joulepath.carbon import command as carbon
from joulepath.gpu import command as gpu
from joulepath.ioam import command as ioam
from joulepath.pdu import command as pdu
from joulepath.pfcp import command as pfcp
from joulepath.rapl import command as rapl
from joulepath.tag import command as tag
from joulepath.workload import command as workload
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def check_config(promtool: Path, path: Path) -> None:
    result = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_accepts_the_scrape_configuration(promtool: Path) -> None:
    check_config(promtool, ROOT / "deploy" / "prometheus" / "prometheus.yml")


def kubernetes() -> Any:
    """The configuration inside Kubernetes, with discovery by file instead: Debian's Prometheus lacks Kubernetes."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "kubernetes.yml").read_text())
    for job in config["scrape_configs"]:
        for discovery in job.pop("kubernetes_sd_configs", []):
            assert discovery["role"] in ("pod", "service")
            job["file_sd_configs"] = [{"files": [f"{job['job_name']}.json"]}]
    return config


def test_promtool_accepts_the_scrape_configuration_inside_kubernetes(promtool: Path, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(kubernetes()))
    check_config(promtool, path)


def test_every_exporter_has_a_scrape_job() -> None:
    """Units of systemd are for exporters, and `rules` serves the constants under the job `topology`."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    units = {path.stem.removeprefix("joulepath-") for path in (ROOT / "deploy" / "systemd").glob("*.service")}
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert {"pdu", "rapl"} < units
    assert units - {"rules"} <= jobs


def test_each_file_of_targets_has_an_example_for_its_job(promtool: Path, tmp_path: Path) -> None:
    """Prometheus reads each example; `instance` is there wherever the topology file names it."""
    shutil.copytree(ROOT / "deploy" / "prometheus", tmp_path, dirs_exist_ok=True)
    examples = [*(tmp_path / "targets").glob("*.json"), *(tmp_path / "targets" / "more").glob("*.json")]
    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    discoveries = [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
    files = [name for each in discoveries for found in each.get("file_sd_configs", []) for name in found["files"]]
    assert sorted(f"targets/{path.name}" for path in examples) == sorted(files)
    shutil.copytree(tmp_path / "targets" / "more", tmp_path / "targets", dirs_exist_ok=True)
    check_config(promtool, tmp_path / "prometheus.yml")
    entries = {path.stem: entry for path in examples for entry in json.loads(path.read_text())}
    ports = {name: {target.rpartition(":")[2] for target in entry["targets"]} for name, entry in entries.items()}
    own = {"rapl": rapl, "workload": workload, "gpu": gpu, "ioam": ioam, "tag": tag, "pfcp": pfcp}
    assert {name: {str(command.PORT)} for name, command in own.items()}.items() <= ports.items()
    assert ports["exporters"] == {str(pdu.PORT), str(bmc.PORT), str(carbon.PORT)}
    without = {name for name, entry in entries.items() if "instance" not in entry.get("labels", {})}
    assert without == {"alertmanager", "exporters", "topology"}


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_constants_keep_their_labels(name: str) -> None:
    """The label `instance` of a constant is a meter's name; without honor_labels it would become the server's."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / name).read_text())
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "topology")
    assert job["honor_labels"]
    assert "relabel_configs" not in job


POD = {
    "__meta_kubernetes_pod_label_app_kubernetes_io_name": "joulepath",
    "__meta_kubernetes_pod_label_app_kubernetes_io_component": "rapl",
    "__meta_kubernetes_pod_controller_kind": "DaemonSet",
    "__meta_kubernetes_pod_container_port_name": "metrics",
    "__meta_kubernetes_pod_name": "joulepath-rapl-x7k2p",
    "__meta_kubernetes_pod_node_name": "edge-1",
}


def test_an_exporter_on_every_node_has_the_name_of_its_node(promtool: Path, tmp_path: Path) -> None:
    """The relabelling as Prometheus does it, with pods from a file."""
    pods = {
        "10.0.0.1:10473": POD,
        "10.0.0.2:10474": {**POD, "__meta_kubernetes_pod_label_app_kubernetes_io_component": "ioam"},
        "10.0.0.3:10473": {**POD, "__meta_kubernetes_pod_node_name": "edge-2"},
        "10.0.0.4:8080": {**POD, "__meta_kubernetes_pod_label_app_kubernetes_io_name": "another"},
        "10.0.0.5:10471": {**POD, "__meta_kubernetes_pod_controller_kind": "ReplicaSet"},
        "10.0.0.6:9999": {**POD, "__meta_kubernetes_pod_container_port_name": "debug"},
    }
    targets = [{"targets": [address], "labels": labels} for address, labels in pods.items()]
    (tmp_path / "nodes.json").write_text(json.dumps(targets))
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(kubernetes()))
    command = [str(promtool), "check", "service-discovery", "--timeout=3s", str(path), "nodes"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    kept = [target["labels"] for target in json.loads(result.stdout) if target["labels"]]
    assert sorted((labels["job"], labels["instance"], labels["__address__"]) for labels in kept) == [
        ("ioam", "edge-1", "10.0.0.2:10474"),
        ("rapl", "edge-1", "10.0.0.1:10473"),
        ("rapl", "edge-2", "10.0.0.3:10473"),
    ]
