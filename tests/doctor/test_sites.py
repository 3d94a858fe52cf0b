# SPDX-License-Identifier: Apache-2.0
"""The doctor over sites: factors, supplies and overheads, by a table of answers."""

from collections.abc import Mapping

import pytest

from joulepath_doctor.checks import sites, sources
from joulepath_doctor.context import context
from joulepath_doctor.examine import Check, examine
from joulepath_doctor.finding import Finding
from joulepath_doctor.reads import reads
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HALL = topology("""
name: hall
interval: 15s
sites:
  hall:
    overhead: {query: pue}
    supply:
      - {name: panels, watts: pv_watts, grams_per_kwh: 40}
      - {name: grid, grid_zone: DE, source: made}
hosts: {h: {site: hall, power: [{watts: 60}]}}
components: {h: {role: router}}
""")
SITE = {"site": "hall"}
PV_EVER = r"^max_over_time\(\(sum\(pv_watts\)\)\[1h:\]"
LIVE = "^grid_carbon_intensity_average_grams_per_kilowatt_hour"
WELL: Mapping[str, Rows] = {
    "^pue": [({}, 1.2)],
    "^pv_watts": [({}, 20.0)],
    PV_EVER: [({}, 25.0)],
    LIVE: [({"state": "settled"}, 300.0), ({"state": "estimated"}, 310.0), ({"state": "forecast"}, 320.0)],
    r"^sum by \(site\) \(supply:share:ratio": [(SITE, 1.0)],
    r"avg_over_time\(adapter:supply:watts": [(SITE, 20.0)],
    r"avg_over_time\(site:facility_power_watts": [(SITE, 72.0)],
    "^site:co2_grams_per_joule": [({**SITE, "basis": "location"}, 1e-4)],
    "^site:facility_power_watts": [(SITE, 72.0)],
}


def found(**queries: Rows) -> list[Finding]:
    """The findings where some answers differ; `LIVE` and the like are names of this module."""
    changed = {next(key for key in WELL if name in key): rows for name, rows in queries.items()}
    with answering({**WELL, **changed}) as server:
        checks: dict[str, Check] = {"sources": sources.check, "sites": sites.check}
        return list(examine(context(HALL, server, 3600, clock(NOW, NOW)), checks))


def test_a_site_that_is_well_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("answers", "kind", "where", "says"),
    [
        ({"pue": [({}, 0.8)]}, "site/overhead-refused", "sites.hall.overhead", "gives 0.8, and an overhead is at"),
        ({"pue": [({}, 1.2), ({}, 1.4)]}, "site/overhead-refused", "sites.hall.overhead", "gives 2 values, 1.2 to 1.4"),
        ({"pue": []}, "source/absent", "sites.hall.overhead", "no series is called pue"),
        (
            {"max_over_time": [({}, -5.0)]},
            "site/supply-negative",
            "sites.hall.supply[0].watts",
            "showed at most -5 W over 60 min",
        ),
        ({"pv_watts": []}, "source/absent", "sites.hall.supply[0].watts", "no series is called pv_watts"),
        (
            {"grid_carbon": [({"state": "settled", "instance": name}, value) for name, value in (("a", 1), ("b", 2))]},
            "source/ambiguous",
            "sites.hall.supply[1].grid_zone",
            "has 2 values of the state settled, 1 to 2: let one",
        ),
        ({"share:ratio": [(SITE, 1.5)]}, "sum/supplies", "sites.hall.supply", "its supplies deliver 1.5 times"),
        (
            {"adapter:supply": [(SITE, 100.0)]},
            "site/supplies-exceed",
            "sites.hall.supply",
            "show 100 W and its hosts take 72 W",
        ),
        ({"co2_grams_per_joule": []}, "site/factor-absent", "sites.hall", "has power and no factor by location"),
    ],
)
def test_each_fault_of_a_site_is_one_finding(answers: Mapping[str, Rows], kind: str, where: str, says: str) -> None:
    (one,) = found(**answers)
    assert (one.kind.id, one.where) == (kind, where)
    assert says in one.message


def test_a_query_may_end_with_a_comment() -> None:
    """It does not hide what the doctor writes behind it: of the meter of a supply, and of one that counts nothing."""
    hall = topology("""
sites: {hall: {supply: [{name: panels, watts: "pv_watts # roof", grams_per_kwh: 40}, {name: grid, grams_per_kwh: 344}]}}
hosts: {h: {site: hall, power: [{watts: "plug_watts # h"}]}}
components: {h: {role: router}}
""")
    answers: Mapping[str, Rows] = {
        r"^max_over_time\(\(sum\(pv_watts # roof\n\)\)\[1h:": [({}, -5.0)],
        "^pv_watts": [({}, -5.0)],
        r"^max_over_time\(\(plug_watts # h\n\)\[1h:": [({}, 0.0)],
        "^plug_watts": [({}, 0.0)],
    }
    checks: dict[str, Check] = {"sources": sources.check, "sites": sites.check}
    with answering(answers) as server:
        found_here = examine(context(hall, server, 3600, clock(NOW, NOW)), checks)
    assert sorted(one.kind.id for one in found_here) == ["site/supply-negative", "source/still"]


def test_a_battery_that_is_charged_is_well() -> None:
    """It takes 5 W now, which counts as 0, and it has delivered in the hour before."""
    assert found(pv_watts=[({}, -5.0)]) == []


def test_a_cause_explains_the_factor_that_is_absent() -> None:
    """A silent inverter, and an overhead that is upside down."""
    assert len(found(pv_watts=[], co2_grams_per_joule=[])) == 1
    assert len(found(pue=[({}, 0.8)], co2_grams_per_joule=[])) == 1


def test_equal_values_of_a_pair_are_one() -> None:
    pair: Rows = [({"state": "settled", "instance": name}, 300.0) for name in ("a", "b")]
    assert found(grid_carbon=[*pair, ({"state": "estimated"}, 1.0), ({"state": "estimated"}, 2.0)]) == []


def test_a_forecast_is_not_read_as_a_factor() -> None:
    (expr,) = [read.expr for read in reads(HALL) if "grid_zone" in read.place]
    assert expr.endswith('{grid_zone="DE",source="made",boundary="lifecycle",state!="forecast"}')
