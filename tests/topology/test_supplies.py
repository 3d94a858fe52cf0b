# SPDX-License-Identifier: Apache-2.0
"""Supplies, overhead and embodied emissions in a topology: what is refused, in one line, and what is doubted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_topology import Topology
from joulepath_topology.queries import queries
from joulepath_topology.supplies import Supply, most_grams, named, shares
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

PANELS = {"name": "panels", "watts": "pv", "grams_per_kwh": 40}
GRID = {"name": "grid", "grid_zone": "DE", "source": "made"}


def site(*supply: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The factory in which the edge has these supplies, by contract the grid's."""
    data = changed()
    data["sites"]["edge"] = {"market": "location", "supply": list(supply), **more}
    return data


def hourly(share: float, *hours: dict[str, Any], zone: str | None = "Europe/Berlin") -> dict[str, Any]:
    """A supply with other shares in some hours."""
    return {"grams_per_kwh": 100, "share": share, "hours": list(hours), "time_zone": zone}


DAYTIME = {"days": "mon-fri", "from": 8, "to": 20}


def marginal(market: Any) -> dict[str, Any]:
    """The factory with marginal factors at both sites, by contract too where that is said."""
    more = {"factor": "marginal", "market": market}
    return changed(sites={"edge": more, "factory": more | {"grams_per_kwh": 600}})


def constant(share: float | None, grams: float = 100) -> dict[str, Any]:
    """A supply without a meter."""
    return {"grams_per_kwh": grams} | ({} if share is None else {"share": share})


