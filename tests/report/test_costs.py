# SPDX-License-Identifier: Apache-2.0
"""Costs in a report: two hours by hand, all formats, and that every table costs what the meters' energy costs."""

import json
from collections import defaultdict
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from joulepath_report import applications, places
from joulepath_report.files import csv_text, json_text, lines, parquet_bytes
from joulepath_report.measured import Measured, measure
from joulepath_report.method import method
from joulepath_report.model import Report, Table
from joulepath_report.notes import notes
from joulepath_report.page.figures import figures
from joulepath_report.page.html import page
from joulepath_report.period import slots
from joulepath_report.questions import Key, Rows
from joulepath_report.text import latex, markdown, terminal
from joulepath_topology import Topology
from tests.report.test_sums import Drawn, answers
from tests.report.told import Told
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600.0
PRICES = ("avg", "site:price_per_kilowatt_hour")


def two_sites() -> Topology:
    """A radio in euros with half as much for cooling, and a user plane in dollars."""
    return topology(
        """
interval: 15s
window: 2m
sites:
  mast: {overhead: 1.5, price: {currency: EUR, per_kwh: 0.2}}
  core: {price: {currency: USD, query: day_ahead}}
hosts:
  ru: {site: mast, power: [{pdu: p, outlets: ["1"]}]}
  upf: {site: core, power: [{pdu: p, outlets: ["2"]}]}
components:
  ru: {role: ru, traffic: {anchor: upf}}
  upf: {role: upf, traffic: {ioam: 1}, labels: {slice: red}}
applications:
  camera: {traces: [{ioam_namespace: 1, id: "0a"}], path: [ru, upf], labels: {team: vision}}
"""
    )


def two_hours(prices: Rows, plan: Topology | None = None) -> Measured:
    """The radio has 1000 W, of them 600 W of the camera; the user plane 2000 W, of them 500 W."""
    watts = {
        ("camera", "ru", "ru", "mast", "network"): 600.0,
        ("unattributed", "ru", "ru", "mast", "network"): 400.0,
        ("camera", "upf", "upf", "core", "network"): 500.0,
        ("unattributed", "upf", "upf", "core", "network"): 1500.0,
    }
    rows: dict[tuple[str, str], Rows] = {
        ("count", "host:power_watts"): {(host,): {0: 240, 1: 240} for host in ("ru", "upf")},
        ("avg", "application_component:power_watts"): {key: {0: mean, 1: mean} for key, mean in watts.items()},
        ("count", "application_component:power_watts"): {key: {0: 240, 1: 240} for key in watts},
        PRICES: prices,
    }
    before: dict[str, set[Key]] = {
        "host:power_watts": {("ru",), ("upf",)},
        "application_component:power_watts": set(watts),
    }
    return measure(Told(plan or two_sites(), slots(HOUR, HOUR + 7200), rows, before))


BOTH: Rows = {("mast", "EUR"): {0: 0.2, 1: 0.3}, ("core", "USD"): {0: 0.1, 1: -0.04}}


def table(found: Measured, name: str) -> Table:
    """One table of the report."""
    return next(each for each in (*applications.tables(found), *places.tables(found)) if each.id == name)


def costs(found: Measured, name: str) -> dict[str, tuple[object, ...]]:
    """The costs of each row of a table, and of its total."""
    chosen = table(found, name)
    money = [number for number, column in enumerate(chosen.columns) if column.money]
    assert chosen.total is not None
    rows = {chosen.name(row): tuple(row[number] for number in money) for row in chosen.rows}
    return {**rows, "total": tuple(chosen.total[number] for number in money)}


# kWh in each hour: camera 0.6 at the mast, 0.5 at the core; unattributed 0.4 and 1.5. Prices of both hours together:
# at the mast 0.5 * 1.5 EUR, at the core 0.06 USD.
CAMERA, REST = (0.6 * 0.75, 0.5 * 0.06), (0.4 * 0.75, 1.5 * 0.06)
ALL = (1.0 * 0.75, 2.0 * 0.06)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("applications", {"camera": CAMERA, "unattributed": REST}),
        ("segments", {"network": ALL}),
        ("components", {"ru / ru": (0.75, 0), "upf / upf": (0, 0.12)}),
        ("hosts", {"ru": (0.75, 0), "upf": (0, 0.12)}),
        ("sites", {"mast": (0.75, 0), "core": (0, 0.12)}),
        ("label-team", {"vision": CAMERA, "unattributed": REST}),
        ("component-label-slice", {"red": (0, 0.12), "unlabelled": (0.75, 0)}),
        ("days", {"2026-01-01 / camera": CAMERA, "2026-01-01 / unattributed": REST}),
    ],
)
def test_each_currency_has_a_column_of_its_own(name: str, expected: dict[str, tuple[float, float]]) -> None:
    """A price that changes, one that is negative for an hour, and the overhead of a site."""
    found = costs(two_hours(BOTH), name)
    assert found.keys() == expected.keys() | {"total"}
    for key, values in {**expected, "total": ALL}.items():
        assert found[key] == pytest.approx(values), key


