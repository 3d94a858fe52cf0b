# SPDX-License-Identifier: Apache-2.0
"""`joulepath init` with a real Prometheus: all that it has is found, and the topology gives watts there at once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath.errors import JoulepathError
from joulepath_init import server as looking
from joulepath_init.found import CoreThere, Gpu, Model, Node
from joulepath_lab.run.ports import free_port
from joulepath_topology import read
from tests.conftest import Monitoring
from tests.rules.world import QUICK, Rates, Server, capture, meter, served

from .conftest import init

pytestmark = pytest.mark.lab

CAMERA, ROBOT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b700f067aa0ba902b7"
NODES = {"node-1": (260.0, {"core/upf-7d9f8c6b5-x2x4z": 20.0, "ran/du-0": 30.0, "kube-system/coredns-abcde": 2.0}),
         "node-2": (180.0, {"core/amf-55d4c8b7f9-qwz7k": 5.0, "ran/du-1": 25.0})}  # fmt: skip
"""By node, watts of its plug and active watts of its pods."""
ACTIVE = 80.0


def kepler(node: str) -> Rates:
    """Kepler 0.10 on a node: zones that overlap, and its pods."""
    rates: Rates = {}
    for zone, part in {"package": 0.8, "dram": 0.2, "core": 0.5}.items():
        labels = f'node_name="{node}",zone="{zone}",path="p"'
        rates[f"kepler_node_cpu_joules_total{{{labels}}}"] = 2 * ACTIVE * part
        rates[f"kepler_node_cpu_active_joules_total{{{labels}}}"] = ACTIVE * part
        for pod, watts in NODES[node][1].items():
            namespace, name = pod.split("/")
            labels = f'node_name="{node}",zone="{zone}",pod_namespace="{namespace}",pod_name="{name}",state="running"'
            rates[f"kepler_pod_cpu_joules_total{{{labels}}}"] = watts * part
    return rates


def of_kube(pod: str) -> str:
    """The labels of a pod in kube-state-metrics."""
    namespace, name = pod.split("/")
    return f'namespace="{namespace}",pod="{name}"'


def plant() -> Iterator[tuple[str, Rates]]:
    """Counters by instance: a PDU, two Kubernetes nodes with Kepler, an IOAM exporter, a GPU server with a model."""
    yield (
        "pdu-1",
        {
            **meter("pdu_outlet", 'outlet="1"', NODES["node-1"][0]),
            **meter("pdu_outlet", 'outlet="2"', NODES["node-2"][0]),
            **meter("pdu_outlet", 'outlet="10"', 400.0),
        },
    )
    yield "kepler-1", kepler("node-1")
    yield "kepler-2", kepler("node-2")
    yield "gpu-1", {**meter("gpu", 'gpu="0"', 150.0), **meter("bmc_chassis", 'chassis="Self"', 390.0)}
    yield "upf-counter", capture(4, 1000, 1e6, {CAMERA: (600, 6e5), ROBOT: (300, 3e5)}, {"shuttle": (100, 1e5)})
    yield (
        "core-1:9091",
        {
            f'fivegs_ep_n3_gtp_{way}datavolumeqosleveln3upf{{qfi="{qfi}"}}': 5e5
            for way in ("in", "out")
            for qfi in (5, 7)
        },
    )
    for application, share in {"camera": 3.0, "robot": 1.0}.items():
        labels = f'model_name="Qwen/Qwen2.5-VL-7B",application="{application}"'
        yield (
            f"vllm-{application}",
            {
                f'vllm:request_success_total{{{labels},instance="gpu-1:8000"}}': share,
                f'vllm:generation_tokens_total{{{labels},instance="gpu-1:8000"}}': 50 * share,
                f'vllm:prompt_tokens_total{{{labels},instance="gpu-1:8000"}}': 100 * share,
            },
        )


@pytest.fixture
def prometheus(monitoring: Monitoring, tmp_path: Path) -> Iterator[Server]:
    """Each version of Prometheus, which scrapes the plant and has no rules."""
    with served() as world:
        for instance, rates in plant():
            world.target(instance, rates)
        world.targets["pdu-1"].show(
            {
                'pdu_outlet_info{outlet="1",name="Node-1 PSU A"}': 1,
                'pdu_outlet_info{outlet="2",name="node-2"}': 1,
                'pdu_outlet_info{outlet="10",name="GPU_01"}': 1,
            }
        )
        world.target("kube", {}).show({
            f'kube_node_status_capacity{{node="{node}",resource="cpu",unit="core"}}': 16 for node in NODES
        } | {
            f'kube_pod_container_resource_requests{{{labels},resource="cpu",node="{node}"}}': 2
            for node, (_, pods) in NODES.items() for labels in map(of_kube, pods)
        } | {
            f'kube_pod_status_phase{{{of_kube(pod)},phase="Running"}}': 1
            for _, pods in NODES.values() for pod in pods
        } | {f'kube_node_info{{node="{node}"}}': 1 for node in NODES})  # fmt: skip
        server = Server(monitoring.prometheus, tmp_path / "server", world)
        server.start()
        server.until("count(rate(pdu_outlet_energy_joules_total[30s]))", {"": 3}, 20)
        server.until("count(rate(vllm:generation_tokens_total[30s]))", {"": 2}, 20)
        server.until("count(rate(bmc_chassis_energy_joules_total[30s]))", {"": 1}, 20)
        yield server
        server.stop()


def test_all_that_a_server_has_is_found(prometheus: Server) -> None:
    found = looking.look(prometheus, time.time())
    assert [str(reading) for reading in found.readings] == [
        "pdu pdu-1 outlet 1 'Node-1 PSU A'",
        "pdu pdu-1 outlet 2 'node-2'",
        "pdu pdu-1 outlet 10 'GPU_01'",
        "bmc gpu-1",
    ]
    assert [reading.watts for reading in found.readings] == pytest.approx([260, 180, 400, 390], rel=0.05)
    zones = frozenset({"package", "dram", "core"})
    assert found.nodes == [Node("node-1", "0.10", zones), Node("node-2", "0.10", zones)]
    assert found.nodes[0].chosen == ("package", "dram")
    assert {f"{pod.namespace}/{pod.name}": pod.node for pod in found.pods} == {
        pod: node for node, (_, pods) in NODES.items() for pod in pods
    }
    assert found.capacity == {"node-1": 16, "node-2": 16}
    assert ("core", "upf-7d9f8c6b5-x2x4z") in found.requesting
    assert found.gpus == [Gpu("gpu", "gpu-1", "0")]
    assert found.models == [Model("vllm", "Qwen/Qwen2.5-VL-7B", "gpu-1:8000", frozenset({"camera", "robot"}))]
    assert found.ioam_nodes == [(4, "upf-counter")]
    assert found.traces == [(123, ROBOT), (123, CAMERA)]
    assert found.flows == ["shuttle"]
    assert found.cores == [CoreThere("open5gs", "core-1:9091", {"qfi": ["5", "7"]})]


def test_the_topology_that_is_written_has_watts_on_that_server(prometheus: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert init(out, "--prometheus", prometheus.url) == 0
    assert [path.name for path in out.iterdir()] == ["topology.yaml"]  # its exporters run already
    topology = read(out / "topology.yaml")
    assert {name: component.role for name, component in topology.components.items()} == {
        "amf": "core-control",
        "du": "du",
        "upf": "upf",
        "Qwen2.5-VL-7B": "model",
    }
    assert topology.components["amf"].supports == ("du", "upf")
    assert main(["rules", "check", str(out / "topology.yaml")]) == 0
    prometheus.write_rules(QUICK + (out / "topology.yaml").read_text())
    prometheus.reload()
    prometheus.until(
        "sum by (host) (host:power_watts)", {"node-1": 260, "node-2": 180, "GPU_01": 250, "GPU_01/gpu-0": 150}, 30, 0.02
    )
    # Active watts divide a plug: 20 W and 30 W of 80 W at the first node, 5 W and 25 W at the second.
    expected = {
        "upf": 260 * 20 / 80,
        "du": 260 * 30 / 80 + 180 * 25 / 80,
        "amf": 180 * 5 / 80,
        "Qwen2.5-VL-7B": 400,
        "unattributed": 260 * 30 / 80 + 180 * 50 / 80,
    }
    prometheus.until("sum by (component) (component:power_watts)", expected, 30, 0.05)
    applications = prometheus.ask("sum by (application) (application:power_watts)")
    assert sum(applications.values()) == pytest.approx(840, rel=0.05)
    assert applications["camera"] == pytest.approx(300, rel=0.05)  # 3 of 4 requests
    assert prometheus.failures() == []


def odd_plant() -> Rates:
    """Kepler 0.9, a PDU without outlets, workloads, a GPU that dcgm-exporter reads, servers of other kinds."""
    rates: Rates = {}
    for zone in ("package", "dram", "core"):
        rates[f'kepler_node_{zone}_joules_total{{instance="node-3",mode="dynamic",package="0"}}'] = 30.0
        labels = 'instance="node-3",pod_name="upf-0",container_namespace="core",container_name="upf",mode="dynamic"'
        rates[f"kepler_container_{zone}_joules_total{{{labels}}}"] = 10.0
    for phase in ("L1", "L2"):
        rates[f'pdu_phase_energy_joules_total{{instance="pdu-9",phase="{phase}"}}'] = 160.0
    rates['workload_cpu_seconds_total{instance="edge-1",workload="upf.service"}'] = 0.5
    for at in ('GPU_I_ID="1"', 'GPU_I_ID="2"'):  # each slice repeats the energy of the whole GPU
        rates[f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{Hostname="gpu-2",gpu="0",{at}}}'] = 1e5
    rates['nv_inference_request_success{instance="gpu-2:8002",model="llava"}'] = 1.0
    rates['vllm:generation_tokens_total{instance="gpu-2:8002",model="llava"}'] = 50.0
    rates['vllm:prompt_tokens_total{instance="gpu-2:8002",model="llava"}'] = 90.0
    rates['tgi_request_success{instance="gpu-2:8080"}'] = 1.0
    rates['tgi_request_generated_tokens_sum{instance="gpu-2:8080"}'] = 50.0
    rates['tgi_request_input_length_sum{instance="gpu-2:8080"}'] = 50.0
    return rates


@pytest.fixture
def odd(monitoring: Monitoring, tmp_path: Path) -> Iterator[Server]:
    """Each version of Prometheus over the odd plant."""
    with served() as world:
        world.target("odd", odd_plant()).show(
            {f'pdu_phase_power_watts{{instance="pdu-9",phase="{n}"}}': 160 for n in ("L1", "L2")}
        )
        server = Server(monitoring.prometheus, tmp_path / "server", world)
        server.start()
        server.until("count(tgi_request_success)", {"": 1}, 20)
        yield server
        server.stop()


def test_older_and_other_series_are_found_as_well(odd: Server, tmp_path: Path) -> None:
    found = looking.look(odd, time.time())
    assert found.nodes == [Node("node-3", "0.9", frozenset({"package", "dram", "core"}))]
    assert [(pod.namespace, pod.name, pod.node) for pod in found.pods] == [("core", "upf-0", "node-3")]
    assert [(whole.instance, whole.level, whole.parts, whole.watts) for whole in found.wholes] == [
        ("pdu-9", "phase", ("L1", "L2"), 320.0)
    ]
    assert found.workloads == [("edge-1", "upf.service")]
    assert found.gpus == [Gpu("dcgm", "gpu-2", "0")]
    # A server that counts tokens, too, is not the plainer one with the same counter of requests.
    assert {(model.server, model.name) for model in found.models} == {("triton_vllm", "llava"), ("tgi", "")}
    assert init(tmp_path / "out", "--prometheus", odd.url) == 0
    assert main(["rules", "check", str(tmp_path / "out" / "topology.yaml")]) == 0


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(JoulepathError) as failed:
        init(tmp_path / "out", "--prometheus", f"http://127.0.0.1:{free_port()}")
    assert len(failed.value.messages) == 1
    assert not (tmp_path / "out").exists()
