# SPDX-License-Identifier: Apache-2.0
"""Hosts, GPUs and virtual machines where two things meet: crowded hosts, tiers that do not read GPUs, busy guests."""

from pathlib import Path

import pytest

from tests.rules.promtool import Case, meter, outlet, run, topology
from tests.rules.test_placements import ERROR, WATTS, activity, cpu, rows

pytestmark = pytest.mark.unit

CROWDED = """
sites: {s: {}}
hosts:
  e1: {site: s, pool: edge, capacity: 8, static_watts: 40, power: [{pdu: p, outlets: ["1"]}]}
  e2: {site: s, pool: edge, capacity: 8, static_watts: 40, power: [{pdu: p, outlets: ["2"]}]}
components:
  a: {role: upf, pool: edge, reservation: 6, share: [{workload: a}], traffic: {ioam: 4}}
  b: {role: cu, pool: edge, reservation: 6, share: [{workload: b}], traffic: {ioam: 5}}
  c: {role: du, host: e1, reservation: 4, share: [{workload: c}], traffic: {ioam: 6}}
"""


def crowded() -> Case:
    """More is reserved on e1 than it has, 16 of 8: each holds its part of what is reserved, not more than all."""
    series = {
        **outlet("p", "1", 140),
        **outlet("p", "2", 90),
        **cpu("e1", 10, a=2, b=3, c=4),
        **cpu("e2", 10, a=5, b=0, c=0),
    }
    return Case(
        "crowded",
        topology(CROWDED),
        series,
        {
            (3, WATTS): rows(
                {
                    ("a", "e1"): 40 * 6 / 16 + 100 * 0.2,
                    ("b", "e1"): 40 * 6 / 16 + 100 * 0.3,
                    ("c", "e1"): 40 * 4 / 16 + 100 * 0.4,
                    ("unattributed", "e1"): 10,
                    ("a", "e2"): 40 * 6 / 8 + 50 * 0.5,
                    ("b", "e2"): 0,
                    ("unattributed", "e2"): 10 + 25,
                },
                "component", "host",
            ),
            (3, ERROR): {},
        },
    )  # fmt: skip


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


HELD = """
sites: {s: {}}
hosts:
  srv: {site: s, power: [{pdu: p, outlets: ["1"]}], gpus: {"0": {gpu: srv, static_watts: 80}}}
components:
  a: {role: model, host: srv, share: [{gpu: "0", workload: a, reservation: 0.5}], requests: vllm}
  b: {role: model, host: srv, share: [{gpu: "0", workload: b}], requests: vllm}
  c: {role: model, host: srv, share: [{gpu: "0", workload: c}], requests: vllm}
"""


def held() -> Case:
    """Models without a reservation of the GPU hold equal parts of what is left of it."""
    series = {
        **outlet("p", "1", 300),
        **meter("gpu", 'instance="srv",gpu="0"', 180),
        **activity("srv", "0", a=0.1, b=0.3, c=0.1, other=0),
    }
    return Case(
        "held",
        topology(HELD),
        series,
        {
            (3, WATTS): rows(
                {
                    ("unattributed", "srv"): 120,
                    ("a", "srv/gpu-0"): 40 + 20,
                    ("b", "srv/gpu-0"): 20 + 60,
                    ("c", "srv/gpu-0"): 20 + 20,
                    ("unattributed", "srv/gpu-0"): 0,
                },
                "component", "host",
            ),
            (3, ERROR): {},
        },
    )  # fmt: skip


CASES = [
    crowded(),
    tiers("plug", outlet("p", "1", 400), 300, 150),
    tiers("bmc", meter("bmc_chassis", 'instance="srv",chassis="1"', 380), 280, 130),
    tiers("rapl", meter("rapl_host", 'instance="srv"', 90), 90, 30),
    rapl(),
    held(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_watts_are_those_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
