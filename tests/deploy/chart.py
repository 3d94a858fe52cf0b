# SPDX-License-Identifier: Apache-2.0
"""Renders the chart with the real Helm, and the settings that its tests try."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from joulepath_rules.generate import Source, generate
from joulepath_rules.prometheus import write
from joulepath_topology import read
from tests.conftest import ROOT

CHART = ROOT / "deploy" / "helm" / "joulepath"
TOPOLOGY = ROOT / "examples" / "minimal.yaml"
ON_NODES = ("gpu", "ioam", "pfcp", "rapl", "tag", "workload")
OF_DEVICES = ("bmc", "carbon", "pdu")
OPERATOR = "monitoring.coreos.com"

TRACE = "ab" * 16
EVERYTHING: Mapping[str, Any] = {
    "workload": {"config": {"workloads": [{"name": "gtp", "container": "core/upf-*/gtp-u"}]}},
    "gpu": {"enabled": True, "runtimeClassName": "nvidia", "nodeSelector": {"nvidia.com/gpu.present": "true"}},
    "ioam": {
        "enabled": True,
        "nodes": {
            "edge-1": {"nodes": [{"node_id": 4, "interfaces": {"eth0": "uplink"}}]},
            "edge-2.example": {"nodes": [{"node_id": 5, "interfaces": {"eth0": "uplink"}}]},
        },
    },
    "tag": {
        "enabled": True,
        "config": {
            "interfaces": ["eth0"],
            "flows": {"camera": {"destination": "fd01::2", "ioam_namespace": 123, "id": TRACE}},
        },
    },
    "pfcp": {"enabled": True, "config": {"interfaces": ["eth0"], "groups": {"cameras": {"dnn": "video"}}}},
    "pdu": {
        "enabled": True,
        "secret": "meters",
        "config": {"targets": {"pdu-1": {"address": "udp://10.0.0.1", "community_file": "community"}}},
    },
    "bmc": {
        "enabled": True,
        "secret": "meters",
        "config": {
            "targets": {"edge-1": {"address": "ipmi://10.0.0.2", "user": "reader", "password_file": "password"}}
        },
    },
    "carbon": {
        "enabled": True,
        "secret": "meters",
        "config": {"sources": {"entsoe": {"zones": ["DE-LU"], "token_file": "token"}}},
    },
    "rules": {"enabled": True},
}
WITH_RULES = frozenset({"everything", "everything, for the operator", "no exporter"})
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "defaults, for the operator": {"prometheus": {"operator": True}},
    "everything": EVERYTHING,
    "everything, for the operator": {
        **EVERYTHING,
        "prometheus": {"operator": True, "labels": {"release": "prometheus"}},
        "networkPolicy": {"devices": ["10.20.0.0/16", "fd00:20::/64"]},
        "image": {"repository": "registry.example/joulepath", "tag": "1", "pullSecrets": [{"name": "registry"}]},
    },
    "no exporter": {"rapl": {"enabled": False}, "workload": {"enabled": False}},
    "devices alone": {
        "rapl": {"enabled": False},
        "workload": {"enabled": False},
        "pdu": EVERYTHING["pdu"],
        "networkPolicy": {"enabled": False},
        "dashboards": {"enabled": False},
    },
    "one file for all nodes": {
        "ioam": {"enabled": True, "config": {"nodes": [{"node_id": 4, "interfaces": {"eth0": "uplink"}}]}},
        "workload": {"powerModels": {"edge-1": "name: edge-1\n", "edge-2": "name: edge-2\n"}},
        "rapl": {
            "args": ["--log.level=debug"],
            "podAnnotations": {"example/owner": "energy"},
            "priorityClassName": "system-node-critical",
            "volumes": [{"name": "more", "emptyDir": {}}],
            "volumeMounts": [{"name": "more", "mountPath": "/more"}],
        },
    },
}
"""Values by what they try."""


@dataclass(frozen=True)
class Release:
    """The objects of a release."""

    objects: tuple[Mapping[str, Any], ...]

    def of(self, *kinds: str) -> Iterator[Mapping[str, Any]]:
        """Those of these kinds."""
        return (each for each in self.objects if each["kind"] in kinds)

    @property
    def pods(self) -> Mapping[str, Mapping[str, Any]]:
        """The template of each component's pod."""
        found = [each["spec"]["template"] for each in self.of("DaemonSet", "Deployment")]
        return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}

    def files(self, component: str) -> Mapping[str, str]:
        """The files of a component's ConfigMap; none if it has no such object."""
        maps = [each for each in self.of("ConfigMap") if component_of(each) == component]
        return {} if not maps else dict(maps[0]["data"])


def component_of(thing: Mapping[str, Any]) -> str | None:
    """The component in an object's labels."""
    found: str | None = thing["metadata"]["labels"].get("app.kubernetes.io/component")
    return found


@cache
def rules(name: str = "joulepath", source: Source = "rules") -> str:
    """The rule file of a topology of this name."""
    topology = read(TOPOLOGY).model_copy(update={"name": name})
    return write(generate(topology, source), topology.hash)


def helm_template(
    helm: Path, values: Mapping[str, Any], *arguments: str, name: str = "joulepath", namespace: str = "energy"
) -> "subprocess.CompletedProcess[str]":
    """`helm template` with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        command = [str(helm), "template", name, str(CHART), "--namespace", namespace, "--values", file.name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def renderer(helm: Path) -> Callable[[str], Release]:
    """Renders SETTINGS by name, each once."""

    @cache
    def render(name: str) -> Release:
        with tempfile.TemporaryDirectory() as folder:
            arguments = []
            if name in WITH_RULES:
                (Path(folder) / "rules.yaml").write_text(rules())
                arguments = ["--set-file", f"rules.generated={folder}/rules.yaml"]
                arguments += ["--set-file", f"rules.topology={TOPOLOGY}"]
            result = helm_template(helm, SETTINGS[name], *arguments)
        assert result.returncode == 0, result.stderr
        return Release(tuple(each for each in yaml.safe_load_all(result.stdout) if each))

    return render
