# SPDX-License-Identifier: Apache-2.0
"""Components on several hosts, on GPUs and in virtual machines, in promtool, with numbers worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.promtool import Case, grow, meter, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

A = "0000000000000000000000000000000a"
WATTS = "sum by (component, host) (component:power_watts)"
APPLICATION = "sum by (application, component, host) (application_component:power_watts)"
ERROR = "abs(host:conservation_error_watts) > 1e-9 or abs(component:conservation_error_watts) > 1e-9"


def cpu(host: str, busy: float, **workloads: float) -> dict[str, str]:
    """CPU seconds/s of a host and its workloads, as the workload exporter counts them."""
    return {
        f'workload_host_cpu_seconds_total{{instance="{host}",mode="user"}}': grow(busy),
        f'workload_host_cpu_seconds_total{{instance="{host}",mode="idle"}}': grow(100),
        **{
            f'workload_cpu_seconds_total{{instance="{host}",workload="{name}"}}': grow(rate)
            for name, rate in workloads.items()
        },
    }


def activity(host: str, gpu: str, **workloads: float) -> dict[str, str]:
    """Seconds/s of a GPU, as the gpu exporter counts them."""
    return {
        f'gpu_activity_seconds_total{{instance="{host}",gpu="{gpu}",workload="{name}"}}': grow(rate)
        for name, rate in workloads.items()
    }


def requests(model: str, application: str, requests_rate: float, tokens_rate: float) -> dict[str, str]:
    """A model's own counters."""
    labels = f'model_name="{model}",application="{application}"'
    return {
        f"vllm:request_success_total{{{labels}}}": grow(requests_rate),
        f"vllm:generation_tokens_total{{{labels}}}": grow(tokens_rate),
    }


SERVER = """
sites: {s: {}}
hosts:
  srv:
    site: s
    capacity: 16
    static_watts: 200
    power: [{pdu: p, outlets: ["1"]}]
    gpus: {"0": {gpu: srv, static_watts: 50}}
components:
  upf: {role: upf, host: srv, reservation: 4, share: [{workload: upf}], traffic: {ioam: 4}}
  qwen:
    role: model
    host: srv
    reservation: 8
    share: [{workload: vllm_a}, {gpu: "0", workload: vllm_a}]
    requests: vllm
  llava: {role: model, host: srv, share: [{gpu: "0", workload: vllm_b}], requests: vllm}
applications:
  a: {traces: [{ioam_namespace: 123, id: "0000000000000000000000000000000a"}], path: [upf], models: [qwen, llava]}
"""

# The plug has 600 W, the GPU 300 W of it: 50 W idle, 250 W at work. The board has 300 W: 150 W idle, 150 W at work.
# The processor works 8 s/s: upf 2, vllm_a 3. The GPU works 0.6 s/s: vllm_a 0.3, vllm_b 0.2.
#   upf    board 150 * 4/16 + 150 * 2/8 = 75
#   qwen   board 150 * 8/16 + 150 * 3/8 = 131.25; GPU 25 + 250 * 0.3/0.6 = 150
#   llava  GPU 25 + 250 * 0.2/0.6 = 108.333
PLUG, GPU = 600.0, 300.0


def server(text: str = SERVER, plug: float = PLUG) -> tuple[str, dict[str, str]]:
    """The server's topology and series."""
    return text, {
        **outlet("p", "1", plug),
        **meter("gpu", 'instance="srv",gpu="0"', GPU),
        **cpu("srv", 8, upf=2, vllm_a=3),
        **activity("srv", "0", vllm_a=0.3, vllm_b=0.2, other=0.1),
        **trace(A, 4, 500, 250_000),
        **node(4, 1000, 1e6),
        **requests("qwen", "a", 2, 100),
        **requests("llava", "a", 1, 30),
        **requests("llava", "b", 3, 90),
    }


