# SPDX-License-Identifier: Apache-2.0
"""Figures over the chosen time range, and what was never measured in it, worked by hand."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath_dashboards.queries import filled
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import Case, run, topology

pytestmark = pytest.mark.unit

STEP = 30  # $__interval, as `filled` has it
OURS = 'topology="joulepath"'
SOURCE = f'{OURS},site="s",tier="1",source="1",kind="pdu"'
SERIES = {
    f"attribution:heartbeat{{{OURS}}}": "1x120",
    f'application:power_watts{{{OURS},application="a",segment="network"}}': "70x120",
    f'application:power_watts{{{OURS},application="a",segment="model"}}': "30x120",
    # From half an hour on it is a gap.
    f'application:power_watts{{{OURS},application="b",segment="network"}}': "40x59 stale",
    f'site:co2_grams_per_second{{{OURS},site="s",basis="location"}}': "0.01x120",
    f'team:application_power_watts{{{OURS},team="red",segment="network"}}': "60x59 stale",
    f'team:application_power_watts{{{OURS},team="blue",segment="model"}}': "20x120",
    f'host:power_watts{{{OURS},host="h-1",site="s"}}': "100x120",
    f'joulepath_topology_source{{{SOURCE},host="h-1"}}': "1x120",
    f'joulepath_topology_source{{{SOURCE},host="h-2"}}': "1x120",
    f'component:power_watts{{{OURS},component="c",host="h-1",part="static"}}': "60x29 stale",
    f'joulepath_topology_component{{{OURS},component="c",host="h-1"}}': "1x120",
    f'joulepath_topology_component{{{OURS},component="c",host="h-2"}}': "1x120",
}


def query(page: str, panel: str, ref_id: str = "A") -> str:
    """The query of a panel, with values in place of variables."""
    panels = json.loads((ROOT / "grafana" / "dashboards" / f"{page}.json").read_text())["panels"]
    (found,) = (
        target["expr"]
        for each in panels
        if each["title"] == panel
        for target in each.get("targets", ())
        if target["refId"] == ref_id
    )
    return filled(found)


def test_a_gap_adds_no_energy_and_a_dark_host_is_listed(promtool: Path, tmp_path: Path) -> None:
    """At 3615 s the hour holds the steps at 30, 60, ... 3600 s: 120, of which b has 59 and c has 29."""
    expect: dict[str, Mapping[str, float]] = {
        query("overview", "Energy in the range"): {"": 100},  # Wh of h-1
        query("overview", "Applications", "C"): {'application="a"': 100, 'application="b"': 40 * 59 / 120},
        query("overview", "Applications", "E"): {'application="a"': 1, 'application="b"': 59 / 120},
        query("overview", "Sites", "C"): {'site="s"': 100},
        query("overview", "Sites", "D"): {'site="s"': 0.01 * 3600},
        query("overview", "Applications by $label", "A"): {'value="blue"': 20},
        query("overview", "Applications by $label", "C"): {'value="red"': 60 * 59 / 120, 'value="blue"': 20},
        query("overview", "Applications by $label", "E"): {'value="red"': 59 / 120, 'value="blue"': 1},
        query("overview", "Power by site"): {},  # one of its two hosts is dark
        query("overview", "Never measured"): {"": 2},  # h-2, and c on h-2
        query("health", "Hosts not measured now"): {"": 1},
        query("health", "Declared hosts"): {'host="h-1"': 1, 'host="h-2"': 0},
        query("health", "Declared components"): {
            'component="c",host="h-1"': 29 / 120,
            'component="c",host="h-2"': 0,
        },
    }
    at = (120 * STEP + 15) / 60
    plant = topology(factory.TOPOLOGY)
    case = Case(
        "ranges",
        plant,
        SERIES,
        {(at, expr): rows for expr, rows in expect.items()},
        step=STEP,
        only=frozenset({"nothing"}),
    )
    run(promtool, tmp_path, [case])
