# SPDX-License-Identifier: Apache-2.0
"""Tables of supplies, embodied emissions and SCI, by hand."""

import pytest

from joulepath_report.measured import measure
from joulepath_report.model import Table, Value
from joulepath_report.period import slots
from joulepath_report.places import tables
from joulepath_report.questions import Rows
from joulepath_report.sci import sci
from joulepath_report.supplies import supplies
from tests.report.told import Told
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600.0
ROWS = "application_component:power_watts"
# 876.6 kg in two years of 365.25 days are 50 g/h, and 350.64 kg in four are 10 g/h.
TOPOLOGY = topology("""
interval: 15s
window: 2m
sites:
  roof:
    overhead: {query: pue}
    supply: [{name: panels, watts: pv, grams_per_kwh: 40}, {name: grid, grams_per_kwh: 400}]
  mast: {grams_per_kwh: 400}
hosts:
  gpu: {site: roof, power: [{watts: plug}], gpus: {"0": {watts: gpu}}, embodied: {kilograms: 876.6, years: 2}}
  edge: {site: mast, power: [{watts: edge}], embodied: {kilograms: 350.64, years: 4}}
  bare: {site: mast, power: [{watts: bare}]}
components:
  llm: {role: model, host: gpu, share: [{gpu: "0"}], requests: {query: {requests: r, tokens: t}}}
  edge: {role: upf, traffic: {query: {bytes: b}}}
  bare: {role: upf, traffic: {query: {bytes: b}}}
policy: bytes
applications: {app: {path: [edge], models: [llm], labels: {team: vision}}, other: {path: [bare]}}
""")
WATTS: dict[tuple[str, ...], float] = {
    ("app", "llm", "gpu/gpu-0", "roof", "model"): 60,
    ("unattributed", "llm", "gpu/gpu-0", "roof", "model"): 40,
    ("unattributed", "", "gpu", "roof", ""): 100,
    ("app", "edge", "edge", "mast", "network"): 0,
    ("unattributed", "edge", "edge", "mast", "network"): 0,
    ("other", "bare", "bare", "mast", "network"): 50,
    ("unattributed", "bare", "bare", "mast", "network"): 0,
}


def told(**more: Rows) -> Told:
    """Two hours. Of the roof's 200 W the application has 60 W, at an overhead of 1.5, then 1.2. Edge draws nothing.

    Panels deliver half of the roof's power, and then nothing.
    """
    both = {0: 240.0, 1: 240.0}
    answers: dict[tuple[str, str], Rows] = {
        ("count", "host:power_watts"): dict.fromkeys(
            (("gpu", "roof"), ("gpu/gpu-0", "roof"), ("edge", "mast"), ("bare", "mast")), both
        ),
        ("avg", ROWS): {row: {0: watts, 1: watts} for row, watts in WATTS.items()},
        ("count", ROWS): dict.fromkeys(WATTS, both),
        ("avg", "site:overhead:ratio"): {("roof",): {0: 1.5, 1: 1.2}},
        ("avg", "site:co2_grams_per_joule"): {
            ("roof", "location"): {0: 1.5 * 220 / 3.6e6, 1: 1.2 * 400 / 3.6e6},
            ("mast", "location"): {0: 400 / 3.6e6, 1: 400 / 3.6e6},
        },
        ("avg", "supply:power_watts"): {
            ("roof", "panels"): {0: 150.0, 1: 0.0},
            ("roof", "grid"): {0: 150.0, 1: 240.0},
            ("mast", "grid"): {0: 50.0, 1: 50.0},
        },
        ("avg", "supply:co2_grams_per_second"): {
            ("roof", "location", "panels"): {0: 4.0, 1: 0.0},
            ("roof", "location", "grid"): {0: 40.0, 1: 96.0},
            ("mast", "location", "grid"): {0: 20.0, 1: 20.0},
        },
        **{("avg", series.replace("__", ":")): rows for series, rows in more.items()},
    }
    return Told(TOPOLOGY, slots(HOUR, HOUR + 7200), answers)


def only(tables: list[Table], name: str) -> Table:
    (found,) = [table for table in tables if table.id == name]
    return found


def total(table: Table, key: str) -> Value:
    assert table.total is not None
    return table.total[[column.key for column in table.columns].index(key)]


def test_energy_and_co2_of_supplies_are_those_of_their_sites() -> None:
    """The roof takes 0.3 kWh, half of it from the panels, and then 0.24 kWh; CO2 is 66 g and then 96 g."""
    questions = told()
    found = measure(questions)
    (table,) = supplies(questions, found)
    kwh = table.column("energy_kwh")
    assert kwh == pytest.approx({"roof / panels": 0.15, "roof / grid": 0.15 + 0.24, "mast / grid": 0.1})
    grams = table.column("co2_location_grams")
    assert grams == pytest.approx({"roof / panels": 6, "roof / grid": 60 + 96, "mast / grid": 40})
    assert table.column("part")["roof / panels"] == pytest.approx(0.15 / 0.54)
    sites = only(list(tables(found)), "sites")
    assert sites.column("facility_joules") == pytest.approx({"roof": 0.54 * 3.6e6, "mast": 0.1 * 3.6e6})
    assert total(table, "energy_joules") == pytest.approx(total(sites, "facility_joules"))
    assert total(table, "co2_location_grams") == pytest.approx(total(sites, "co2_location_grams"))


def test_hours_without_the_meter_of_a_supply_are_not_given_to_one() -> None:
    """The second hour of the roof is not known: its energy and CO2 are in a row of their own."""
    rows: Rows = {("roof", "panels"): {0: 150.0}, ("roof", "grid"): {0: 150.0}, ("mast", "grid"): {0: 50.0, 1: 50.0}}
    questions = told(supply__power_watts=rows)
    (table,) = supplies(questions, measure(questions))
    assert table.column("energy_kwh") == pytest.approx(
        {"roof / panels": 0.15, "roof / grid": 0.15, "mast / grid": 0.1, "roof / not known": 0.24}
    )


def test_embodied_emissions_add_up_to_the_hosts() -> None:
    """Two hours: 100 g of the server, where the application has 60 of 200 W, and 20 g of a host that draws nothing."""
    questions = told(application__inferences__rate={("app",): {0: 0.5, 1: 0.5}})
    found = measure(questions)
    whole, by_team, for_one = sci(questions, found)
    assert whole.column("embodied_grams") == pytest.approx({"app": 30, "other": None, "unattributed": 90})
    # 60 W at an overhead of 1.5 and 220 g/kWh, then of 1.2 and 400 g/kWh.
    used = 0.06 * (1.5 * 220 + 1.2 * 400)
    assert whole.column("sci_grams")["app"] == pytest.approx(used + 30)
    assert whole.column("sci_grams")["other"] is None
    assert total(whole, "sci_grams") is None
    assert by_team.column("embodied_grams") == pytest.approx({"vision": 30, "unlabelled": None, "unattributed": 90})
    assert by_team.column("sci_grams")["vision"] == pytest.approx(used + 30)
    assert by_team.column("energy_kwh") == pytest.approx({"vision": 0.12, "unlabelled": 0.1, "unattributed": 0.28})
    assert for_one.column("sci_grams_per_unit") == pytest.approx({"app / request": (used + 30) / 3600})


def test_a_topology_without_supplies_has_no_table_of_them() -> None:
    bare = topology("sites: {s: {}}\nhosts: {h: {site: s, power: [{watts: 5}]}}\ncomponents: {h: {role: upf}}\n")
    questions = Told(bare, slots(HOUR, HOUR + 3600), {})
    found = measure(questions)
    assert [*supplies(questions, found), *sci(questions, found)] == []
