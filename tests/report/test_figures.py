# SPDX-License-Identifier: Apache-2.0
"""Figures beside the energy, by hand: energy for one, CO2 by both bases, budgets, changes, labels."""

import pytest

from joulepath_report import applications, places
from joulepath_report.amounts import per_unit
from joulepath_report.budgets import budgets
from joulepath_report.changes import changes
from joulepath_report.energy import energy
from joulepath_report.marginal import marginal
from joulepath_report.measured import measure
from joulepath_report.model import Table, Value
from joulepath_report.notes import notes
from joulepath_report.period import slots
from joulepath_report.questions import Rows
from joulepath_topology import Topology
from joulepath_topology.budgets import Budget
from tests.report.told import Told
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600.0
ROWS = "application_component:power_watts"
TOPOLOGY = topology(
    """
interval: 15s
window: 2m
sites:
  mast: {grams_per_kwh: 400, market: {grams_per_kwh: 50}}
  room: {grams_per_kwh: 100, market: location}
hosts:
  edge: {site: mast, power: [{pdu: p, outlets: ["1"]}]}
  gpu: {site: room, power: [{pdu: p, outlets: ["2"]}]}
components:
  upf: {role: upf, host: edge, traffic: {ioam: 1}, labels: {slice: red}}
  qwen: {role: model, host: gpu, requests: {vllm: {}}, tokens: {input: 0.1, output: 1}}
applications:
  app: {traces: [{ioam_namespace: 1, id: "0a"}], path: [upf], models: [qwen], labels: {team: vision}}
  late: {traces: [{ioam_namespace: 1, id: "0b"}], path: [upf]}
budgets:
  day: {application: app, energy: 1kWh, per: day}
  month: {application: late, energy: 1kWh, per: month}
"""
)


def told(watts: float = 60, more: dict[tuple[str, str], Rows] | None = None, *, count: int = 240) -> Told:
    """One hour: the application has so many watts at the user plane and 100 W at the model; the rest is 40 and 50 W."""
    rows = {
        ("app", "upf", "edge", "mast", "network"): watts,
        ("unattributed", "upf", "edge", "mast", "network"): 40.0,
        ("app", "qwen", "gpu", "room", "compute"): 100.0,
        ("unattributed", "qwen", "gpu", "room", "compute"): 50.0,
    }
    answers: dict[tuple[str, str], Rows] = {
        ("count", "host:power_watts"): {("edge",): {0: count}, ("gpu",): {0: count}},
        ("avg", ROWS): {row: {0: value} for row, value in rows.items()},
        ("count", ROWS): {row: {0: count} for row in rows},
        **(more or {}),
    }
    return Told(TOPOLOGY, slots(HOUR, HOUR + 3600), answers, {"host:power_watts": {("edge",), ("gpu",)}, ROWS: {*rows}})


def only(found: list[Table]) -> Table:
    """The one table."""
    (table,) = found
    return table


def test_energy_for_one_is_that_of_the_segments_that_do_it() -> None:
    """60 W and 30 kbit/s in the network: 2 mJ for a bit. 160 W and 8 tokens/s: 20 J for a token."""
    asked = told(
        more={
            ("avg", "application:bits:rate"): {("app",): {0: 30_000}},
            ("avg", "application:tokens:rate"): {("app",): {0: 8}},
            ("avg", "application:inferences:rate"): {("app",): {0: 0}},
            ("avg", 'application:weighted_tokens:rate{by="input"}'): {("app",): {0: 100}},
            ("avg", 'application:token_power_watts{by="input"}'): {("app",): {0: 25}},
        }
    )
    table = only(list(per_unit(asked, measure(asked))))
    found = table.column("joules_per_unit")
    assert found == {
        "app / bit in the network": pytest.approx(0.002),
        "app / generated token": pytest.approx(20),
        "app / token of a prompt, at the models": pytest.approx(0.25),
        "app / request": None,
    }
    assert table.column("amount")["app / generated token"] == pytest.approx(8 * 3600)


