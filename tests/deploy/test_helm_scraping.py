# SPDX-License-Identifier: Apache-2.0
"""Prometheus finds the chart's pods and names them as a topology does: tried by promtool on rendered pods."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Monitoring
from tests.deploy.chart import EVERYTHING, OF_DEVICES, ON_NODES, Release, component_of, helm_template

pytestmark = pytest.mark.unit

Render = Callable[[str], Release]
Labels = Mapping[str, str]


def meta(prefix: str, labels: Labels) -> Labels:
    """Labels as Prometheus' discovery writes them."""
    return {
        f"__meta_kubernetes_{prefix}_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}": value for key, value in labels.items()
    }


def pods(found: Release, node: str) -> list[Mapping[str, Any]]:
    """The targets that the role `pod` makes of the rendered pods on a node."""
    targets: list[Mapping[str, Any]] = []
    for number, each in enumerate(found.of("DaemonSet", "Deployment"), start=1):
        pod = each["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        (port,) = container["ports"]
        labels = {
            "__meta_kubernetes_namespace": "energy",
            "__meta_kubernetes_pod_name": f"{each['metadata']['name']}-x7k2p",
            "__meta_kubernetes_pod_node_name": node,
            "__meta_kubernetes_pod_container_name": container["name"],
            "__meta_kubernetes_pod_container_port_name": port["name"],
            "__meta_kubernetes_pod_controller_kind": {"Deployment": "ReplicaSet"}.get(each["kind"], each["kind"]),
            **meta("pod", pod["metadata"]["labels"]),
        }
        targets.append({"targets": [f"10.0.0.{number}:{port['containerPort']}"], "labels": labels})
    return targets


def services(found: Release) -> list[Mapping[str, Any]]:
    """The targets that the role `service` makes of the rendered Services."""
    targets: list[Mapping[str, Any]] = []
    for each in found.of("Service"):
        (port,) = each["spec"]["ports"]
        labels = {
            "__meta_kubernetes_namespace": "energy",
            "__meta_kubernetes_service_name": each["metadata"]["name"],
            "__meta_kubernetes_service_port_name": port["name"],
            **meta("service", each["metadata"]["labels"]),
        }
        targets.append({"targets": [f"{each['metadata']['name']}.energy.svc:{port['port']}"], "labels": labels})
    return targets


STRANGER = {
    "targets": ["10.0.0.99:8080"],
    "labels": {
        "__meta_kubernetes_pod_node_name": "edge-1",
        "__meta_kubernetes_pod_controller_kind": "DaemonSet",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        **meta("pod", {"app.kubernetes.io/name": "kepler", "app.kubernetes.io/instance": "joulepath"}),
    },
}


def discovered(promtool: Path, folder: Path, jobs: list[Any], job: str, targets: Sequence[Any]) -> list[Labels]:
    """The labels of the targets that a job keeps. Debian's Prometheus lacks Kubernetes, so these come from a file."""
    (folder / "targets.json").write_text(json.dumps(targets))
    for each in jobs:
        if each.pop("kubernetes_sd_configs", None):
            each["file_sd_configs"] = [{"files": ["targets.json"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    command = [str(promtool), "check", "service-discovery", "--timeout=2s", str(folder / "prometheus.yml"), job]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [target["labels"] for target in json.loads(result.stdout) if target["labels"]]


def jobs_of(found: Release) -> list[Any]:
    (file,) = (each for each in found.of("ConfigMap") if each["metadata"]["name"].endswith("-scraping"))
    jobs: list[Any] = yaml.safe_load(file["data"]["joulepath.yml"])["scrape_configs"]
    return jobs


OURS = "energy/joulepath/"
"""In front of the names of the release's jobs: those of another one stand in the same file."""


def shown(labels: Labels) -> tuple[str, str]:
    assert not labels.keys() & {"pod", "namespace", "container", "endpoint", "service"}
    return labels["job"], labels["instance"]


def test_prometheus_names_an_exporter_by_its_node(release: Render, monitoring: Monitoring, tmp_path: Path) -> None:
    found = release("everything")
    targets = [*pods(found, "edge-1"), STRANGER]
    kept = discovered(monitoring.promtool, tmp_path, jobs_of(found), f"{OURS}nodes", targets)
    assert sorted(map(shown, kept)) == [(component, "edge-1") for component in sorted(ON_NODES)]


def test_the_general_configuration_finds_the_chart(release: Render, promtool: Path, tmp_path: Path) -> None:
    """deploy/prometheus/kubernetes.yml needs no change for a release `joulepath` in the namespace `joulepath`."""
    found = release("everything")
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus" / "kubernetes.yml").read_text())["scrape_configs"]
    kept = discovered(promtool, tmp_path, jobs, "nodes", [*pods(found, "edge-1"), STRANGER])
    assert sorted(map(shown, kept)) == [(component, "edge-1") for component in sorted(ON_NODES)]
    urls = {job["job_name"]: each["url"] for job in jobs for each in job.get("http_sd_configs", ())}
    assert {name: url.replace(".joulepath.svc", ".energy.svc") for name, url in urls.items()} == _urls(found)


def test_each_exporter_of_devices_has_series_of_its_own(release: Render, promtool: Path, tmp_path: Path) -> None:
    found = release("everything")
    kept = discovered(promtool, tmp_path, jobs_of(found), f"{OURS}exporters", services(found))
    assert sorted(map(shown, kept)) == [("exporters", f"joulepath-{name}") for name in (*OF_DEVICES, "rules")]


def _urls(found: Release) -> Labels:
    """Where each exporter with targets answers, by the Service's name and port."""
    jobs = {"rules": "topology"}
    return {
        jobs.get(component_of(each) or "", component_of(each) or ""): "http://{}.{}.svc:{}/targets".format(
            each["metadata"]["name"], each["metadata"]["namespace"], each["spec"]["ports"][0]["port"]
        )
        for each in found.of("Service")
    }


def test_devices_and_constants_are_asked_of_their_service(release: Render) -> None:
    found = release("everything")
    jobs = {job["job_name"].removeprefix(OURS): job for job in jobs_of(found)}
    assert {name: job["http_sd_configs"][0]["url"] for name, job in jobs.items() if "http_sd_configs" in job} == _urls(
        found
    )
    assert [name for name, job in jobs.items() if job.get("honor_labels")] == ["topology"]
    for_operator = release("everything, for the operator")
    specs = {each["spec"]["jobName"]: each["spec"] for each in for_operator.of("ScrapeConfig")}
    for name, each in {**jobs, **specs}.items():
        rules = each.get("relabel_configs") or each["relabelings"]
        named = [rule for rule in rules if rule.get("target_label", rule.get("targetLabel")) == "job"]
        assert named[0].get("replacement", name) == name  # `nodes` takes the component of each pod
    assert {name: spec["httpSDConfigs"][0]["url"] for name, spec in specs.items()} == _urls(for_operator)
    assert [name for name, spec in specs.items() if spec.get("honorLabels")] == ["topology"]


def test_two_releases_stand_in_one_prometheus(helm: Path, promtool: Path, tmp_path: Path) -> None:
    """Also in one namespace, and where the name of one is, as a pattern, that of the other."""
    releases = {}
    for name in ("edge.1", "edgex1"):
        values = {**EVERYTHING, "rules": {}}
        rendered = helm_template(helm, values, name=name)
        assert rendered.returncode == 0, rendered.stderr
        releases[name] = Release(tuple(each for each in yaml.safe_load_all(rendered.stdout) if each))
    jobs = [job for each in releases.values() for job in jobs_of(each)]
    targets = [target for each in releases.values() for target in pods(each, "edge-1")]
    kept = discovered(promtool, tmp_path, jobs, jobs[0]["job_name"], targets)
    assert sorted(map(shown, kept)) == [(component, "edge-1") for component in sorted(ON_NODES)]


def snake(key: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), key)


def test_the_operator_gives_the_same_names(release: Render, promtool: Path, tmp_path: Path) -> None:
    """The operator adds labels of its own first: those that docs.prometheus-operator.dev lists for a PodMonitor."""
    found = release("everything, for the operator")
    (monitor,) = found.of("PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    own = [
        {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "regex": endpoint["port"], "action": "keep"},
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_container_name"], "target_label": "container"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        {"target_label": "job", "replacement": "energy/joulepath-nodes"},
        {"target_label": "endpoint", "replacement": "metrics"},
    ]
    (selected,) = monitor["spec"]["selector"]["matchExpressions"]
    assert selected["operator"] == "In"
    name = "__meta_kubernetes_pod_label_app_kubernetes_io_component"
    own.append({"source_labels": [name], "regex": "|".join(selected["values"]), "action": "keep"})
    ours = [{snake(key): value for key, value in each.items()} for each in endpoint["relabelings"]]
    job = {"job_name": "nodes", "kubernetes_sd_configs": True, "relabel_configs": [*own, *ours]}
    kept = discovered(promtool, tmp_path, [job], "nodes", [*pods(found, "edge-1"), STRANGER])
    assert sorted(map(shown, kept)) == [(component, "edge-1") for component in sorted(ON_NODES)]


def test_prometheus_takes_the_file_of_the_chart(release: Render, monitoring: Monitoring, tmp_path: Path) -> None:
    """As a file of its own in Prometheus 3, and with its jobs copied into the configuration in 2.42."""
    jobs = jobs_of(release("everything"))
    for each in jobs:
        if each.pop("kubernetes_sd_configs", None):
            each["file_sd_configs"] = [{"files": ["targets.json"]}]
    (tmp_path / "joulepath.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    copied = monitoring.name == "installed"
    config = {"scrape_configs": jobs} if copied else {"scrape_config_files": ["joulepath.yml"]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [str(monitoring.promtool), "check", "config", str(tmp_path / "prometheus.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
