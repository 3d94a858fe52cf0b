# SPDX-License-Identifier: Apache-2.0
"""Runs generated rules in promtool: a topology, counters that grow at given rates, and what must come out.

Scrapes and evaluations are 15 s apart, so a counter of `rate` grows by 15 * rate at each step.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.rule import Group
from joulepath_topology import Topology

STEP = 15
ORDER = ["attribution", "derived", "history", "budgets", "alerts", "registers", "scraped"]
# Values are compared as whole millionths: promtool compares floats bit by bit. Sums of halves, quarters and the like
# end in half a millionth, which two computations round apart, so all values are moved a little.
SCALE = 1e6
MOVED = 0.137


def topology(text: str) -> Topology:
    """The topology of YAML text."""
    return Topology.model_validate(yaml.safe_load(text))


def grow(rate: float, steps: int = 40) -> str:
    """A counter that grows by `rate` a second."""
    return f"0+{rate * STEP!r}x{steps}"


def meter(name: str, labels: str, watts: float, steps: int = 40) -> dict[str, str]:
    """An energy counter with its twin, as meters' exporters publish them."""
    return {
        f"{name}_energy_joules_total{{{labels}}}": grow(watts, steps),
        f"{name}_measured_seconds_total{{{labels}}}": grow(1, steps),
    }


def outlet(instance: str, number: str, watts: float, steps: int = 40) -> dict[str, str]:
    """One outlet of a PDU."""
    return meter("pdu_outlet", f'instance="{instance}",outlet="{number}"', watts, steps)


def trace(identifier: str, node: int, packets: float, volume: float) -> dict[str, str]:
    """The packets/s and bytes/s of one trace at one node: three quarters of them uplink."""
    return _marked("trace", f'ioam_namespace="123",trace_id="{identifier}"', node, packets, volume)


def flow(name: str, node: int, packets: float, volume: float) -> dict[str, str]:
    """The same of one flow."""
    return _marked("flow", f'flow="{name}"', node, packets, volume)


def _marked(way: str, identity: str, node: int, packets: float, volume: float) -> dict[str, str]:
    series = {}
    for direction, part in (("uplink", 0.75), ("downlink", 0.25)):
        labels = f'{identity},node_id="{node}",direction="{direction}"'
        series[f"ioam_{way}_packets_total{{{labels}}}"] = grow(packets * part)
        series[f"ioam_{way}_bytes_total{{{labels}}}"] = grow(volume * part)
    return series


def measured(number: int) -> dict[str, str]:
    """The seconds in which the packets of one node were counted."""
    return {f'ioam_node_measured_seconds_total{{node_id="{number}"}}': grow(1)}


def node(number: int, packets: float, volume: float) -> dict[str, str]:
    """All user packets/s and bytes/s at one node, and the seconds in which they were counted."""
    return {
        **measured(number),
        f'ioam_node_packets_total{{node_id="{number}",direction="uplink"}}': grow(packets),
        f'ioam_node_bytes_total{{node_id="{number}",direction="uplink"}}': grow(volume),
    }


@dataclass
class Case:
    """One test of promtool: `expect` maps (minute, query) to the rows {labels: value} that it must give.

    `step` is how far apart the samples of `series` are, in seconds; evaluations are never closer than the topology's
    interval. With `only`, other groups are left out, and `series` are what they would have recorded.
    """

    name: str
    topology: Topology
    series: Mapping[str, str]
    expect: Mapping[tuple[float, str], Mapping[str, float]]
    alerts: list[dict[str, Any]] = field(default_factory=list)
    step: int = STEP
    only: frozenset[str] = frozenset()
    beside: Topology | None = None
    """Another topology in the same server."""
    every: int = 0
    """How far apart evaluations are, in seconds, where that is more than `step`."""

    def groups(self) -> list[Group]:
        """The rules that are tested."""
        return [group for group in generate(self.topology) if not self.only or group.name in self.only]

    def write(self, folder: Path) -> Path:
        """The rule file and the test file; gives the test file."""
        rules = folder / f"{self.name}.rules.yaml"
        groups = self.groups()
        rules.write_text(write(groups, self.topology.hash))
        files = [rules.name]
        if self.beside is not None:
            files.append(f"{self.name}.beside.rules.yaml")
            (folder / files[-1]).write_text(write(generate(self.beside), self.beside.hash))
        test = {
            "name": self.name,
            "interval": f"{self.step}s",
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": f"round(sum without (topology) ({query}) * {SCALE:g} + {MOVED:g})",
                    "eval_time": f"{round(minute * 60)}s",
                    "exp_samples": [
                        {"labels": f"{{{labels}}}", "value": round(value * SCALE + MOVED)}
                        for labels, value in rows.items()
                    ],
                }
                for (minute, query), rows in self.expect.items()
            ],
            "alert_rule_test": self.alerts,
        }
        names = {group.name for group in groups}
        content = {
            "rule_files": files,
            "evaluation_interval": f"{max(round(self.topology.interval), self.step, self.every)}s",
            "group_eval_order": [name for name in ORDER if name in names],
            "tests": [test],
        }
        path = folder / f"{self.name}.test.yaml"
        # Half of a test's time would go into PyYAML; JSON is YAML.
        path.write_text(json.dumps(content))
        return path


def run(promtool: Path, folder: Path, cases: Iterable[Case]) -> None:
    """Runs the cases in one promtool; fails with what promtool found."""
    paths = [str(case.write(folder)) for case in cases]
    result = subprocess.run([str(promtool), "test", "rules", *paths], capture_output=True, text=True, check=False)
    blocks = (result.stdout + result.stderr).split("Unit Testing:  ")
    failed = [block.strip() for block in blocks if len(block.split()) > 1]
    assert result.returncode == 0, "\n".join(failed)
