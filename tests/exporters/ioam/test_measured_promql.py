# SPDX-License-Identifier: Apache-2.0
"""The queries of docs/guides/ioam.md in promtool: the true rate or nothing, whatever scrapes and captures do."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

NODE, TRACE = re.findall(
    r"```promql\n(.*?)```", (ROOT / "docs" / "guides" / "ioam.md").read_text(encoding="utf-8"), re.DOTALL
)
STEP = 15
PACKETS, OCTETS = 100, 1000  # a second: of the node, and of its trace
SHAPES = {
    "steady": "0+{0}x40",
    "late": "_x11 0+{0}x28",  # from 3:00 on
    "gaps": "0+{0}x13 _x2 {3}+{0}x3 _x2 {4}+{0}x18",  # 3:30 and 3:45, then 5:00 and 5:15
    "again": "0+{0}x16 _x2 0+{0}x20",  # ends at 4:00, begins again at 4:45
    "stops": "0+{0}x16 {1}+0x12 {1}+{0}x10",  # not captured from 4:00 to 7:15
    "ends": "0+{0}x16",
}
HAS_VALUE = {
    "steady": (3, 5, 9),
    "late": (4.5, 5, 9),
    "gaps": (4, 5.5, 9),
    "again": (4.5, 5.5, 6, 9),
    "stops": (4, 4.75, 9, 9.5),
    "ends": (4, 4.75),
}
HAS_NONE = {"late": (3, 3.5), "stops": (5.5, 6, 7), "ends": (6, 7)}


def series(labels: str, shape: str, rate: float) -> dict[str, str]:
    """A counter of `rate` a second that has this shape."""
    step = rate * STEP
    values = SHAPES[shape].format(*(f"{number:g}" for number in (step, 16 * step, 0, 16 * step, 22 * step)))
    return {"series": labels, "values": values}


def test_the_documented_queries_give_rates_or_gaps(promtool: Path, tmp_path: Path) -> None:
    input_series, asked = [], []
    for shape in SHAPES:
        who = f'instance="{shape}",node_id="4"'
        trace = f'{who},ioam_namespace="123",trace_id="ab"'
        input_series.append(series(f"ioam_node_measured_seconds_total{{{who}}}", shape, 1))
        for direction, part in (("uplink", 0.75), ("downlink", 0.25)):
            way = f'direction="{direction}"'
            input_series.append(series(f"ioam_node_packets_total{{{who},{way}}}", shape, PACKETS * part))
            input_series.append(series(f"ioam_trace_bytes_total{{{trace},{way}}}", shape, OCTETS * part))
        rows = [(minute, True) for minute in HAS_VALUE[shape]] + [(minute, False) for minute in HAS_NONE.get(shape, ())]
        for minute, there in rows:
            for query, labels, value in ((NODE, who, PACKETS), (TRACE, f'{who},trace_id="ab"', 8 * OCTETS)):
                only = query.replace("_total[", f'_total{{instance="{shape}"}}[')
                samples = [{"labels": f"{{{labels}}}", "value": value * 1000}] if there else []
                test = {
                    "expr": f"round(({only}) * 1000)",
                    "eval_time": f"{round(minute * 60)}s",
                    "exp_samples": samples,
                }
                asked.append(test)
    path = tmp_path / "queries.test.yaml"
    tests = [{"interval": f"{STEP}s", "input_series": input_series, "promql_expr_test": asked}]
    path.write_text(json.dumps({"tests": tests}), encoding="utf-8")
    done = subprocess.run([str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
