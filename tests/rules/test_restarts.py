# SPDX-License-Identifier: Apache-2.0
"""Exporters that restart, and counters that jump: right watts or a gap, and never watts that were not drawn.

A plug of 500 W, of which the GPU draws 300 W; idle both draw 200 W, and the GPU 60 W of that. The GPU's other 240 W
are at work, three quarters of them for `llm`; the board's 60 W at work are cu's to three fifths. Each case is looked at
every 15 s from minute 4 on. Something happens at 5 min 30 s, and 2 min later all is as before.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.rules.promtool import STEP, Case, grow, run, topology

pytestmark = pytest.mark.unit

BEFORE, DOWN, AFTER = 22, 3, 20
"""Scrapes before the restart, at 5 min 30 s, scrapes that fail, and scrapes after it."""
GONE = f"stale _x{DOWN - 1}"
"""The values of failed scrapes."""

HOSTS = """
sites: {{edge: {{grams_per_kwh: 380}}}}
hosts:
  srv:
    site: edge
    static_watts: 200
    power: [{{pdu: p, outlets: ["1"]}}]
    gpus: {{"0": {gpu}}}
components:
  cu: {{role: cu, host: srv, share: [{cu}], traffic: {{ioam: 3}}}}
  llm: {{role: model, host: srv, share: [{llm}], requests: vllm}}
