# SPDX-License-Identifier: Apache-2.0
"""Idle watts of hosts with GPUs, as each tier reads them, in promtool, with numbers worked out by hand."""

from pathlib import Path

import pytest

from tests.rules.promtool import Case, meter, outlet, run, topology
from tests.rules.test_placements import rows

pytestmark = pytest.mark.unit

TIERS = """
sites: {s: {}}
hosts:
  srv:
    site: s
    static_watts: 210
    power: [{pdu: p, outlets: ["1"]}]
    fallback: [{bmc: srv, static_watts: 190}, {rapl: srv, static_watts: 30}]
    gpus: {"0": {gpu: srv, static_watts: 60}}
components:
  m: {role: model, host: srv, share: [{gpu: "0"}], requests: vllm}
"""
PARTS = "sum by (host, part) (host:power_part_watts)"


def tiers(name: str, series: dict[str, str], total: float, static: float) -> Case:
    """Idle watts of the board, as each tier reads it: without those of the GPU, if the tier reads the GPU."""
    return Case(
        f"tier-{name}",
        topology(TIERS),
        {**series, **meter("gpu", 'instance="srv",gpu="0"', 100)},
        {
            (3, PARTS): rows(
                {
                    ("srv", "static"): static,
                    ("srv", "dynamic"): total - static,
                    ("srv/gpu-0", "static"): 60,
                    ("srv/gpu-0", "dynamic"): 40,
                },
                "host", "part",
            ),
        },
    )  # fmt: skip


RAPL = """
sites: {s: {}}
hosts:
  srv:
    site: s
    static_watts: 40
    power: [{rapl: srv}]
    gpus: {"0": {gpu: srv, static_watts: 60}}
components:
  m: {role: model, host: srv, share: [{gpu: "0"}], requests: vllm}
"""


def rapl() -> Case:
    """RAPL does not read the GPU, so the idle watts of the GPU are not a part of the host's."""
    series = {**meter("rapl_host", 'instance="srv"', 90), **meter("gpu", 'instance="srv",gpu="0"', 100)}
    return Case(
        "rapl",
        topology(RAPL),
        series,
        {
            (3, PARTS): rows(
                {
                    ("srv", "static"): 40, ("srv", "dynamic"): 50,
                    ("srv/gpu-0", "static"): 60, ("srv/gpu-0", "dynamic"): 40,
                },
                "host", "part",
            ),
        },
    )  # fmt: skip


CASES = [
    tiers("plug", outlet("p", "1", 400), 300, 150),
    tiers("bmc", meter("bmc_chassis", 'instance="srv",chassis="1"', 380), 280, 130),
    tiers("rapl", meter("rapl_host", 'instance="srv"', 90), 90, 30),
    rapl(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_watts_are_those_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