def test_an_amount_is_that_of_the_time_that_is_charged() -> None:
    """A quarter of the hour was known: 160 W and 8 tokens/s are still 20 J for a token."""
    asked = told(more={("avg", "application:tokens:rate"): {("app",): {0: 8}}}, count=60)
    table = only(list(per_unit(asked, measure(asked))))
    assert table.column("joules_per_unit") == {"app / generated token": pytest.approx(20)}
    assert table.column("amount") == {"app / generated token": pytest.approx(8 * 900)}


PRICES = ("avg", "site:price_per_kilowatt_hour")
BITS: dict[tuple[str, str], Rows] = {("avg", "application:bits:rate"): {("app",): {0: 30_000}}}
TOKENS: dict[tuple[str, str], Rows] = {("avg", "application:tokens:rate"): {("app",): {0: 8}}}
PROMPTS: dict[tuple[str, str], Rows] = {
    ("avg", 'application:weighted_tokens:rate{by="input"}'): {("app",): {0: 100}},
    ("avg", 'application:token_power_watts{by="input"}'): {("app",): {0: 25}},
}


def test_co2_and_cost_for_one_are_those_of_the_same_energy() -> None:
    """The mast: 60 Wh, 24 g or 3 g by contract, 0.015 EUR. The room: 100 Wh, 10 g, 0.01 EUR; a quarter for prompts.

    There are 108 Mbit, 28,800 tokens and 360,000 tokens of prompts.
    """
    prices: Rows = {("mast", "EUR"): {0: 0.25}, ("room", "EUR"): {0: 0.1}}
    asked = told(more={**factors(), PRICES: prices, **BITS, **TOKENS, **PROMPTS})
    table = only(list(per_unit(asked, measure(asked))))
    assert table.title == "Energy, CO2 and cost for one"
    bit, token, prompt = (
        f"app / {each}" for each in ("bit in the network", "generated token", "token of a prompt, at the models")
    )
    location = {bit: 24 / 108e6, token: 34 / 28_800, prompt: 2.5 / 360_000}
    assert table.column("co2_location_grams_per_unit") == pytest.approx(location)
    market = {bit: 3 / 108e6, token: 13 / 28_800, prompt: 2.5 / 360_000}
    assert table.column("co2_market_grams_per_unit") == pytest.approx(market)
    # Of a million of each: in EUR, 15 thousandths for 108 million bits.
    cost = {bit: 0.015 / 108, token: 0.025 / 0.0288, prompt: 0.0025 / 0.36}
    assert table.column("cost_eur_per_million") == pytest.approx(cost)
    assert [column.unit for column in table.columns][-1] == "EUR/million"


def test_a_cost_for_one_has_all_currencies_or_none() -> None:
    """The bits are the mast's alone, in EUR; tokens have a part in each. Then the room has no price."""
    asked = told(more={PRICES: {("mast", "EUR"): {0: 0.25}, ("room", "USD"): {0: 0.1}}, **BITS, **TOKENS})
    table = only(list(per_unit(asked, measure(asked))))
    assert table.title == "Energy and cost for one"
    assert list(table.column("cost_eur_per_million").values()) == pytest.approx([0.015 / 108, 0.015 / 0.0288])
    assert list(table.column("cost_usd_per_million").values()) == pytest.approx([0, 0.01 / 0.0288])
    asked = told(more={PRICES: {("mast", "EUR"): {0: 0.25}}, **BITS, **TOKENS})
    table = only(list(per_unit(asked, measure(asked))))
    assert list(table.column("cost_eur_per_million").values()) == [pytest.approx(0.015 / 108), None]


@pytest.mark.parametrize(("watts", "grams"), [(0, 0), (25, None)])
def test_prompts_without_energy_have_no_co2_whatever_the_factor(watts: float, grams: float | None) -> None:
    """A site without a factor: 0 J have no CO2, and of others it is not known."""
    power: Rows = {("app",): {0: watts}}
    asked = told(
        more={
            **factors({("room", "location"): {}}),
            **PROMPTS,
            ("avg", 'application:token_power_watts{by="input"}'): power,
        }
    )
    table = only(list(per_unit(asked, measure(asked))))
    assert list(table.column("co2_location_grams_per_unit").values()) == [grams]