def rows(watts: Mapping[tuple[str, ...], float], *names: str) -> dict[str, float]:
    """Rows of a query by the values of these labels."""
    return {
        ",".join(f'{name}="{value}"' for name, value in zip(names, key, strict=True)): value_watts
        for key, value_watts in watts.items()
    }


def gpu_server() -> Case:
    """Board, GPU and rest add up to the plug; idle watts of the GPU go to those who hold it."""
    text, series = server()
    return Case(
        "gpu-server",
        topology(text),
        series,
        {
            (3, "host:power_watts"): {'host="srv",site="s"': 300, 'host="srv/gpu-0",site="s"': 300},
            (3, "sum(application_component:power_watts)"): {"": PLUG},
            (3, WATTS): rows(
                {
                    ("upf", "srv"): 75,
                    ("qwen", "srv"): 131.25,
                    ("unattributed", "srv"): 93.75,
                    ("qwen", "srv/gpu-0"): 150,
                    ("llava", "srv/gpu-0"): 25 + 250 / 3,
                    ("unattributed", "srv/gpu-0"): 250 / 6,
                },
                "component", "host",
            ),
            # a sends half of upf's packets and a quarter of its bytes, all of qwen's requests, a quarter of llava's.
            (3, 'sum by (component, host) (application_component:power_watts{application="a"})'): rows(
                {
                    ("upf", "srv"): 37.5 / 2 + 37.5 / 4,
                    ("qwen", "srv"): 131.25,
                    ("qwen", "srv/gpu-0"): 150,
                    ("llava", "srv/gpu-0"): 25 / 4 + 250 / 3 / 4,
                },
                "component", "host",
            ),
            (3, ERROR): {},
        },
    )  # fmt: skip


def gpu_outside() -> Case:
    """A GPU with a supply of its own is added to the plug."""
    text, series = server(SERVER.replace("static_watts: 50", "static_watts: 50, in_plug: false"))
    return Case(
        "gpu-outside",
        topology(text),
        series,
        {
            (3, "host:power_watts"): {'host="srv",site="s"': PLUG, 'host="srv/gpu-0",site="s"': GPU},
            (3, 'component:power_watts{component="upf",part="static"}'): {
                'component="upf",host="srv",part="static",segment="network",site="s"': 200 * 4 / 16
            },
            (3, "sum(application_component:power_watts)"): {"": PLUG + GPU},
            (3, ERROR): {},
        },
    )


def gpu_lost() -> Case:
    """A GPU that falls off the bus is a gap of its own and of the board, which cannot be told from the plug alone."""
    text, series = server()
    lost = {
        name: (values.removesuffix("x40") + "x12" if name.startswith("gpu_") else values)
        for name, values in series.items()
    }
    return Case(
        "gpu-lost",
        topology(text),
        lost,
        {
            (3, "host:power_watts"): {'host="srv",site="s"': 300, 'host="srv/gpu-0",site="s"': 300},
            (9, "host:power_watts"): {},
            (9, "application:power_watts"): {},
        },
    )


def fallback_without_gpus() -> Case:
    """The plug is dark. RAPL reads the board alone, so the GPU is not subtracted from it."""
    text = SERVER.replace('outlets: ["1"]}]', 'outlets: ["1"]}]\n    fallback: [{rapl: srv}]')
    text, series = server(text)
    series = {name: values for name, values in series.items() if not name.startswith("pdu_")}
    return Case(
        "fallback-without-gpus",
        topology(text),
        {**series, **meter("rapl_host", 'instance="srv"', 200)},
        {
            (3, "host:power_watts"): {'host="srv",site="s"': 200, 'host="srv/gpu-0",site="s"': GPU},
            (3, "sum(application_component:power_watts)"): {"": 200 + GPU},
            (3, ERROR): {},
        },
    )


