# SPDX-License-Identifier: Apache-2.0
"""Kepler's series in both of its dialects, from one view of its nodes.

Names and labels: 0.10 and later as in Kepler's generated reference, 0.9 as in its source. Zones overlap: `core` is in
`package`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, Metric

ZONES = {"package": 0.85, "dram": 0.15, "core": 0.6}
SYSTEM = "system_processes"
"""Where 0.9 counts processes that are in no container."""

Sample = tuple[str, dict[str, str], float]
"""A counter's name without `_total`, its labels, its value."""


@dataclass
class Gpu:
    """Joules of a node's GPU without its idle ones, and of the pods on it."""

    uuid: str
    name: str
    active: float = 0.0
    pods: dict[str, float] = field(default_factory=dict)


@dataclass
class Node:
    """Joules of a node's processor and memory since the start. Pods are called NAMESPACE/NAME."""

    name: str
    active: float = 0.0
    idle: float = 0.0
    pods: dict[str, float] = field(default_factory=dict)
    vms: dict[str, float] = field(default_factory=dict)
    gpu: Gpu | None = None

    @property
    def system(self) -> float:
        """Active joules of processes that are in neither a pod nor a virtual machine."""
        return self.active - sum(self.pods.values()) - sum(self.vms.values())


def modern(nodes: Iterable[Node], twice: str | None = None) -> list[Metric]:
    """The families of 0.10 and later. The pods with this beginning of NAMESPACE/NAME count twice."""
    return _families(sample for node in nodes for sample in _modern(node, twice))


def older(nodes: Iterable[Node]) -> list[Metric]:
    """The families of 0.9: a metric for each zone, idle joules spread over the containers."""
    return _families(sample for node in nodes for sample in _older(node))


def _families(samples: Iterable[Sample]) -> list[Metric]:
    families: dict[str, CounterMetricFamily] = {}
    for name, labels, value in samples:
        if name not in families:
            families[name] = CounterMetricFamily(name, "See Kepler.", labels=list(labels))
        families[name].add_metric(list(labels.values()), value)
    return list(families.values())


def _modern(node: Node, twice: str | None) -> Iterator[Sample]:
    here, running = {"node_name": node.name}, {"state": "running", "node_name": node.name}
    for zone, part in ZONES.items():
        levels = {"active_": node.active, "idle_": node.idle, "": node.active + node.idle}
        for level, joules in levels.items():
            yield f"kepler_node_cpu_{level}joules", {"zone": zone, "path": f"/{zone}", **here}, joules * part
        for number, (name, joules) in enumerate(node.pods.items(), 4001):
            space, _, pod = name.partition("/")
            pod_id, container = f"pod-{pod}", f"container-{pod}"
            labels = {"pod_id": pod_id, "pod_name": pod, "pod_namespace": space, "zone": zone, **running}
            lie = 2.0 if twice and name.startswith(twice) else 1.0
            yield "kepler_pod_cpu_joules", labels, joules * part * lie
            labels = {"container_id": container, "container_name": "main", "runtime": "containerd", "pod_id": pod_id}
            yield "kepler_container_cpu_joules", {**labels, "zone": zone, **running}, joules * part
            labels = {**_process(number, pod, container), "zone": zone, **running}
            yield "kepler_process_cpu_joules", labels, joules * part
        for number, (vm, joules) in enumerate(node.vms.items(), 5001):
            labels = {"vm_id": f"uuid-{vm}", "vm_name": vm, "hypervisor": "kvm", "zone": zone, **running}
            yield "kepler_vm_cpu_joules", labels, joules * part
            labels = {**_process(number, "qemu-system-x86", vm=f"uuid-{vm}"), "zone": zone, **running}
            yield "kepler_process_cpu_joules", labels, joules * part
        labels = {**_process(1, "systemd"), "zone": zone, **running}
        yield "kepler_process_cpu_joules", labels, node.system * part
    if node.gpu:
        gpu = {"gpu": "0", "gpu_uuid": node.gpu.uuid, "gpu_name": node.gpu.name, "vendor": "nvidia", **here}
        for level in ("active_", ""):
            yield f"kepler_node_gpu_{level}joules", gpu, node.gpu.active
        for name, joules in node.gpu.pods.items():
            space, _, pod = name.partition("/")
            labels = {"pod_id": f"pod-{pod}", "pod_name": pod, "pod_namespace": space, **running}
            yield "kepler_pod_gpu_joules", labels, joules


def _process(pid: int, command: str, container: str = "", vm: str = "") -> dict[str, str]:
    kind = "container" if container else "vm" if vm else "regular"
    labels = {"pid": str(pid), "comm": command[:15], "exe": f"/usr/bin/{command}", "type": kind}
    return {**labels, "container_id": container, "vm_id": vm}


def _older(node: Node) -> Iterator[Sample]:
    containers = {**node.pods, f"system/{SYSTEM}": node.system}
    idle = node.idle / len(containers)
    for zone, part in ZONES.items():
        for mode, whole in (("dynamic", node.active), ("idle", node.idle)):
            labels = {"package": "0", "instance": node.name, "mode": mode}
            yield f"kepler_node_{zone}_joules", labels, whole * part
            for name, joules in containers.items():
                value = joules if mode == "dynamic" else idle
                yield f"kepler_container_{zone}_joules", _container(name, mode), value * part
            for vm, joules in node.vms.items():
                value = joules if mode == "dynamic" else 0.0
                yield f"kepler_vm_{zone}_joules", {"vm_id": vm, "mode": mode}, value * part
    if node.gpu:
        labels = {"package": "", "instance": node.name, "mode": "dynamic"}
        yield "kepler_node_gpu_joules", labels, node.gpu.active
        for name, joules in node.gpu.pods.items():
            yield "kepler_container_gpu_joules", _container(name, "dynamic"), joules


def _container(name: str, mode: str) -> dict[str, str]:
    space, _, pod = name.partition("/")
    container = pod if pod == SYSTEM else "main"
    return {
        "container_id": f"container-{pod}", "pod_name": pod, "container_name": container,
        "container_namespace": space, "mode": mode,
    }  # fmt: skip
