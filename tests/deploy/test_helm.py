# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by Helm: Kubernetes and the operator take its objects, the exporters their command lines."""

import argparse
import importlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1, v1alpha1

from joulepath import __version__, schema
from joulepath.cli import COMMANDS
from joulepath_rules.generate import Source
from joulepath_topology import read
from tests.conftest import ROOT
from tests.deploy.chart import (
    CHART,
    EVERYTHING,
    OF_DEVICES,
    ON_NODES,
    OPERATOR,
    SETTINGS,
    Release,
    component_of,
    helm_template,
    rules,
)

pytestmark = pytest.mark.unit

Render = Callable[[str], Release]


@pytest.mark.parametrize("name", SETTINGS)
def test_helm_finds_nothing_to_complain_of(name: str, helm: Path, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(SETTINGS[name]))
    command = [str(helm), "lint", "--strict", str(CHART), "--values", str(tmp_path / "values.yaml")]
    if "rules" in SETTINGS[name]:
        command += ["--set-file", f"rules.topology={ROOT / 'examples' / 'minimal.yaml'}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[WARNING]" not in result.stdout


@pytest.mark.parametrize("version", ["1.25", "1.37"])
@pytest.mark.parametrize("name", SETTINGS)
def test_objects_are_valid_for_kubernetes(name: str, version: str, release: Render) -> None:
    objects = [each for each in release(name).objects if OPERATOR not in each["apiVersion"]]
    assert objects
    for each in objects:
        kubernetes_validate.validate(dict(each), version, strict=True)


KINDS: Mapping[str, Any] = {
    "PodMonitor": v1.PodMonitor,
    "ServiceMonitor": v1.ServiceMonitor,
    "PrometheusRule": v1.PrometheusRule,
    "ScrapeConfig": v1alpha1.ScrapeConfig,
}


def test_objects_are_valid_for_the_operator(release: Render) -> None:
    """The models drop a key that they do not know: each object comes back as it was."""
    objects = [each for each in release("everything, for the operator").objects if OPERATOR in each["apiVersion"]]
    assert {each["kind"] for each in objects} == KINDS.keys()
    for each in objects:
        model = KINDS[each["kind"]].model_validate(each)
        assert model.model_dump(by_alias=True, exclude_unset=True, mode="json") == each
        assert each["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize("name", SETTINGS)
def test_only_the_operator_gets_its_objects(name: str, release: Render) -> None:
    wanted = SETTINGS[name].get("prometheus", {}).get("operator", False)
    assert wanted == any(OPERATOR in each["apiVersion"] for each in release(name).objects)
    assert wanted != any(each["metadata"]["name"] == "joulepath-scraping" for each in release(name).objects)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_name_that_an_object_refers_to_exists(name: str, release: Render) -> None:
    found = release(name)
    names = {(each["kind"], each["metadata"]["name"]) for each in found.objects}
    assert len(names) == len(found.objects), "two objects of one name"
    for component, pod in found.pods.items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in names
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        assert volumes == mounted
        for source in _sources(spec):
            if "configMap" in source:
                assert ("ConfigMap", source["configMap"]["name"]) in names
            else:
                assert source["secret"]["name"] == SETTINGS[name][component]["secret"]
    for each in found.of("Service", "NetworkPolicy", "DaemonSet", "Deployment"):
        selector = each["spec"].get("selector") or each["spec"]["podSelector"]
        labels = found.pods[component_of(each) or ""]["metadata"]["labels"]
        assert selector.get("matchLabels", selector).items() <= labels.items()


def _sources(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for volume in spec.get("volumes", ()):
        yield from volume.get("projected", {}).get("sources", ())


def test_each_component_runs_once_for_what_it_reads(release: Render) -> None:
    found = release("everything")
    assert sorted(component_of(each) or "" for each in found.of("DaemonSet")) == sorted(ON_NODES)
    assert sorted(component_of(each) or "" for each in found.of("Deployment")) == sorted([*OF_DEVICES, "rules"])
    assert all(each["spec"]["replicas"] == 1 for each in found.of("Deployment"))


def test_every_unit_has_a_component_in_the_chart(release: Render) -> None:
    units = {path.stem.removeprefix("joulepath-") for path in (ROOT / "deploy" / "systemd").glob("*.service")}
    assert release("everything").pods.keys() == units


def parsed(words: list[str]) -> argparse.Namespace:
    """The arguments as the exporter reads them. argparse exits where it refuses one."""
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[words[0]][0]).configure(parser)
    return parser.parse_args(words[1:])


@pytest.mark.parametrize("name", SETTINGS)
def test_exporters_take_their_command_line_and_files(name: str, release: Render, tmp_path: Path) -> None:
    found = release(name)
    for component, pod in found.pods.items():
        (container,) = pod["spec"]["containers"]
        assert container["command"] == ["joulepath"]
        args = parsed(container["args"])
        (port,) = container["ports"]
        assert port["containerPort"] == args.port, component
        files = found.files(component)
        read_here = set()
        if getattr(args, "config", None) is not None:
            folder, _, file = str(args.config).rpartition("/")
            assert folder == "/etc/joulepath"
            nodes = SETTINGS[name][component].get("nodes", {}) if component in SETTINGS[name] else {}
            read_here = {file.replace("$(NODE_NAME)", node) for node in nodes or [""]}
            for each in read_here:
                model = "workload" if component == "gpu" else component
                schema.model(schema.FILES[model]).model_validate(yaml.safe_load(files[each]))
        read_here |= {path.name for path in getattr(args, "power_models", ())}
        if component == "rules":
            read_here.add("topology.yaml")
            (tmp_path / "topology.yaml").write_text(files["topology.yaml"])
            assert read(tmp_path / "topology.yaml").hash == read(ROOT / "examples" / "minimal.yaml").hash
        assert files.keys() == read_here


def test_a_node_reads_its_own_file(release: Render) -> None:
    """The kubelet replaces $(NODE_NAME). The exporter runs on the nodes that have a file, and on no other."""
    pod = release("everything").pods["ioam"]["spec"]
    (container,) = pod["containers"]
    assert "--config=/etc/joulepath/$(NODE_NAME).yaml" in container["args"]
    assert container["env"] == [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    # Kubernetes takes a single name in matchFields; terms are alternatives.
    nodes = [field["values"] for term in terms for field in term["matchFields"] if field["key"] == "metadata.name"]
    assert nodes == [["edge-1"], ["edge-2.example"]]
    assert release("everything").files("ioam").keys() == {"edge-1.yaml", "edge-2.example.yaml"}


def test_a_gpu_has_the_workloads_of_its_node(release: Render) -> None:
    found = release("everything")
    assert found.files("gpu")["gpu.yaml"] == found.files("workload")["workload.yaml"]


def test_dashboards_come_as_they_are(release: Render) -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    found: dict[str, str] = {}
    for each in release("defaults").of("ConfigMap"):
        if each["metadata"]["labels"].get("grafana_dashboard") == "1":
            assert len(json.dumps(each)) < 1_000_000, "Kubernetes takes 1 MiB"
            found |= each["data"]
    assert found == committed
    assert not any("grafana_dashboard" in each["metadata"]["labels"] for each in release("devices alone").objects)


def test_rules_reach_prometheus_unchanged(release: Render) -> None:
    groups = yaml.safe_load(rules())["groups"]
    (file,) = (each for each in release("everything").of("ConfigMap") if "rules-joulepath" in each["metadata"]["name"])
    assert file["data"] == {"joulepath.rules.yaml": rules()}
    objects = list(release("everything, for the operator").of("PrometheusRule"))
    assert [each["spec"]["groups"] for each in objects] == [[group] for group in groups]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ioam": {"enabled": True}}, "ioam.config: is missing"),
        ({"tag": {"enabled": True, "config": {"a": 1}, "nodes": {"b": {"a": 1}}}}, "tag: give either tag.config"),
        ({"ioam": {**EVERYTHING["ioam"], "affinity": {"podAffinity": {}}}}, "ioam.affinity: leave it out"),
        ({"pdu": {"enabled": True}}, "pdu.config: is missing"),
        ({"rules": {"enabled": True}}, "rules.topology: is missing"),
        ({"rules": {"generated": "hosts: {}\n"}}, "rules.generated: is not a rule file"),
        ({"rules": {"generated": "groups: []\n"}}, "rules.generated: is not a rule file"),
        (
            {"rules": {"generated": "groups: [{name: a, rules: [{record: b}]}]\n"}},
            "its first rule has no label topology",
        ),
        ({"workload": {"powerModels": {"two words": "name: x\n"}}}, "'two words'"),
        ({"ioam": {"enable": True}}, "additional properties 'enable' not allowed"),
        ({"pdu": {"nodes": {}}}, "additional properties 'nodes' not allowed"),
        ({"prometheus": {"interval": "15 seconds"}}, "'15 seconds' does not match pattern"),
        ({"networkPolicy": {"devices": ["10.0.0.1"]}}, "'10.0.0.1' does not match pattern"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: Mapping[str, Any], message: str, helm: Path) -> None:
    result = helm_template(helm, values)
    assert result.returncode != 0
    assert message in result.stderr


@pytest.mark.parametrize(
    ("guide", "components"), [("kubernetes", {"rapl", "workload", "pdu", "ioam"}), ("kubernetes-edge", {"pdu", "ioam"})]
)
def test_the_values_of_a_page_install_what_it_says(guide: str, components: set[str], helm: Path) -> None:
    page = (ROOT / "docs" / "guides" / f"{guide}.md").read_text()
    _, _, text = page.partition("<!-- values: deploy/helm/joulepath -->\n```yaml\n")
    values = yaml.safe_load(text.partition("```")[0])
    objects = [each for each in yaml.safe_load_all(helm_template(helm, values).stdout) if each]
    assert Release(tuple(objects)).pods.keys() == components


def test_another_release_has_names_of_its_own(helm: Path, release: Render) -> None:
    result = helm_template(helm, {}, name="north")
    names = {each["metadata"]["name"] for each in yaml.safe_load_all(result.stdout) if each}
    assert names
    assert all(name.startswith("north-joulepath") for name in names)
    assert all(each["metadata"]["name"].startswith("joulepath") for each in release("defaults").objects)


ODD = {
    "pdu": {**EVERYTHING["pdu"], "secret": "123"},
    "rapl": {"priorityClassName": "123"},
    "gpu": {"enabled": True, "runtimeClassName": "5"},
    "prometheus": {"namespace": "5"},
    "rules": {"enabled": True, "topology": "sites: {}"},
}


@pytest.mark.parametrize(("name", "operator"), [("5g", False), ("1e3", True), ("edge.one", False), ("a" * 53, True)])
def test_odd_names_are_names_of_kubernetes(name: str, operator: bool, helm: Path, tmp_path: Path) -> None:
    """A Service begins with a letter and has no dot. A number stays a text."""
    (tmp_path / "rules.yaml").write_text(rules("Plant_1:a."))
    values = {**ODD, "prometheus": {"namespace": "5", "operator": operator}}
    options = ["--set-file", f"rules.generated={tmp_path}/rules.yaml"]
    result = helm_template(helm, values, *options, name=name, namespace="7")
    assert result.returncode == 0, result.stderr
    objects = [each for each in yaml.safe_load_all(result.stdout) if each]
    for each in objects:
        if OPERATOR not in each["apiVersion"]:
            kubernetes_validate.validate(each, "1.37", strict=True)
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,251}[a-z0-9])?", each["metadata"]["name"])
        assert len(each["metadata"]["name"]) <= 63 or each["kind"] != "Service"
        assert each["metadata"]["namespace"] == "7"
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == name
        if each["kind"] == "ConfigMap":
            assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in each["data"])
    scraped = [each for each in objects if each["metadata"]["name"].endswith("-scraping")]
    assert all(yaml.safe_load(each["data"]["joulepath.yml"])["scrape_configs"] for each in scraped)