def test_a_lost_hour_of_a_price_has_the_mean_of_the_others() -> None:
    """And a note says so; with two currencies another one says that they are not added."""
    found = two_hours({**BOTH, ("core", "USD"): {1: 0.06}})
    assert costs(found, "sites")["core"] == pytest.approx((0, 2.0 * 2 * 0.06))
    assert "core had no price in some hours: they have the mean of the others." in list(notes(found))
    assert any(note.startswith("Costs are in EUR and USD") for note in notes(found))


def test_a_site_without_a_price_leaves_its_costs_unknown() -> None:
    """They are unknown in every currency wherever the site takes part, and known elsewhere."""
    found = two_hours({("mast", "EUR"): {0: 0.2, 1: 0.3}})
    assert costs(found, "sites") == {"mast": (pytest.approx(0.75),), "core": (None,), "total": (None,)}
    assert costs(found, "applications") == dict.fromkeys(("camera", "unattributed", "total"), (None,))
    assert "core had no price, or no overhead: the cost of what was used there is not known." in list(notes(found))


def test_a_period_without_prices_has_neither_columns_nor_notes() -> None:
    """As before prices were known to a topology."""
    found = two_hours({})
    assert costs(found, "applications") == dict.fromkeys(("camera", "unattributed", "total"), ())
    assert not [note for note in notes(found) if "price" in note or "cost" in note.lower()]


def report() -> Report:
    """The report of both hours."""
    found = two_hours(BOTH)
    tables = (*applications.tables(found), *places.tables(found))
    return Report(
        "p", "h", "v", HOUR, HOUR + 7200, tuple(method(two_sites())), tuple(notes(found)), tables,
        tuple(places.flow(found)), (),
    )  # fmt: skip


def test_every_format_names_the_currency_of_a_cost() -> None:
    """Text has it in the heading; data has it as the unit, with the number in full."""
    made = report()
    for text in (terminal(made), markdown(made), latex(made)):
        head = next(line for line in text.replace("\\", "").splitlines() if "application" in line and "cost" in line)
        assert "cost [EUR]" in head
        assert "cost [USD]" in head
    (line,) = [
        each for each in lines(made)
        if (each.table, each.row, each.column) == ("applications", "camera", "cost_usd")
    ]  # fmt: skip
    assert line.value == pytest.approx(0.03)
    assert line.unit == "USD"
    assert "applications,camera,cost_eur,0.45" in csv_text(made).replace("0.44999999999999996", "0.45")
    columns = json.loads(json_text(made))["tables"][0]["columns"]
    assert [each["unit"] for each in columns if each["key"].startswith("cost_")] == ["EUR", "USD"]
    assert set(parquet.read_table(BytesIO(parquet_bytes(made)))["unit"].to_pylist()) >= {"EUR", "USD"}


def test_the_page_shows_costs_in_tables_and_at_its_head() -> None:
    """Each currency with the sign of a loss where it is one."""
    made = report()
    assert [(each.title, each.value) for each in figures(made) if each.title == "Cost"] == [
        ("Cost", "0.750 EUR"), ("Cost", "0.120 USD")
    ]  # fmt: skip
    text = page(made)
    assert 'Cost <span class="unit">EUR</span>' in text
    assert "mast: 0.2 EUR/kWh; core: USD, by a query" in text


priced = st.dictionaries(st.integers(0, 3), st.floats(-0.5, 2), max_size=4)


@given(answers(), st.tuples(priced, priced))
def test_every_table_costs_what_the_meters_counted(drawn: Drawn, prices: tuple[Rows, Rows]) -> None:
    """By hour, the energy of the meters of a site, with its overhead, times its price; in each currency apart."""
    rows: Rows = {("a", "EUR"): dict(prices[0]), ("b", "USD"): dict(prices[1])}  # type: ignore[arg-type]
    drawn.rows[PRICES] = rows
    found = measure(drawn.told)
    meters: dict[tuple[str, int], float] = defaultdict(float)
    for cell in found.energy.cells:
        meters[cell.row.site, cell.slot] += cell.joules
    truth: dict[str, float] = {}
    unpriced = False
    for (site, slot), joules in meters.items():
        currency, overhead = {"a": ("EUR", 1.0), "b": ("USD", 1.5)}[site]
        own = rows[site, currency]
        unpriced |= bool(joules) and not own
        price = own.get(slot, sum(own.values()) / len(own)) if own else 0.0
        truth[currency] = truth.get(currency, 0.0) + joules / 3.6e6 * overhead * price
    for each in (*applications.tables(found), *places.tables(found)):
        for number, column in enumerate(each.columns):
            if column.money and each.total is not None:
                whole = None if unpriced else pytest.approx(truth.get(str(column.unit), 0.0), abs=1e-9)
                assert each.total[number] == whole, each.id