EDGE = "sites.edge.supply"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (site(constant(0.7), constant(0.2)), f"{EDGE}: the shares add up to 0.9, not to 1: leave out one share"),
        (site(constant(0.7), constant(0.4)), f"{EDGE}: the shares add up to 1.1, not to 1"),
        (site(constant(0.7), constant(0.4), GRID), f"{EDGE}: the shares add up to 1.1, not to 1"),
        (site(constant(1), GRID), f"{EDGE}[1]: the other shares are all of the power: nothing is left for it"),
        (site(PANELS), f"{EDGE}: all have a meter: add the supply that delivers the rest"),
        (site(PANELS, GRID, constant(None)), f"{EDGE}[2]: is the second one without a share and a meter"),
        (site(PANELS, PANELS, GRID), [f"{EDGE}[{n}].name: 'panels' stands twice" for n in (0, 1)]),
        (site(constant(0.5), constant(0.5) | {"name": "1"}), [f"{EDGE}[{n}].name: '1' stands twice" for n in (0, 1)]),
        (site(PANELS, {"name": "grid"}), f"{EDGE}[1]: needs a factor: grams_per_kwh, or grid_zone and source"),
        (site(PANELS | {"share": 0.2}, GRID), f"{EDGE}[0]: has share and watts: one of them says what it delivers"),
        (site(PANELS | {"watts": "200 W"}, GRID), f"{EDGE}[0].watts: must be in watts, without the unit: write 200"),
        (site(PANELS | {"watts": "sum("}, GRID), f"{EDGE}[0].watts: is not valid PromQL"),
        (site(constant(1.2)), f"{EDGE}[0].share: must be less than or equal to 1"),
        (site(constant(40)), f"{EDGE}[0].share: must be less than or equal to 1: write 40 % as 0.4"),
        (site(constant(-1)), f"{EDGE}[0].share: must be greater than or equal to 0"),
        (site(GRID | {"source": None}), f"{EDGE}[0]: grid_zone and source belong together"),
        (site(GRID | {"grams_per_kwh": 1}), f"{EDGE}[0]: has grams_per_kwh and a live factor"),
        (
            site(GRID, grams_per_kwh=1),
            "sites.edge: has supply and a factor of its own: write the factor at each supply",
        ),
        (
            site(PANELS, GRID | {"market": {"grams_per_kwh": 4}}, market=None),
            f"{EDGE}[0]: other supplies have a market",
        ),
        (
            site(GRID, factor="marginal"),
            "sites.edge.factor: is marginal, and that of site 'factory' average: CO2 of both",
        ),
        (
            site(PANELS | {"market": {"grams_per_kwh": 0}}, GRID, factor="marginal"),
            [f"{place}.market: counts contracts" for place in ("sites.edge", f"{EDGE}[0]")],
        ),
        (site(GRID, factor="margin"), "sites.edge.factor: must be 'average' or 'marginal' (did you mean marginal?)"),
        (
            site(PANELS | {"watts": None, "grams_per_kwh": None, **GRID, "share": 0.5}, GRID | {"boundary": "direct"}),
            f"{EDGE}[1].name: 'grid' stands twice",
        ),
        (
            site(GRID | {"name": "other", "share": 0.5}, GRID | {"boundary": "direct"}),
            f"{EDGE}[1].boundary: is direct, and that of {EDGE}[0] lifecycle: CO2 of both would be added: write the",
        ),
        (
            site(hourly(0.5, DAYTIME | {"share": 0.8}), constant(0.5)),
            f"{EDGE}: on mon from 8:00 the shares add up to 1.3, not to 1",
        ),
        (
            site(hourly(0.5, DAYTIME | {"share": 0.4}), constant(0.5)),
            f"{EDGE}: on mon from 8:00 the shares add up to 0.9, not to 1: leave out one",
        ),
        (
            site(hourly(0.5, DAYTIME | {"share": 0.4}), hourly(0.4, {"share": 0.6}), GRID),
            f"{EDGE}: on sun from 0:00 the shares add up to 1.1, not to 1",
        ),
        (site(hourly(0.5, DAYTIME | {"share": 0.4}, zone=None), GRID), f"{EDGE}[0]: hours need a time_zone, such as"),
        (site(hourly(0.5), GRID), f"{EDGE}[0]: has a time_zone, which only hours use"),
        (
            site(hourly(0.5, DAYTIME | {"share": 1.4}), GRID),
            f"{EDGE}[0].hours[0].share: must be less than or",
        ),
        (site(hourly(0.5, DAYTIME), GRID), f"{EDGE}[0].hours[0].share: is missing"),
        (
            site(hourly(0.5, DAYTIME | {"share": 0.4}, DAYTIME | {"share": 0.3}), GRID),
            f"{EDGE}[0]: hours[1] overlaps hours[0]: one moment has one share",
        ),
        (
            site(PANELS | {"hours": [DAYTIME | {"share": 0.4}], "time_zone": "UTC"}, GRID),
            f"{EDGE}[0]: has hours without a share, which holds at all others",
        ),
        (
            site(hourly(0.5, DAYTIME | {"share": 0.4}), hourly(0.1, DAYTIME | {"share": 0.2}, zone="UTC"), GRID),
            f"{EDGE}[1].time_zone: is UTC, and that of another supply Europe/Berlin: shares of a site have one clock",
        ),
        (changed(sites={"edge": {"overhead": {"query": "sum("}}}), "sites.edge.overhead.query: is not valid PromQL"),
        (changed(sites={"edge": {"overhead": {"querry": "x"}}}), "sites.edge.overhead.querry: unknown key"),
        (changed(sites={"edge": {"overhead": 0.9}}), "sites.edge.overhead: must be greater than or equal to 1"),
        (changed(sites={"edge": {"overhead": [1.2]}}), "sites.edge.overhead: must be a valid number"),
        (changed(hosts={"ru-1": {"embodied": {"kilograms": 9}}}), "hosts.ru-1.embodied.years: is missing"),
        (changed(hosts={"ru-1": {"embodied": {"kilograms": 9, "years": 0}}}), "hosts.ru-1.embodied.years: must be gr"),
        (changed(hosts={"ru-1": {"embodied": 9}}), "hosts.ru-1.embodied: must be a mapping of keys"),
    ],
)
def test_a_mistake_of_a_site_is_one_clear_line(data: dict[str, Any], line: str | list[str]) -> None:
    found = lines(data)
    expected = [line] if isinstance(line, str) else line
    assert [text for text in found if any(text.startswith(each) for each in expected)], found
    assert all(text.startswith(("sites.edge", "hosts.ru-1.embodied")) for text in found), found