SHARED = """
sites: {s: {}}
hosts:
  srv:
    site: s
    static_watts: 200
    power: [{pdu: p, outlets: ["1"]}]
    gpus: {"0": {dcgm: srv, static_watts: 70}}
components:
  small: {role: model, host: srv, share: [{gpu: "0", gpu_instance: "1", reservation: 0.25}], requests: vllm}
  large: {role: model, host: srv, share: [{gpu: "0", gpu_instance: "2", reservation: 0.5}], requests: vllm}
"""


def slices() -> Case:
    """MIG by dcgm-exporter: each slice repeats the energy of the GPU, and its activity is a part of the slice."""
    slice_labels = 'Hostname="srv",gpu="0",GPU_I_ID="{}",GPU_I_PROFILE="{}"'.format
    small, large = slice_labels("1", "1g.10gb"), slice_labels("2", "3g.40gb")
    series = {
        **outlet("p", "1", PLUG),
        **{f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}}": grow(270e3) for labels in (small, large)},
        f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{small}}}": "0.5x40",
        f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{large}}}": "0.5x40",
    }
    # 270 W: 70 W idle, 200 W at work, of which small did 1 * 0.5 and large 3 * 0.5.
    return Case(
        "slices",
        topology(SHARED),
        series,
        {
            (4, "host:power_watts"): {'host="srv",site="s"': 330, 'host="srv/gpu-0",site="s"': 270},
            (4, WATTS): rows(
                {
                    ("unattributed", "srv"): 330,
                    ("small", "srv/gpu-0"): 70 * 0.25 + 50,
                    ("large", "srv/gpu-0"): 70 * 0.5 + 150,
                    ("unattributed", "srv/gpu-0"): 70 * 0.25,
                },
                "component", "host",
            ),
            (4, ERROR): {},
        },
    )  # fmt: skip


TENSOR_PARALLEL = """
sites: {s: {}, t: {}}
hosts:
  g1: {site: s, power: [{pdu: p, outlets: ["1"]}], gpus: {"0": {gpu: g1}, "1": {gpu: g1}}}
  g2: {site: t, power: [{pdu: p, outlets: ["2"]}], gpus: {"0": {gpu: g2}}}
components:
  big: {role: model, hosts: [g1, g2], requests: vllm}
applications:
  a: {models: [big]}
"""


def several_gpus() -> Case:
    """A model that has two hosts and all of their GPUs: one model, five boxes, one application."""
    series = {
        **outlet("p", "1", 500),
        **outlet("p", "2", 250),
        **meter("gpu", 'instance="g1",gpu="0"', 150),
        **meter("gpu", 'instance="g1",gpu="1"', 160),
        **meter("gpu", 'instance="g2",gpu="0"', 120),
        **requests("big", "a", 1, 30),
        **requests("big", "b", 3, 30),
    }
    return Case(
        "several-gpus",
        topology(TENSOR_PARALLEL),
        series,
        {
            (3, WATTS): rows(
                {
                    ("big", "g1"): 190, ("big", "g1/gpu-0"): 150, ("big", "g1/gpu-1"): 160,
                    ("big", "g2"): 130, ("big", "g2/gpu-0"): 120,
                },
                "component", "host",
            ),
            (3, 'application:power_watts{application="a"}'): {'application="a",segment="model"': 375},
            (3, "application:complete:info"): {'application="a"': 1, 'application="unattributed"': 1},
            (3, ERROR): {},
        },
    )  # fmt: skip


MOVING = """
sites: {s: {}}
hosts:
  e1: {site: s, pool: edge, capacity: 8, static_watts: 40, power: [{pdu: p, outlets: ["1"]}]}
  e2: {site: s, pool: edge, capacity: 8, static_watts: 60, power: [{pdu: p, outlets: ["2"]}]}
  other: {site: s, power: [{pdu: p, outlets: ["3"]}]}
components:
  upf: {role: upf, pool: edge, reservation: 2, share: [{kepler_pod: "core/upf-.*"}], traffic: {ioam: 4}}
applications:
  a: {traces: [{ioam_namespace: 123, id: "0000000000000000000000000000000a"}], path: [upf]}
"""


