# SPDX-License-Identifier: Apache-2.0
"""The topologies of the guides by deployment shape: each adds up to its meters, against numbers worked out by hand."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath_topology import read
from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, meter, node, outlet, run, trace

pytestmark = pytest.mark.unit

GUIDES = {"gpu-server": 980 + 92, "kubernetes-edge": 160 + 130 + 500, "private-5g": 620, "radio-site": 636 + 204}
"""Watts of all meters by the name of the guide and of its example."""
ERROR = "max(abs(host:conservation_error_watts) or abs(component:conservation_error_watts))"
FIRST, SECOND = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"


def outlets(instance: str, *watts: float) -> dict[str, str]:
    """The outlets of a PDU, from the first one."""
    return {
        name: values
        for number, each in enumerate(watts, 1)
        for name, values in outlet(instance, str(number), each).items()
    }


def traffic(number: int, instance: str) -> dict[str, str]:
    """1000 packets/s at a node. Of packets and bytes the first trace has 1/2 and 1/4, the second one 1/10 and 1/2."""
    series = {**trace(FIRST, number, 500, 250_000), **trace(SECOND, number, 100, 500_000), **node(number, 1000, 1e6)}
    return {name.replace("{", f'{{instance="{instance}",', 1): values for name, values in series.items()}


def workloads(instance: str, busy: float, **seconds: float) -> dict[str, str]:
    """CPU seconds by workload, with `_` for `-`, and those of the whole host."""
    named = {
        f'workload_cpu_seconds_total{{instance="{instance}",workload="{name.replace("_", "-")}"}}': grow(value)
        for name, value in seconds.items()
    }
    return {f'workload_host_cpu_seconds_total{{instance="{instance}",mode="user"}}': grow(busy), **named}


def answers(model: str, application: str, tokens: float) -> dict[str, str]:
    """A model server of one application."""
    labels = f'model_name="{model}",application="{application}"'
    return {
        f"vllm:request_success_total{{{labels}}}": grow(1),
        f"vllm:generation_tokens_total{{{labels}}}": grow(tokens),
    }


def kepler(host: str, active: float, pods: Mapping[str, float]) -> dict[str, str]:
    """Active watts of a node and of its pods, NAMESPACE/NAME."""
    series = {f'kepler_node_cpu_active_joules_total{{node_name="{host}",zone="package"}}': grow(active)}
    for name, watts in pods.items():
        space, _, pod = name.partition("/")
        labels = f'pod_namespace="{space}",pod_name="{pod}",node_name="{host}",zone="package",state="running"'
        series[f"kepler_pod_cpu_joules_total{{{labels}}}"] = grow(watts)
    return series


def pod(space: str, name: str, host: str, cores: int) -> dict[str, str]:
    """A pod that runs, as kube-state-metrics shows it."""
    labels = f'namespace="{space}",pod="{name}"'
    requests = f'{labels},container="main",node="{host}",resource="cpu"'
    return {
        f"kube_pod_container_resource_requests{{{requests}}}": f"{cores}x40",
        f'kube_pod_status_phase{{{labels},phase="Running"}}': "1x40",
        f'kube_node_info{{node="{host}"}}': "1x40",
    }


def port(alias: str, received: float, sent: float) -> dict[str, str]:
    """A port of the switch, as snmp_exporter shows it."""
    labels = f'instance="sw-1",ifAlias="{alias}",ifName="port-{alias}"'
    return {f"ifHCInUcastPkts{{{labels}}}": grow(received), f"ifHCOutUcastPkts{{{labels}}}": grow(sent)}


SERIES: Mapping[str, Mapping[str, str]] = {
    "gpu-server": {
        **outlet("pdu-1", "3", 500),
        **outlet("pdu-1", "4", 480),
        **outlet("pdu-1", "5", 92),
        **meter("gpu", 'instance="gpu-1",gpu="0"', 300),
        **meter("gpu", 'instance="gpu-1",gpu="1"', 350),
        **workloads("gpu-1", 6, vllm_qwen=3, vllm_llava=1.5),
        'gpu_activity_seconds_total{instance="gpu-1",gpu="1",workload="vllm-qwen"}': grow(0.2),
        'gpu_activity_seconds_total{instance="gpu-1",gpu="1",workload="vllm-llava"}': grow(0.6),
        'gpu_activity_measured_seconds_total{instance="gpu-1",gpu="1"}': grow(1),
        **answers("qwen", "inspection", 300),
        **answers("qwen", "search", 100),
        **answers("llava", "search", 90),
        **traffic(1, "ru-1"),
    },
    "kubernetes-edge": {
        **outlets("pdu-1", 160, 130, 260, 240),
        'kepler_node_gpu_joules_total{node_name="gpu-1",gpu="0"}': grow(270),
        **kepler("node-1", 40, {"core/upf-0": 20, "core/smf-0": 4}),
        **kepler("node-2", 10, {"kube-system/dns": 2}),
        **kepler("gpu-1", 40, {"ai/vllm-0": 30}),
        **pod("core", "upf-0", "node-1", 8),
        **pod("core", "smf-0", "node-1", 2),
        **pod("kube-system", "dns", "node-2", 1),
        **pod("ai", "vllm-0", "gpu-1", 16),
        **answers("qwen", "inspection", 300),
        **traffic(4, "node-1"),
        **dict.fromkeys(traffic(4, "node-2"), "0x40"),
        'ioam_node_measured_seconds_total{instance="node-2",node_id="4"}': grow(1),
    },
    "private-5g": {
        **outlets("pdu-1", 100, 90, 50, 200, 100, 80),
        **workloads("core-1", 2.5, softirq=0.5),
        **{
            f'workload_cpu_seconds_total{{instance="core-1",workload="open5gs-{name}.service"}}': grow(seconds)
            for name, seconds in {"upfd": 1.5, "amfd": 0.1, "smfd": 0.05}.items()
        },
        **port("core", 450, 400),
        **port("camera", 30, 270),
        **port("vehicle", 50, 100),
        **port("", 20, 30),
        'fivegs_smffunction_sm_sessionnbr{snssai="1-000001"}': "4x40",
        **traffic(4, "core-1"),
    },
    "radio-site": {
        **outlet("plant-1", "load", 600),
        **outlets("panel-1", 270, 230, 60),
        **meter("bmc_chassis", 'instance="upf-1",chassis="1"', 204),
        **traffic(4, "upf-1"),
    },
}  # fmt: skip

COMPONENTS: Mapping[str, Mapping[str, float]] = {
    # Board 980 - 650 = 330 W, idle 260 - 120 = 140. qwen: 140 / 2 + 190 / 2, GPU 0 with 300, and of GPU 1, idle 60, its
    # half and a quarter of 290: 102.5. llava: 140 / 4 + 190 / 4, and 30 + 217.5.
    "gpu-server": {"qwen": 70 + 95 + 300 + 102.5, "llava": 35 + 47.5 + 247.5, "ru-1": 92, "unattributed": 82.5},
    # node-1, idle 110: upf 8 / 32 and 20 / 40 of 50 W, smf 2 / 32 and 4 / 40. Board 500 - 270 = 230 W, idle 210 - 60 =
    # 150: qwen 16 / 64 and 30 / 40 of 80 W.
    "kubernetes-edge": {
        "upf": 27.5 + 25,
        "smf": 6.875 + 5,
        "qwen": 270 + 37.5 + 60,
        "unattributed": 160 - 52.5 - 11.875 + 130 + 230 - 97.5,
    },
    # core-1, idle 120, dynamic 60: upf 6 / 16 and 2 / 2.5, amf 1 / 16 and 0.1 / 2.5, smf 1 / 16 and 0.05 / 2.5.
    "private-5g": {
        "ru-1": 100, "ru-2": 90, "sw-1": 50, "gnb-1": 200,
        "upf": 45 + 48, "amf": 7.5 + 2.4, "smf": 7.5 + 1.2, "unattributed": 180 - 93 - 9.9 - 8.7,
    },
    # 600 W and 6 % of it are 636 W, of which the circuits take 560.
    "radio-site": {"ru-1": 270, "bbu-1": 230, "link-1": 60, "plant-1": 76, "upf-1": 204},
}  # fmt: skip
# Of 500 packets/s at the ports, 300 are the camera's and 150 the vehicle's.
SWITCH = {"camera": 30, "vehicle": 15, "unattributed": 5}


def labelled(label: str, rows: Mapping[str, float]) -> dict[str, float]:
    return {f'{label}="{name}"': value for name, value in rows.items()}


def shape(name: str) -> Case:
    """The example of this name, and what must come out."""
    more: dict[tuple[float, str], Mapping[str, float]] = {}
    if name == "private-5g":
        more[6, 'sum by (application) (application_component:power_watts{component="sw-1"})'] = labelled(
            "application", SWITCH
        )
    return Case(
        name,
        read(ROOT / "examples" / f"{name}.yaml"),
        SERIES[name],
        {
            (6, "sum(host:power_watts)"): {"": GUIDES[name]},
            (6, "sum by (component) (component:power_watts)"): labelled("component", COMPONENTS[name]),
            (6, "sum(application_component:power_watts)"): {"": GUIDES[name]},
            (6, "sum(application:power_watts)"): {"": GUIDES[name]},
            (6, "component:unmeasured:info"): {},
            (6, "max(abs(host:conservation_error_watts) or abs(component:conservation_error_watts)) < bool 1e-9"): {
                "": 1
            },
            **more,
        },
    )


def test_every_shape_adds_up_to_its_meters(promtool: Path, tmp_path: Path) -> None:
    """No watt is lost or counted twice, and every component has its figure."""
    run(promtool, tmp_path, [shape(name) for name in GUIDES])


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_shows_its_example_in_full(name: str) -> None:
    """A reader can copy the topology from the page."""
    page = (ROOT / "docs" / "guides" / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert (ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8") in blocks