def test_contracts_do_not_go_with_marginal_factors() -> None:
    text = "counts contracts, which are averages, and the site's factor is marginal: leave it out"
    assert sorted(lines(marginal("location"))) == [f"sites.{name}.market: {text}" for name in ("edge", "factory")]


def test_sound_sites_are_not_doubted() -> None:
    """Shares alone, meters with one rest, both; each contract by supply or for all of a site."""
    sound(site(constant(0.7), constant(0.3)))
    sound(site(constant(0.7), GRID))
    sound(site(PANELS, constant(0.25), GRID))
    sound(site(PANELS, hourly(0.25, DAYTIME | {"share": 1}), GRID))
    sound(site(hourly(0.25, DAYTIME | {"share": 0.5}), hourly(0.75, DAYTIME | {"share": 0.5})))
    sound(site(PANELS | {"market": {"grams_per_kwh": 0}}, GRID))
    sound(changed(sites={"edge": {"overhead": {"query": "pue"}}}))
    sound(marginal(None))


def test_doubts_about_supplies_name_the_likely_mistake() -> None:
    [line] = lines(site(PANELS | {"grams_per_kwh": 0.04}, GRID))
    assert line.startswith(f"warning: {EDGE}[0].grams_per_kwh: 0.04 g/kWh is very little"), line
    [line] = lines(changed(hosts={"ru-1": {"embodied": {"kilograms": 900, "years": 5}}}))
    assert line.startswith("warning: hosts.ru-1.embodied: hosts without embodied, such as 'edge-1'"), line


def test_queries_of_sites_are_read_with_their_places() -> None:
    data = site(PANELS, {"joules": "bat_total", "grams_per_kwh": 9}, GRID, overhead={"query": "pue"})
    found = [(place, query) for place, query in queries(sound(data)) if place[0] == "sites"]
    assert found == [
        (("sites", "edge", "supply", 0, "watts"), "pv"),
        (("sites", "edge", "supply", 1, "joules"), "rate(bat_total[$window])"),
        (("sites", "edge", "overhead", "query"), "pue"),
    ]


@given(st.lists(st.floats(0.01, 1), max_size=6), st.booleans())
def test_constant_shares_are_the_whole(parts: list[float], rest: bool) -> None:
    """Those that add up to 1, and any with one that has the rest."""
    total = sum(parts) * (2 if rest else 1)
    stated = [Supply(share=part / total, grams_per_kwh=1) for part in parts]
    supplies = named((*stated, Supply(grams_per_kwh=1)) if rest or not parts else tuple(stated))
    assert sum(shares(supplies).values()) == pytest.approx(1)
    assert min(shares(supplies).values()) >= 0


@pytest.mark.parametrize(
    ("supplies", "location", "market"),
    [
        ([constant(0.25, 400) | {"market": {"grams_per_kwh": 0}}, constant(None, 100)], 175, 75),
        ([PANELS | {"market": {"grams_per_kwh": 0}}, constant(None, 100)], 100, 100),
        ([PANELS, GRID], None, None),
        ([hourly(0.5, DAYTIME | {"share": 0.4}), constant(None, 300)], 300, 300),
        ([GRID | {"market": {"grams_per_kwh": 30}}], None, 30),
    ],
)
def test_the_ceiling_of_budgets_has_the_highest_factor(
    supplies: list[dict[str, Any]], location: float | None, market: float | None
) -> None:
    """That of the shares where all are constant; unknown while a live one decides."""
    edge = sound(site(*supplies)).sites["edge"].supplies
    assert (most_grams(edge, "location"), most_grams(edge, "market")) == (location, market)


def test_a_site_with_one_factor_has_one_supply() -> None:
    topology: Topology = sound(changed())
    assert {name: list(each.supplies) for name, each in topology.sites.items()} == {
        "factory": ["grid"],
        "edge": ["grid"],
    }
    assert shares(topology.sites["edge"].supplies) == {"grid": 1}
    assert sound(changed(sites={"bare": {"market": "location"}})).sites["bare"].supplies["grid"].market == "location"