def moved() -> Case:
    """A pod that runs on e1 until 5:00 and on e2 from then on: each host's watts where it works, 0 W elsewhere."""
    pod = 'kepler_pod_cpu_joules_total{{pod_namespace="core",pod_name="upf-{}",node_name="{}",zone="package"}}'.format
    whole = 'kepler_node_cpu_active_joules_total{{node_name="{}",zone="package"}}'.format
    series = {
        **outlet("p", "1", 100),
        **outlet("p", "2", 200),
        **outlet("p", "3", 10),
        whole("e1"): grow(40),
        whole("e2"): grow(40),
        pod("x", "e1"): "0+150x20 stale",
        pod("y", "e2"): "_x20 0+150x20",
        **trace(A, 4, 500, 250_000),
        **node(4, 1000, 1e6),
    }
    # On e1 40 * 2/8 + 60 * 10/40 = 25 W, on e2 60 * 2/8 + 140 * 10/40 = 50 W.
    return Case(
        "moved",
        topology(MOVING),
        series,
        {
            (4, WATTS): rows(
                {
                    ("upf", "e1"): 25, ("unattributed", "e1"): 75,
                    ("upf", "e2"): 0, ("unattributed", "e2"): 200,
                    ("unattributed", "other"): 10,
                },
                "component", "host",
            ),
            # A half of the packets pay for static, a quarter of the bytes for dynamic watts.
            (4, 'application:power_watts{application="a"}'): {'application="a",segment="network"': 5 + 15 / 4},
            (9, WATTS): rows(
                {
                    ("upf", "e1"): 0, ("unattributed", "e1"): 100,
                    ("upf", "e2"): 50, ("unattributed", "e2"): 150,
                    ("unattributed", "other"): 10,
                },
                "component", "host",
            ),
            (9, 'application:power_watts{application="a"}'): {'application="a",segment="network"': 15 / 2 + 35 / 4},
            # Never a gap on the way.
            (9, 'count_over_time(application:complete:info{application="a"}[6m])'): {'application="a"': 25},
            (9, f"max_over_time(({ERROR})[6m:15s])"): {},
        },
    )  # fmt: skip


SCALED = MOVING.replace("upf: {role: upf, pool: edge", "upf: {role: upf, hosts: [e1]")


def scaled_to_zero() -> Case:
    """A component without any pod has 0 W while Kepler is read, and is a gap without Kepler."""
    whole = 'kepler_node_cpu_active_joules_total{node_name="e1",zone="package"}'
    series = {
        **outlet("p", "1", 100),
        **outlet("p", "2", 200),
        **outlet("p", "3", 10),
        whole: "0+600x20",
        **trace(A, 4, 500, 250_000),
        **node(4, 1000, 1e6),
    }
    return Case(
        "scaled-to-zero",
        topology(SCALED),
        series,
        {
            (4, 'sum by (component, host) (component:power_watts{component="upf"})'): rows(
                {("upf", "e1"): 0}, "component", "host"
            ),
            (4, 'application:power_watts{application="a"}'): {'application="a",segment="network"': 0},
            (9, 'application:power_watts{application="a"}'): {},
            (9, "component:unmeasured:info"): {'component="upf",host="e1"': 1},
        },
    )


VIRTUAL = """
sites: {s: {}}
hosts:
  hv: {site: s, capacity: 32, static_watts: 160, power: [{pdu: p, outlets: ["1"]}]}
vms:
  vm-1: {host: hv, reservation: 8, capacity: 4, share: [{workload: machine_vm_1}]}
  vm-2: {host: hv, reservation: 4, share: [{workload: machine_vm_2}]}
components:
  upf: {role: upf, host: vm-1, reservation: 1, share: [{workload: upf}], traffic: {ioam: 4}}
  cu: {role: cu, host: vm-1, reservation: 2, share: [{workload: cu}], traffic: {ioam: 5}}
  amf: {role: core-control, host: vm-2, supports: [upf]}
"""


