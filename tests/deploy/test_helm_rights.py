# SPDX-License-Identifier: Apache-2.0
"""The rights of the chart's pods: what each sees of its node, and that no pod has more than its exporter needs."""

from collections.abc import Callable, Mapping

import pytest

from tests.deploy.chart import OF_DEVICES, ON_NODES, SETTINGS, Release

pytestmark = pytest.mark.unit

Render = Callable[[str], Release]

KERNEL = ["BPF", "NET_ADMIN", "PERFMON"]
CAPABILITIES: Mapping[str, list[str]] = {"ioam": KERNEL, "tag": KERNEL, "pfcp": ["NET_RAW"]}
OF_THE_NODE = {
    "/proc",
    "/sys/class",
    "/sys/dev",
    "/sys/devices",
    "/sys/fs/cgroup",
    "/var/log/containers",
    "/var/log/pods",
}
FOLDERS: Mapping[str, set[str]] = {
    "rapl": {"/sys/class", "/sys/devices"},
    "workload": OF_THE_NODE,
    "gpu": OF_THE_NODE,
    "tag": {"/sys/fs/cgroup"},
}
MOUNTED_INSIDE = ("/", "/sys", "/sys/fs", "/sys/kernel", "/var", "/var/lib")
"""Folders of a node with other file systems inside: Kubernetes makes the outermost mount read-only, and those not."""


@pytest.mark.parametrize("name", SETTINGS)
def test_no_pod_can_gain_rights(name: str, release: Render) -> None:
    found = release(name)
    for component, pod in found.pods.items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is security["privileged"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"]["drop"] == ["ALL"]
        assert security["capabilities"].get("add", []) == CAPABILITIES.get(component, [])
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert "memory" in container["resources"]["limits"]
    (account,) = found.of("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert not list(found.of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"))


def test_a_pod_sees_only_the_folders_that_its_exporter_reads(release: Render) -> None:
    for component, pod in release("everything").pods.items():
        spec = pod["spec"]
        folders = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
        assert set(folders.values()) == FOLDERS.get(component, set())
        assert not set(folders.values()) & set(MOUNTED_INSIDE)
        for mount in spec["containers"][0]["volumeMounts"]:
            assert mount.get("readOnly") is True or mount["name"] == "runtime", component
            if mount["name"] in folders:
                assert mount["mountPath"] == "/node" + folders[mount["name"]]
                assert "subPath" not in mount


def test_a_pod_shares_only_the_namespaces_that_it_needs(release: Render) -> None:
    pods = {component: pod["spec"] for component, pod in release("everything").pods.items()}
    assert {component for component, spec in pods.items() if spec.get("hostNetwork")} == {"ioam", "tag", "pfcp"}
    assert {component for component, spec in pods.items() if spec.get("hostPID")} == {"gpu"}
    assert not any(spec.get("hostIPC") or spec.get("shareProcessNamespace") for spec in pods.values())


def test_pods_that_see_nothing_of_a_node_keep_the_strictest_level(release: Render) -> None:
    """The level `restricted` of Pod Security: https://kubernetes.io/docs/concepts/security/pod-security-standards."""
    for component in (*OF_DEVICES, "rules"):
        spec = release("everything").pods[component]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "emptyDir", "projected", "secret"}
        (container,) = spec["containers"]
        assert not any("hostPort" in port for port in container["ports"])
        assert not container["securityContext"]["capabilities"].get("add")


def test_secrets_are_open_to_their_exporter_alone(release: Render) -> None:
    for component in OF_DEVICES:
        spec = release("everything").pods[component]["spec"]
        (volume,) = spec["volumes"]
        assert volume["projected"]["defaultMode"] == 0o440
        assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"] > 0


def test_networks_let_prometheus_in_and_devices_be_asked(release: Render) -> None:
    found = release("everything, for the operator")
    policies = {each["metadata"]["name"].removeprefix("joulepath-"): each["spec"] for each in found.of("NetworkPolicy")}
    assert policies.keys() == {*OF_DEVICES, *ON_NODES, "rules"} - {"ioam", "tag", "pfcp"}, (
        "those are in the node's network"
    )
    for component, spec in policies.items():
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        (port,) = found.pods[component]["spec"]["containers"][0]["ports"]
        (rule,) = spec["ingress"]
        assert rule["ports"] == [{"port": port["containerPort"], "protocol": "TCP"}]
        assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
        if component not in OF_DEVICES:
            assert spec["egress"] == []
            continue
        names, devices = spec["egress"]
        assert {each["port"] for each in names["ports"]} == {53, 5353}, "OpenShift's name servers listen on 5353"
        assert devices == {"to": [{"ipBlock": {"cidr": cidr}} for cidr in ("10.20.0.0/16", "fd00:20::/64")]}


def test_without_their_addresses_every_device_can_be_asked(release: Render) -> None:
    (policy,) = (
        each for each in release("everything").of("NetworkPolicy") if each["metadata"]["name"].endswith("-pdu")
    )
    assert {} in policy["spec"]["egress"]
    assert not list(release("devices alone").of("NetworkPolicy"))