@pytest.mark.parametrize("operator", [False, True])
def test_rules_that_are_too_large_for_an_object_are_refused(operator: bool, helm: Path) -> None:
    rule = {"record": "joulepath_topology_site", "labels": {"topology": "plant"}, "expr": "vector(1)" + " " * 1000}
    large = json.dumps({"groups": [{"name": "attribution", "rules": [rule] * 1000}]})
    values = {"rules": {"generated": large}, "prometheus": {"operator": operator}}
    assert re.search(
        r"rules\.generated: the \w+ .*at most \d+ fit: .*--constants scraped", helm_template(helm, values).stderr
    )


@pytest.mark.parametrize(("source", "told"), [("rules", False), ("scraped", True)])
def test_the_notes_say_that_constants_must_be_served(source: Source, told: bool, helm: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rules(source=source))
    command = [
        str(helm),
        "install",
        "joulepath",
        str(CHART),
        "--dry-run=client",
        "--kubeconfig",
        str(tmp_path / "none"),
    ]
    command += ["--set-file", f"rules.generated={tmp_path}/rules.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert ("nothing here serves these" in result.stdout.partition("NOTES:")[2]) == told


def test_an_image_may_be_named_by_its_digest(helm: Path) -> None:
    for tag, image in (("2", "here/joulepath:2"), ("sha256:0a", "here/joulepath@sha256:0a")):
        result = helm_template(helm, {"image": {"repository": "here/joulepath", "tag": tag}})
        objects = (each for each in yaml.safe_load_all(result.stdout) if each)
        assert {pod["spec"]["containers"][0]["image"] for pod in Release(tuple(objects)).pods.values()} == {image}


def test_the_version_is_that_of_the_exporters() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


def test_every_value_has_a_type_in_the_schema() -> None:
    """Helm refuses a key that the schema does not know; a key that values.yaml lacks would do nothing."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    described = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert values.keys() == described.keys() - {"global"}
    for name, settings in values.items():
        assert settings.keys() == described[name]["properties"].keys(), name
