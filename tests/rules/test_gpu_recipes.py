# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of exporters in docs/guides/gpu.md in promtool, against series as that exporter shows them.

A plug of 500 W, of which the GPU draws 300 W; idle both draw 200 W, and the GPU 60 W of that. `llm` has all of the
GPU, or three quarters of its 240 W of activity.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, meter, run, topology

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "guides" / "gpu.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<exporter>[^|]+) \| `(?P<entry>\{[^|]+\})` \| `(?P<share>\{[^|]+?\})`[^|`]*\|$", re.MULTILINE)
ROWS = {row["exporter"]: row for row in ROW.finditer(PAGE)}

DCGM = 'gpu="{}",UUID="GPU-{}",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu-1"'
SLICE = 'Hostname="gpu-1",gpu="0",GPU_I_ID="{}",GPU_I_PROFILE="{}"'
KEPLER = 'node_name="gpu-1",gpu="0",gpu_uuid="GPU-0",gpu_name="A100",vendor="nvidia"'
POD = 'node_name="gpu-1",pod_id="{}",pod_name="{}",pod_namespace="ai",state="running"'
AMD = 'hostname="gpu-1",gpu_id="{}",serial_number="SN-{}",gpu_partition_id="0",card_model="AMD Instinct MI300X"'
BOARD = 'instance="gpu-1",chassis="HGX",subsystem="HGX_Baseboard_0",component="HGX_GPU_SXM_{}"'
CARD = 'instance="gpu-1",chassis="1",subsystem="GPU_{}"'

SERIES: dict[str, tuple[Mapping[str, str], float]] = {
    "`joulepath gpu`": (
        {
            **meter("gpu", 'instance="gpu-1",gpu="0"', 300),
            **meter("gpu", 'instance="gpu-1",gpu="1"', 77),
            'gpu_activity_seconds_total{instance="gpu-1",gpu="0",workload="vllm"}': grow(0.6),
            'gpu_activity_seconds_total{instance="gpu-1",gpu="0",workload="other"}': grow(0.2),
            'gpu_activity_measured_seconds_total{instance="gpu-1",gpu="0"}': grow(1),
        },
        0.75,
    ),
    "dcgm-exporter (NVIDIA): a counter in mJ": (
        {
            f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{DCGM.format(0, 0)}}}": grow(300_000),
            f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{DCGM.format(1, 1)}}}": grow(77_000),
        },
        1,
    ),
    "dcgm-exporter with MIG: slices by `DCGM_FI_PROF_GR_ENGINE_ACTIVE`": (
        {
            # Each slice repeats the energy of the whole GPU. Half of three slices, and half of one.
            **{
                f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{SLICE.format(*each)}}}": grow(300_000)
                for each in (("1", "3g.20gb"), ("2", "1g.5gb"))
            },
            f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{SLICE.format('1', '3g.20gb')}}}": "0.5x40",
            f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{SLICE.format('2', '1g.5gb')}}}": "0.5x40",
        },
        0.75,
    ),
    "Kepler (NVIDIA), a host with one GPU": (
        {
            f"kepler_node_gpu_joules_total{{{KEPLER}}}": grow(300),
            f"kepler_node_gpu_active_joules_total{{{KEPLER}}}": grow(200),
            f"kepler_node_gpu_idle_joules_total{{{KEPLER}}}": grow(100),
            f"kepler_pod_gpu_joules_total{{{POD.format(1, 'vllm-0')}}}": grow(150),
            f"kepler_pod_gpu_joules_total{{{POD.format(2, 'llava-0')}}}": grow(50),
        },
        0.75,
    ),
    "device-metrics-exporter (AMD): a counter in uJ": (
        {
            f"gpu_energy_consumed{{{AMD.format(0, 0)}}}": grow(300e6),
            f"gpu_energy_consumed{{{AMD.format(1, 1)}}}": grow(77e6),
            f"gpu_package_power{{{AMD.format(0, 0)}}}": "311x40",
        },
        1,
    ),
    "[`joulepath bmc`](bmc.md), GPUs of a baseboard by Redfish": (
        {**meter("bmc_component", BOARD.format(1), 300), **meter("bmc_component", BOARD.format(2), 77)},
        1,
    ),
    "`joulepath bmc`, one accelerator of a chassis": (
        {**meter("bmc_subsystem", CARD.format(1), 300), **meter("bmc_subsystem", CARD.format(2), 77)},
        1,
    ),
}
HELD = {"dcgm-exporter with MIG: slices by `DCGM_FI_PROF_GR_ENGINE_ACTIVE`": 0.25}
"""The part of the GPU that is reserved; else all of it."""


def test_every_row_of_the_table_has_its_series() -> None:
    assert ROWS.keys() == SERIES.keys()


@pytest.mark.parametrize("exporter", SERIES)
def test_the_gpu_of_an_exporter_is_part_of_the_plug(promtool: Path, tmp_path: Path, exporter: str) -> None:
    row = ROWS[exporter]
    entry = row["entry"].removesuffix("}") + ", static_watts: 60}"
    plant = f"""
sites: {{edge: {{grams_per_kwh: 380}}}}
hosts:
  gpu-1:
    site: edge
    static_watts: 200
    power: [{{pdu: p, outlets: ["1"]}}]
    gpus: {{"0": {entry}}}
components:
  llm: {{role: model, host: gpu-1, share: [{row["share"]}], requests: vllm}}
applications: {{}}
"""
    series, part = SERIES[exporter]
    plug = meter("pdu_outlet", 'instance="p",outlet="1"', 500)
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (8, "host:power_watts"): {'host="gpu-1",site="edge"': 200, 'host="gpu-1/gpu-0",site="edge"': 300},
        (8, 'sum by (component) (component:power_watts{component="llm"})'): {
            'component="llm"': 60 * HELD.get(exporter, 1) + 240 * part
        },
        (8, "sum(component:power_watts)"): {"": 500},
    }
    run(promtool, tmp_path, [Case("gpu", topology(plant), {**plug, **series}, expect)])