def test_nothing_is_said_of_amounts_that_are_not_recorded() -> None:
    """The table is absent."""
    assert list(per_unit(told(), measure(told()))) == []


def factors(at_mast: Rows | None = None) -> dict[tuple[str, str], Rows]:
    """Grams per joule by site and basis: 400 and 50 g/kWh at the mast, 100 in the room."""
    rows: Rows = {
        ("mast", "location"): {0: 400 / 3.6e6},
        ("mast", "market"): {0: 50 / 3.6e6},
        ("room", "location"): {0: 100 / 3.6e6},
        ("room", "market"): {0: 100 / 3.6e6},
    }
    return {("avg", "site:co2_grams_per_joule"): {**rows, **(at_mast or {})}}


def test_co2_is_counted_by_place_and_by_contract() -> None:
    """60 Wh at the mast are 24 g, or 3 g by contract; 100 Wh in the room are 10 g."""
    found = measure(told(more=factors()))
    table = next(iter(applications.tables(found)))
    assert table.column("co2_location_grams")["app"] == pytest.approx(34)
    assert table.column("co2_market_grams")["app"] == pytest.approx(13)
    assert table.total is not None
    totals: dict[str, Value] = dict(zip((column.key for column in table.columns), table.total, strict=True))
    assert totals["co2_location_grams"] == pytest.approx(100 * 0.4 + 150 * 0.1)
    expected = {
        "segments": {"network": 40, "compute": 15},
        "components": {"upf / edge": 40, "qwen / gpu": 15},
        "hosts": {"edge": 40, "gpu": 15},
        "sites": {"mast": 40, "room": 15},
    }
    found_there = {each.id: each.column("co2_location_grams") for each in places.tables(found) if each.id in expected}
    assert found_there == {name: pytest.approx(rows) for name, rows in expected.items()}


def test_a_site_without_a_factor_makes_the_co2_unknown() -> None:
    """Of all that has energy there, and of the total."""
    found = measure(told(more=factors({("mast", "location"): {}})))
    table = next(iter(applications.tables(found)))
    assert table.column("co2_location_grams")["app"] is None
    assert table.column("co2_market_grams")["app"] == pytest.approx(13)
    assert table.total is not None
    assert table.total[[column.key for column in table.columns].index("co2_location_grams")] is None


@pytest.mark.parametrize(("before", "noted"), [(5, False), (1800, True)])
def test_hours_without_a_carbon_factor_are_noted(before: int, *, noted: bool) -> None:
    """The factor is not known before the hour; a few seconds of that are not worth a note."""
    row = ("app", "upf", "edge", "mast", "network")
    count = {0: before / 15, 1: 240}
    answers: dict[tuple[str, str], Rows] = {
        ("avg", ROWS): {row: {0: 60.0, 1: 60.0}},
        ("count", ROWS): {row: count},
        ("count", "host:power_watts"): {("edge", "mast"): count},
        ("avg", "site:co2_grams_per_joule"): {("mast", "location"): {1: 400 / 3.6e6}},
    }
    found = measure(Told(TOPOLOGY, slots(HOUR - before, HOUR + 3600), answers))
    table = next(iter(applications.tables(found)))
    assert table.column("co2_location_grams")["app"] == pytest.approx(24 * (1 + before / 3600))
    note = "mast had no carbon factor in some hours: they have the mean of the others."
    assert (note in list(notes(found))) is noted


def test_an_application_that_was_never_known_has_no_energy() -> None:
    """It is in the table, and a note says where its energy is."""
    found = measure(told())
    table = next(iter(applications.tables(found)))
    assert table.column("energy_joules")["late"] is None
    assert table.column("coverage")["late"] == 0
    assert "The energy of late was not known: all that was used there is in `unattributed`." in list(notes(found))


def test_hosts_and_applications_of_one_coverage_share_a_note() -> None:
    """A quarter of the hour was known of both hosts, and of the application."""
    asked = told(count=60)
    found = list(notes(measure(asked)))
    assert found[0] == "The power of edge and gpu was known for 25.0 % of the period."
    assert found[-1] == "All of app was known for 25.0 % of the period."