applications: {{}}
"""
PLUG = {
    'pdu_outlet_energy_joules_total{instance="p",outlet="1"}': 500,
    'pdu_outlet_measured_seconds_total{instance="p",outlet="1"}': 1,
}
KEPLER_GPU = '{joules: \'kepler_node_gpu_joules_total{node_name="srv",gpu="0"}\', static_watts: 60}'
OWN_GPU = "{gpu: srv, static_watts: 60}"
DCGM_GPU = "{dcgm: srv, static_watts: 60}"
NODE, POD = (
    'node_name="srv",zone="package"',
    'node_name="srv",zone="package",pod_namespace="{}",pod_name="{}",state="running"',
)
SLICES = (("1", "3g.20gb"), ("2", "1g.5gb"))


def steady(rate: float) -> str:
    """A counter to which nothing happens."""
    return grow(rate, BEFORE + DOWN + AFTER)


def restarted(rate: float) -> str:
    """A counter that begins at 0 again."""
    step = rate * STEP
    return f"0+{step!r}x{BEFORE - 1} {GONE} 0+{step!r}x{AFTER}"


def resumed(rate: float) -> str:
    """A counter of the device, which goes on while its exporter restarts."""
    step = rate * STEP
    return f"0+{step!r}x{BEFORE - 1} {GONE} {(BEFORE + DOWN) * step!r}+{step!r}x{AFTER}"


def lost(rate: float) -> str:
    """A counter that ends."""
    return f"0+{rate * STEP!r}x{BEFORE - 1} stale"


Count = Callable[[float], str]


def kepler(count: Count) -> Mapping[str, str]:
    gpu = 'node_name="srv",gpu="0",gpu_uuid="GPU-0"'
    on_gpu = 'node_name="srv",pod_namespace="ai",pod_name="{}",state="running"'.format
    return {
        f"kepler_node_cpu_active_joules_total{{{NODE}}}": count(50),
        f"kepler_pod_cpu_joules_total{{{POD.format('ran', 'cu-0')}}}": count(30),
        f"kepler_pod_cpu_joules_total{{{POD.format('ai', 'another')}}}": count(20),
        f"kepler_node_gpu_joules_total{{{gpu}}}": count(300),
        f"kepler_node_gpu_active_joules_total{{{gpu}}}": count(200),
        f"kepler_pod_gpu_joules_total{{{on_gpu('vllm-0')}}}": count(150),
        f"kepler_pod_gpu_joules_total{{{on_gpu('another')}}}": count(50),
    }


def workloads(count: Count) -> Mapping[str, str]:
    return {
        'workload_cpu_seconds_total{instance="srv",workload="cu"}': count(3),
        'workload_cpu_seconds_total{instance="srv",workload="other"}': count(2),
        'workload_host_cpu_seconds_total{instance="srv",mode="user"}': count(5),
        'workload_measured_seconds_total{instance="srv"}': count(1),
    }


def gpu(count: Count) -> Mapping[str, str]:
    return {
        'gpu_energy_joules_total{instance="srv",gpu="0"}': count(300),
        'gpu_measured_seconds_total{instance="srv",gpu="0"}': count(1),
        'gpu_activity_seconds_total{instance="srv",gpu="0",workload="vllm"}': count(0.6),
        'gpu_activity_seconds_total{instance="srv",gpu="0",workload="other"}': count(0.2),
        'gpu_activity_measured_seconds_total{instance="srv",gpu="0"}': count(1),
    }


def dcgm(count: Count, label: str = "Hostname") -> Mapping[str, str]:
    slices = [f'{label}="srv",gpu="0",GPU_I_ID="{number}",GPU_I_PROFILE="{profile}"' for number, profile in SLICES]
    active: dict[Count, str] = {restarted: f"0.5x{BEFORE - 1} {GONE} 0.5x{AFTER}", lost: f"0.5x{BEFORE - 1} stale"}
    active[resumed] = active[restarted]
    return {
        **{f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}}": count(300_000) for labels in slices},
        **{f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{labels}}}": active.get(count, active[resumed]) for labels in slices},
    }


def upgraded() -> Mapping[str, str]:
    """dcgm-exporter comes back with its other label."""
    late = {
        name.replace("Hostname", "hostname"): f"_x{BEFORE + DOWN} " + values.partition(f"{GONE} ")[2]
        for name, values in dcgm(resumed).items()
    }
    return {**dcgm(lost), **late}


BY_KEPLER = HOSTS.format(gpu=KEPLER_GPU, cu='{kepler_pod: "ran/cu-.*"}', llm='{gpu: "0", kepler_pod: "ai/vllm-.*"}')
OURS = HOSTS.format(gpu=OWN_GPU, cu="{workload: cu}", llm='{gpu: "0", workload: vllm}')
BY_DCGM = HOSTS.format(gpu=DCGM_GPU, cu="{workload: cu}", llm='{gpu: "0", gpu_instance: "1", reservation: 1}')

CASES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "kepler": (BY_KEPLER, kepler(restarted)),
    "workload": (OURS, {**workloads(restarted), **gpu(steady)}),
    "gpu": (OURS, {**workloads(steady), **gpu(restarted)}),
    "dcgm": (BY_DCGM, {**workloads(steady), **dcgm(resumed)}),
    "driver": (BY_DCGM, {**workloads(steady), **dcgm(restarted)}),
    "upgrade": (BY_DCGM, {**workloads(steady), **upgraded()}),
}
TRUE = {'sum(component:power_watts{component="cu"})': 36, 'sum(component:power_watts{component="llm"})': 240}


@pytest.mark.parametrize("name", CASES)
def test_an_exporter_that_restarts_gives_right_watts_or_a_gap(promtool: Path, tmp_path: Path, name: str) -> None:
    plant, series = CASES[name]
    plug = {name: steady(rate) for name, rate in PLUG.items()}
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    for number in range(4 * 4, 4 * 10 + 1):
        for query, watts in TRUE.items():
            expect[number / 4, f"count(abs({query} - {watts}) > 1) or vector(0)"] = {"": 0}
        expect[number / 4, "count(abs(sum(component:power_watts) - 500) > 1) or vector(0)"] = {"": 0}
    for minute in (5, 10):
        expect.update({(minute, query): {"": watts} for query, watts in TRUE.items()})
        expect[minute, "sum(component:power_watts)"] = {"": 500}
    run(promtool, tmp_path, [Case(name, topology(plant), {**plug, **series}, expect)])
