# SPDX-License-Identifier: Apache-2.0
"""Sums by the labels of applications and components, in promtool, with numbers worked out by hand.

Three routers have 100, 60 and 40 W. At each, a, b and c send 5, 3 and 1 of 10 packets/s and bytes/s.
    a   50 + 30 + 20 = 100 W    b   30 + 18 + 12 = 60 W    c   10 + 6 + 4 = 20 W    unattributed 20 W
The component `spare` works 1 of 3 s/s on a fourth host with 30 W: 10 W, rest 20 W. It counts no traffic.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.promtool import Case, grow, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

TRACES = {name: f"{'0' * 31}{name}" for name in "abc"}

PLANT = f"""
sites: {{s: {{grams_per_kwh: 360}}}}
hosts:
  r1: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}
  r2: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
  r3: {{site: s, power: [{{pdu: p, outlets: ["3"]}}]}}
  h: {{site: s, power: [{{pdu: p, outlets: ["4"]}}]}}
components:
  r1: {{role: router, traffic: {{ioam: 1}}, labels: {{team: net, rack: left}}}}
  r2: {{role: router, traffic: {{ioam: 2}}, labels: {{team: net}}}}
  r3: {{role: router, traffic: {{ioam: 3}}}}
  spare: {{role: gateway, host: h, share: [{{workload: spare}}], labels: {{rack: right}}}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{TRACES["a"]}"}}], path: [r1, r2, r3], labels: {{team: vision}}}}
  b: {{traces: [{{ioam_namespace: 123, id: "{TRACES["b"]}"}}], path: [r1, r2, r3], labels: {{team: vision}}}}
  c: {{traces: [{{ioam_namespace: 123, id: "{TRACES["c"]}"}}], path: [r1, r2, r3]}}
"""

NETWORK = 'segment="network"'
VISION, OTHERS, REST = (f'team="{name}"' for name in ("vision", "unlabelled", "unattributed"))
ALL = "sum(host:power_watts)"


def series() -> dict[str, str]:
    """All of it."""
    found: dict[str, str] = {}
    for plug, watts in (("1", 100), ("2", 60), ("3", 40), ("4", 30)):
        found |= outlet("p", plug, watts)
    for number in (1, 2, 3):
        found |= node(number, 10, 10)
        for name, part in (("a", 5), ("b", 3), ("c", 1)):
            found |= trace(TRACES[name], number, part, part)
    found['workload_host_cpu_seconds_total{instance="h",mode="user"}'] = grow(3)
    found['workload_cpu_seconds_total{instance="h",workload="spare"}'] = grow(1)
    return found


def without(*words: str) -> dict[str, str]:
    """The same without the series that have one of these words."""
    return {name: values for name, values in series().items() if not any(word in name for word in words)}


def rows(**watts: float) -> dict[str, float]:
    """Rows by the value of `team`."""
    return {f'team="{name}"': value for name, value in watts.items()}


BY_TEAM = "sum by (team) (team:application_power_watts)"
OF_COMPONENTS = "sum by (team) (team:component_power_watts)"
BY_RACK = "sum by (rack) (rack:component_power_watts)"
GRAMS = "1e4 * sum by (team) (team:application_co2_grams_per_second)"

Expected = dict[tuple[float, str], Mapping[str, float]]


def whole() -> Case:
    """The sums of each label add up to the hosts. 360 g/kWh are 0.0001 g/J."""
    expect: Expected = {
        (4, BY_TEAM): rows(vision=160, unlabelled=20, unattributed=50),
        (4, "team:application_power_watts"): {
            f"{NETWORK},{VISION}": 160,
            f"{NETWORK},{OTHERS}": 20,
            f"{NETWORK},{REST}": 30,
            REST: 20,
        },
        (4, GRAMS): rows(vision=160, unlabelled=20, unattributed=50),
        (4, OF_COMPONENTS): rows(net=160, unlabelled=50, unattributed=20),
        (4, BY_RACK): {'rack="left"': 100, 'rack="right"': 10, 'rack="unlabelled"': 100, 'rack="unattributed"': 20},
        (4, f"{ALL} - sum(team:application_power_watts)"): {"": 0},
        (4, f"{ALL} - sum(team:component_power_watts)"): {"": 0},
        (4, f"{ALL} - sum(rack:component_power_watts)"): {"": 0},
        # Nothing for a label that only components have.
        (4, "rack:application_power_watts"): {},
    }
    return Case("whole", topology(PLANT), series(), expect)


def an_application_that_is_not_known() -> Case:
    """Node 3 is not counted: every application is a gap, and so is each value. The components stay."""
    expect: Expected = {
        (4, BY_TEAM): rows(unattributed=10 + 6 + 40 + 30),
        (4, OF_COMPONENTS): rows(net=160, unlabelled=50, unattributed=20),
    }
    return Case("uncounted", topology(PLANT), without('node_id="3"'), expect)


def one_application_on_a_path_of_its_own() -> Case:
    """Only c passes node 3, which is not counted. The team of a and b stays; c's 10 + 6 W are in no sum."""
    plant = PLANT.replace(f'id: "{TRACES["a"]}"}}], path: [r1, r2, r3]', f'id: "{TRACES["a"]}"}}], path: [r1, r2]')
    plant = plant.replace(f'id: "{TRACES["b"]}"}}], path: [r1, r2, r3]', f'id: "{TRACES["b"]}"}}], path: [r1, r2]')
    expect: Expected = {
        (4, BY_TEAM): rows(vision=80 + 48, unattributed=10 + 6 + 40 + 30),
        (4, GRAMS): rows(vision=80 + 48, unattributed=10 + 6 + 40 + 30),
    }
    return Case("path", topology(plant), without('node_id="3"'), expect)


def a_component_that_is_not_measured() -> Case:
    """The share of `spare` is a gap. So are the sum of its rack and that of components without a team."""
    expect: Expected = {
        (4, BY_RACK): {'rack="left"': 100, 'rack="unlabelled"': 100, 'rack="unattributed"': 30},
        (4, OF_COMPONENTS): rows(net=160, unattributed=30),
    }
    return Case("unmeasured", topology(PLANT), without("workload_"), expect)


def a_host_that_is_not_read() -> Case:
    """Without router 2 neither its team nor the rests of all hosts are known."""
    expect: Expected = {
        (4, OF_COMPONENTS): rows(unlabelled=50),
        (4, BY_RACK): {'rack="left"': 100, 'rack="right"': 10},
        (4, BY_TEAM): {},
    }
    return Case("unread", topology(PLANT), without('outlet="2"'), expect)


def test_sums_by_label_add_up_and_are_complete_or_absent(promtool: Path, tmp_path: Path) -> None:
    cases = [
        whole(),
        an_application_that_is_not_known(),
        one_application_on_a_path_of_its_own(),
        a_component_that_is_not_measured(),
        a_host_that_is_not_read(),
    ]
    run(promtool, tmp_path, cases)