def test_unattributed_takes_no_static_energy_of_unknown_parts() -> None:
    """40 % of the user plane is static; the application has 60 of its 100 W, and `unattributed` 40 W."""
    parts: Rows = {("upf", "edge", "static"): {0: 40}, ("upf", "edge", "dynamic"): {0: 60}}
    asked = told(more={("sum", "component:power_watts"): parts})
    found = measure(asked).parts_of_applications
    model = 50.0 * 3600
    assert found["unattributed"] == pytest.approx({"static": 16 * 3600, "dynamic": 24 * 3600, "undivided": model})
    assert found["app"] == pytest.approx({"static": 0, "dynamic": 0, "undivided": 160 * 3600})


def test_entries_that_the_file_has_lost_are_named() -> None:
    """A host, a component and an application of before the change."""
    row = ("gone-app", "gone-upf", "gone-edge", "mast", "network")
    series: Rows = {row: {0: 240}}
    asked = told(more={("avg", ROWS): series, ("count", ROWS): series, ("count", "host:power_watts"): {}})
    found = [note for note in notes(measure(asked)) if note.startswith("The topology has changed")]
    assert [note.partition(": ")[2] for note in found] == [
        "gone-edge had energy and is no longer a host of the file.",
        "gone-upf had energy and is no longer a component of the file.",
        "gone-app had energy and is no longer an application of the file.",
    ]


def test_a_note_on_many_names_the_first_ones() -> None:
    """A hundred hosts without a reading are one note."""
    hosts = {f"h{number:02}": {"site": "s", "power": [{"watts": 1}]} for number in range(100)}
    components = {"c": {"role": "upf", "host": "h00"}}
    bare = Topology.model_validate({"name": "t", "sites": {"s": {}}, "hosts": hosts, "components": components})
    row = ("unattributed", "unattributed", "x", "s", "")
    answers: dict[tuple[str, str], Rows] = {("avg", ROWS): {row: {0: 1}}, ("count", ROWS): {row: {0: 240}}}
    first, *_ = notes(measure(Told(bare, slots(HOUR, HOUR + 3600), answers)))
    assert first == (
        "Not measured at all: h00, h01, h02, h03, h04, h05, h06 and 93 others. This energy is missing in every total."
    )


def test_a_budget_shows_its_state_at_the_end() -> None:
    """Half of 1 kWh is used; the other budget is not known."""
    asked = told(
        more={
            ("end", "budget:energy_joules"): {("day",): {0: 1.8e6}},
            ("end", "budget:remaining_joules"): {("day",): {0: 1.8e6}},
            ("end", "budget:projected_joules"): {("day",): {0: 7.2e6}},
            ("end", "budget:coverage:ratio"): {("day",): {0: 0.9}},
        }
    )
    table = only(list(budgets(asked)))
    assert table.rows == (
        ("day", "application app", "day", 1.8e6, 0.5, 3.6e6, 1.0, 1.8e6, 0.5, 0.5, 2.0, 0.9),
        ("month", "application late", "month", None, None, 3.6e6, 1.0, None, None, None, None, None),
    )
    # Budgets are stated in kWh: people read them so.
    assert [column.unit for column in table.columns if column.short and column.key.startswith(("used_", "limit_"))] == [
        "kWh",
        "kWh",
    ]


