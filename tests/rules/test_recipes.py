# SPDX-License-Identifier: Apache-2.0
"""Every PromQL query of the documentation gives rows, on the factory with its two hosts, sites and applications."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import Case, grow, meter, run, topology

pytestmark = pytest.mark.unit

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```promql\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([a-z_]+\([^`$]*_total\b[^`]*\[\w+\][^`]*)`")

PRICE = "price: {currency: EUR, per_kwh: 0.2}"
SUPPLY = "supply: [{share: 0.2, grams_per_kwh: 40, market: location}, {grams_per_kwh: 380, market: location}]"
EMBODIED = "embodied: {kilograms: 1200, years: 4}"

# A third host, which nothing reads, with an application of its own; and what the other two hosts took to build.
DARK = (
    ("components:", '  dark-1: {site: edge, power: [{pdu: pdu-9, outlets: ["1"]}]}\ncomponents:'),
    ("{grams_per_kwh: 380, market: location}", f"{{{PRICE}, {SUPPLY}}}"),
    ("static_watts: 70,", f"static_watts: 70, {EMBODIED},"),
    ("static_watts: 140,", f"static_watts: 140, {EMBODIED},"),
    ("overhead: 1.5", f"overhead: 1.5, {PRICE}"),
    ("applications:", "  dark-1: {role: router, traffic: {ioam: 9}}\napplications:"),
    ("  b: {", '  c: {traces: [{ioam_namespace: 123, id: "0c"}], path: [dark-1]}\n  b: {'),
)

OTHERS = {
    **meter("bmc_chassis", 'instance="edge-1",chassis="1"', 300),
    **meter("bmc_component", 'instance="edge-1",chassis="1",subsystem="1",component="GPU_1"', 100),
    **meter("gpu", 'instance="gpu-1",gpu="0"', 300),
    'gpu_info{instance="gpu-1",gpu="0",uuid="GPU-1",name="A100",vendor="nvidia"}': "1x40",
    'pdu_outlet_power_watts{instance="pdu-1",outlet="3"}': "100x40",
    'pdu_readings_rejected_total{instance="pdu-1",reason="beyond_limit"}': grow(0.01),
    'kepler_node_cpu_joules_total{node_name="edge-1",zone="package"}': grow(80),
    'process_cpu_seconds_total{job="pdu",instance="pdu-1"}': grow(0.01),
    'joulepath_rules_constants{topology="joulepath",generation="1",state="previous"}': "1x40",
}
"""The series that pages read besides those of the factory."""


def recipes() -> Iterator[str]:
    """The queries of all ```promql blocks, with an empty line between two of one block, and those within the text that
    read a counter."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.findall(text):
            yield from block.strip().split("\n\n")
        yield from INLINE.findall(BLOCK.sub("", text))


def test_recipes_give_rows(promtool: Path, tmp_path: Path) -> None:
    """Ten minutes after the second hour, with all series that the factory has."""
    steps = 130
    series = {}
    for name, text in {**factory.everything(), **OTHERS}.items():
        step = 4 * float(text.removeprefix("0+").removesuffix("x40")) if text.startswith("0+") else 0.0
        series[name] = f"0+{step!r}x{steps}" if step else text.replace("x40", f"x{steps}")
    queries = list(recipes())
    assert len(queries) >= 19
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (130, f"count(\n{query}\n) > bool 0"): {"": 1} for query in queries
    }
    plant = factory.TOPOLOGY
    for old, new in DARK:
        plant = plant.replace(old, new)
    spaced = topology("interval: 1m\nwindow: 4m" + plant)
    run(promtool, tmp_path, [Case("recipes", spaced, series, expect, step=60)])