def virtual() -> Case:
    """The watts of a virtual machine are divided by the guest's own CPU time."""
    series = {
        **outlet("p", "1", 400),
        **cpu("hv", 10, machine_vm_1=5, machine_vm_2=1),
        **cpu("vm-1", 4, upf=2, cu=1),
    }
    # hv: 160 W idle, 240 W at work, 10 s/s. vm-1 works 5 s/s there, of which upf 2/4 and cu 1/4; it holds 8 of 32.
    return Case(
        "virtual",
        topology(VIRTUAL),
        series,
        {
            (3, WATTS): rows(
                {
                    ("upf", "hv"): 160 * 8 / 32 / 4 + 240 * 5 / 10 / 2,
                    ("cu", "hv"): 160 * 8 / 32 / 2 + 240 * 5 / 10 / 4,
                    ("amf", "hv"): 160 * 4 / 32 + 240 * 1 / 10,
                    ("unattributed", "hv"): 400 - (10 + 60) - (20 + 30) - (20 + 24),
                },
                "component", "host",
            ),
            (3, ERROR): {},
        },
    )  # fmt: skip


OLD_KEPLER = """
sites: {s: {}}
hosts:
  e1: {site: s, capacity: 8, static_watts: 40, power: [{pdu: p, outlets: ["1"]}], kepler: {dialect: "0.9"}}
components:
  upf: {role: upf, host: e1, reservation: 2, share: [{kepler_pod: "core/upf-.*"}], traffic: {ioam: 4}}
  du: {role: du, host: e1, reservation: 2, share: [{kepler_process: "du"}], traffic: {ioam: 5}}
"""


def kepler_0_9() -> Case:
    """Kepler up to 0.9: a metric for each zone, the dynamic mode alone, pods by the labels of their containers."""
    container = 'container_namespace="core",pod_name="upf-0",container_name="{}",instance="e1",mode="{}"'.format
    series = {
        **outlet("p", "1", 100),
        f"kepler_container_package_joules_total{{{container('upf', 'dynamic')}}}": grow(6),
        f"kepler_container_package_joules_total{{{container('log', 'dynamic')}}}": grow(1),
        f"kepler_container_package_joules_total{{{container('upf', 'idle')}}}": grow(500),
        f"kepler_container_dram_joules_total{{{container('upf', 'dynamic')}}}": grow(3),
        f"kepler_container_joules_total{{{container('upf', 'dynamic')}}}": grow(500),
        'kepler_process_package_joules_total{command="du",pid="7",instance="e1",mode="dynamic"}': grow(20),
        'kepler_node_package_joules_total{package="0",instance="e1",mode="dynamic"}': grow(30),
        'kepler_node_package_joules_total{package="1",instance="e1",mode="dynamic"}': grow(5),
        'kepler_node_dram_joules_total{package="0",instance="e1",mode="dynamic"}': grow(5),
        'kepler_node_package_joules_total{package="0",instance="e1",mode="idle"}': grow(400),
    }
    return Case(
        "kepler-0-9",
        topology(OLD_KEPLER),
        series,
        {
            (3, WATTS): rows(
                {
                    ("upf", "e1"): 40 * 2 / 8 + 60 * 10 / 40,
                    ("du", "e1"): 40 * 2 / 8 + 60 * 20 / 40,
                    ("unattributed", "e1"): 20 + 15,
                },
                "component", "host",
            ),
        },
    )  # fmt: skip


CASES = [
    gpu_server(), gpu_outside(), gpu_lost(), slices(), several_gpus(), moved(), scaled_to_zero(), virtual(),
    kepler_0_9(), fallback_without_gpus(),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_watts_are_those_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