def test_budgets_of_co2_and_of_a_currency_are_tables_of_their_own() -> None:
    """100 g of 400 g, and 1 EUR of 4 EUR with 3 EUR left."""
    own = {
        "gas": Budget.model_validate({"site": "lab", "co2": "400g", "window": "7d"}),
        "bill": Budget.model_validate(
            {"application": "app", "cost": "4 EUR", "per": "week", "time_zone": "Europe/Berlin"}
        ),
    }
    answers: dict[tuple[str, str], Rows] = {
        ("end", "budget:co2_grams"): {("gas",): {0: 100}},
        ("end", "budget:projected_co2_grams"): {("gas",): {0: 200}},
        ("end", "budget:coverage:ratio"): {("gas",): {0: 1}, ("bill",): {0: 0.5}},
        ("end", "budget:cost"): {("bill",): {0: 1}},
        ("end", "budget:remaining_cost"): {("bill",): {0: 3}},
    }
    asked = Told(TOPOLOGY.model_copy(update={"budgets": own}), slots(HOUR, HOUR + 3600), answers, {})
    gas, bill = budgets(asked)
    assert (gas.id, gas.rows) == ("budgets-co2", (("gas", "site lab", "7d", 100, 400, None, 0.25, 0.5, 1),))
    assert (bill.id, bill.rows) == (
        "budgets-cost-EUR",
        (("bill", "application app", "week (Europe/Berlin)", 1, 4, 3, 0.25, None, 0.5),),
    )
    assert {column.unit for column in bill.columns} == {None, "EUR", "ratio"}


def test_the_largest_change_comes_first() -> None:
    """The application draws 20 W more at the user plane: 72 kJ of 576 kJ."""
    table = only(list(changes(energy(told(80), {}), energy(told(60), {}))))
    assert [row[:2] for row in table.rows[:3]] == [("application", "app"), ("component", "upf"), ("host", "edge")]
    assert list(table.rows[0][2:]) == pytest.approx([576_000, 648_000, 72_000, 0.125])
    assert table.column("change_joules")["host / gpu"] == 0


def test_nothing_is_compared_with_a_period_that_was_hardly_known() -> None:
    """A quarter of it was."""
    assert list(changes(energy(told(80), {}), energy(told(60, count=60), {}))) == []


def test_labels_sum_over_what_has_them() -> None:
    """A label has a table for applications, and one for components."""
    found = {table.id: table for table in places.tables(measure(told()))}
    team, slices = (found[name].column("energy_joules") for name in ("label-team", "component-label-slice"))
    assert team == {"vision": pytest.approx(160 * 3600), "unattributed": pytest.approx(90 * 3600)}
    assert slices == {"red": pytest.approx(100 * 3600), "unlabelled": pytest.approx(150 * 3600)}


@pytest.mark.parametrize(("gpus", "said"), [("", False), (", gpus: {'0': {gpu: gpu-1}}", True)])
def test_the_row_of_a_server_is_said_to_be_without_its_gpus(gpus: str, *, said: bool) -> None:
    """Only where there are any."""
    ours = topology(
        f"""
sites: {{s: {{}}}}
hosts: {{gpu-1: {{site: s, power: [{{bmc: b}}]{gpus}}}}}
components: {{qwen: {{role: model, host: gpu-1, requests: {{vllm: {{}}}}}}}}
"""
    )
    found = measure(Told(ours, slots(HOUR, HOUR + 3600), {}))
    note = next(table.note for table in places.tables(found) if table.id == "hosts")
    assert note.endswith("and that of its server is without it.") is said


def test_marginal_energy_stands_beside_the_share() -> None:
    """160 W are charged; its traffic adds 12 W (10 to 15) in the network and 40 W (30 to 60) at the model, all hour."""
    rates: dict[tuple[str, str], Rows] = {}
    for end, network, model in (("", 12, 40), ("_low", 10, 30), ("_high", 15, 60)):
        rates["avg", f"application:power_marginal{end}_watts"] = {
            ("app", "network"): {0: network},
            ("app", "model"): {0: model},
        }
    rates["count", "application:power_marginal_watts"] = {("app", "calibrated"): {0: 480}}
    asked = told(more=rates)
    found = only(list(marginal(asked, measure(asked))))
    hour = 3600
    assert found.rows == (("app", 160 * hour, 52 * hour, 40 * hour, 75 * hour, 52 / 160, "calibrated"),)
    rates["count", "application:power_marginal_watts"] = {("app", "declared"): {0: 480}}
    del rates["avg", "application:power_marginal_low_watts"], rates["avg", "application:power_marginal_high_watts"]
    asked = told(more=rates)
    (row,) = only(list(marginal(asked, measure(asked)))).rows
    assert row[3:5] == (None, None)
    assert row[6] == "declared"
    assert not list(marginal(told(), measure(told())))
