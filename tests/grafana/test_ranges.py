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
        query("overview", "Sites", "E"): {'site="s"': 100},
        query("overview", "Sites", "F"): {'site="s"': 0.01 * 3600},
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


DE = 'boundary="lifecycle",factor="average",grid_zone="DE",source="entsoe",state="estimated"'
LIVE, CONSTANT = f'{DE},site="s",supply="grid"', 'factor="constant",site="s",supply="panels"'
ZONE = DE.replace('factor="average",', "")
CARBON = {
    f'supply:factor:info{{{OURS},basis="location",{LIVE}}}': "1x120",
    f'supply:factor:info{{{OURS},basis="market",{CONSTANT}}}': "1x120",
    f'supply:co2_grams_per_kilowatt_hour{{{OURS},basis="location",site="s",supply="grid"}}': "350x120",
    f'supply:co2_grams_per_kilowatt_hour{{{OURS},basis="market",site="s",supply="panels"}}': "40x120",
    # Of an interval that ended 15 minutes before the end; a forecast of the zone, and a marginal value, are younger.
    f'grid_carbon_intensity_updated_timestamp_seconds{{{ZONE},kind="average"}}': "2715x120",
    f'grid_carbon_intensity_updated_timestamp_seconds{{{ZONE},kind="marginal"}}': "3600x120",
    f'grid_carbon_intensity_updated_timestamp_seconds{{{ZONE.replace("estimated", "forecast")},kind="average"}}': (
        "3600x120"
    ),
    # 500 W with overhead and 0.05 g/s: 180 g/h for half a kWh.
    f'site:co2_grams_per_second{{{OURS},site="s",basis="location"}}': "0.05x120",
    f'site:facility_power_watts{{{OURS},site="s"}}': "500x120",
    f'application:power_watts{{{OURS},application="a",segment="network"}}': "80x120",
    f'application:power_marginal_watts{{{OURS},application="a",segment="network",method="declared"}}': "20x120",
    # Half of the static part of 60 W follows packets, all of the dynamic part of 40 W bytes. `d` is not on the path.
    f'application_component:power_watts{{{OURS},application="a",component="c",host="h",segment="network"}}': "80x120",
    **{
        f'component:policy:ratio{{{OURS},component="{name}",part="{part}",by="{by}"}}': f"{weight}x120"
        for name in ("c", "d")
        for part, by, weight in (("static", "count", 0.5), ("static", "equal", 0.5), ("dynamic", "volume", 1))
    },
    f'component:power_watts{{{OURS},component="c",host="h",part="static"}}': "60x120",
    f'component:power_watts{{{OURS},component="c",host="h",part="dynamic"}}': "40x120",
}


def test_panels_of_factors_margins_and_policies_join_what_belongs_together(promtool: Path, tmp_path: Path) -> None:
    followed = [f'component="c",part="static",by="{by}"' for by in ("count", "equal")]
    expect: dict[str, Mapping[str, float]] = {
        query("carbon", "Factors in use", "A"): {
            f'basis="location",{LIVE}': 350, f'basis="market",{CONSTANT}': 40
        },
        query("carbon", "Factors in use", "B"): {f'basis="location",{LIVE}': 900},
        query("carbon", "Intensity of each site"): {'site="s",basis="location"': 360},
        query("overview", "Attributed beside marginal", "E"): {'application="a"': 0.25},
        query("path", "Amounts that power follows", "A"): {
            **dict.fromkeys(followed, 0.5), 'component="c",part="dynamic",by="volume"': 1
        },
        query("path", "Amounts that power follows", "B"): {
            **dict.fromkeys(followed, 60), 'component="c",part="dynamic",by="volume"': 40
        },
    }  # fmt: skip
    at = (120 * STEP + 15) / 60
    asked = {(at, expr): rows for expr, rows in expect.items()}
    plant = topology(factory.TOPOLOGY)
    run(promtool, tmp_path, [Case("joins", plant, CARBON, asked, step=STEP, only=frozenset({"nothing"}))])
