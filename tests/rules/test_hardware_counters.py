# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/guides/workload.md for hardware counters in promtool, against the series of their exporters.

A host of 200 W, 80 W of them idle, of which du ran a quarter of all instructions: 20 % of the idle watts by its
reservation, and a quarter of 120 W.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, meter, run, topology

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "guides" / "workload.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^<!-- perf: (.*?) -->\n```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
REST = """
applications: {}
sites: {edge: {grams_per_kwh: 380}}
"""

# node_exporter's collector/perf_linux.go and CEEMS' pkg/collector/perf.go have these names and labels.
SERIES = {
    "joulepath workload": """
workload_instructions_total{instance="edge-1",workload="du"} 25
workload_instructions_total{instance="edge-1",workload="cu"} 15
workload_instructions_total{instance="edge-1",workload="other"} 60
workload_instructions_total{instance="edge-2",workload="du"} 900
workload_cpu_cycles_total{instance="edge-1",workload="du"} 900
""",
    "node_exporter and CEEMS": """
node_perf_instructions_total{instance="edge-1",cpu="0"} 70
node_perf_instructions_total{instance="edge-1",cpu="1"} 30
node_perf_instructions_total{instance="edge-2",cpu="0"} 900
node_perf_cpucycles_total{instance="edge-1",cpu="0"} 900
ceems_perf_instructions_total{manager="k8s",hostname="edge-1",uuid="UUID"} 25
ceems_perf_instructions_total{manager="k8s",hostname="edge-1",uuid="another"} 15
ceems_perf_cpucycles_total{manager="k8s",hostname="edge-1",uuid="UUID"} 900
""",
}


def test_every_recipe_has_its_series() -> None:
    assert RECIPES.keys() == SERIES.keys()


@pytest.mark.parametrize("name", SERIES)
def test_instructions_divide_the_watts_of_a_host(promtool: Path, tmp_path: Path, name: str) -> None:
    plant = (
        RECIPES[name]
        .replace("    power:", "    site: edge\n    static_watts: 80\n    capacity: 10\n    power:")
        .replace("host: edge-1,", "host: edge-1, reservation: 2,")
    )
    series = {key: grow(float(rate)) for key, rate in re.findall(r"^(\S+\{.*\}) (\d+)$", SERIES[name], re.MULTILINE)}
    assert len(series) == len(SERIES[name].split("\n")) - 2
    query = 'sum by (component) (component:power_watts{component="du"})'
    expect: dict[tuple[float, str], Mapping[str, float]] = {(8, query): {'component="du"': 0.2 * 80 + 120 / 4}}
    power = meter("bmc_chassis", 'instance="edge-1",chassis="1"', 200)
    run(promtool, tmp_path, [Case(name, topology(plant + REST), {**power, **series}, expect)])
