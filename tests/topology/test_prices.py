# SPDX-License-Identifier: Apache-2.0
"""Prices of sites and hours of the week: what is read, and each mistake in one line that names its key."""

from itertools import product
from typing import Any

import pytest

from joulepath_topology.clocks import clock
from joulepath_topology.hours import Hours
from joulepath_topology.prices import Price
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

BERLIN = {"currency": "EUR", "per_kwh": 0.2, "time_zone": "Europe/Berlin"}


def priced(**price: Any) -> dict[str, Any]:
    """The factory with a price at one site, without the keys that have None."""
    return changed(sites={"edge": {"price": {key: value for key, value in price.items() if value is not None}}})


def by_hours(*hours: dict[str, Any]) -> dict[str, Any]:
    """With prices by hours, all of 0.3."""
    return priced(**BERLIN, hours=[{"per_kwh": 0.3, **each} for each in hours])


@pytest.mark.parametrize(
    "price",
    [
        {"currency": "EUR", "per_kwh": 0.2},
        {"currency": "NOK", "per_kwh": -0.05},
        {"currency": "EUR", "per_kwh": 0},
        {"currency": "EUR", "query": "day_ahead"},
        {"currency": "EUR", "query": 0.2},
        {**BERLIN, "hours": [{"per_kwh": 0.3, "days": "fri-mon", "from": "6:30", "to": 24}]},
        {**BERLIN, "hours": [{"per_kwh": 0.3, "from": 0, "to": 6}, {"per_kwh": 0.4, "from": 6, "to": "06:01"}]},
        {**BERLIN, "hours": [{"per_kwh": 0.3, "days": ["sat", "sun"]}, {"per_kwh": 0.4, "days": "mon, wed"}]},
    ],
    ids=str,
)
def test_a_sound_price_has_no_mistake(price: dict[str, Any]) -> None:
    """Also below 0, from a plain number, with minutes, over the end of a week."""
    assert lines(priced(**price)) == []


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (priced(per_kwh=0.2), "sites.edge.price.currency: is missing"),
        (priced(currency="EUR"), "sites.edge.price: needs one of per_kwh, query"),
        (priced(currency="EUR", per_kwh=0.2, query="p"), "sites.edge.price: has per_kwh and query: write one"),
        (priced(currency="eur", per_kwh=1), "sites.edge.price.currency: must be three capital letters, as in EUR"),
        (priced(currency="EUR", per_kwh="0.2"), "sites.edge.price.per_kwh: must be a number: leave out the quotes"),
        (priced(currency="EUR", per_kwh="0.2 EUR"), "sites.edge.price.per_kwh: must be a number"),
        (priced(currency="EUR", per_kwh=float("inf")), "sites.edge.price.per_kwh: "),
        (priced(currency="EUR", query="sum("), "sites.edge.price.query: is not valid PromQL: "),
        (priced(currency="EUR", per_kwh=0.2, time_zone="UTC"), "sites.edge.price: has a time_zone, which only hours"),
        (priced(**{**BERLIN, "time_zone": "Berlin"}), "sites.edge.price.time_zone: 'Berlin' is not a time zone"),
        (priced(**{**BERLIN, "time_zone": "localtime"}), "sites.edge.price.time_zone: 'localtime' is not a time"),
        (priced(**{**BERLIN, "time_zone": "../x"}), "sites.edge.price.time_zone: '../x' is not a time zone"),
        (
            priced(**{**BERLIN, "time_zone": "Africa/Casablanca"}, hours=[{"per_kwh": 1}]),
            "sites.edge.price.time_zone: Africa/Casablanca does not change its clocks by one rule for all years",
        ),
        (
            priced(currency="EUR", per_kwh=0.2, hours=[{"per_kwh": 0.3}]),
            "sites.edge.price: hours need a time_zone, such as Europe/Berlin: PromQL knows UTC only",
        ),
        (
            priced(currency="EUR", query="p", time_zone="UTC", hours=[{"per_kwh": 0.3}]),
            "sites.edge.price: has a query and hours: the query has the price of every hour",
        ),
        (by_hours({"days": "weekday"}), "sites.edge.price.hours[0].days: must be days of the week such as mon-fri"),
        (by_hours({"days": "mon-"}), "sites.edge.price.hours[0].days: must be days of the week such as mon-fri"),
        (by_hours({"days": []}), "sites.edge.price.hours[0].days: must be days of the week such as mon-fri"),
        (by_hours({"days": True}), "sites.edge.price.hours[0].days: must be days of the week such as mon-fri"),
        (by_hours({"from": 25}), 'sites.edge.price.hours[0].from: must be a full hour, 0 to 24, or a time in quotes'),
        # 22:30 without quotes is the number 1350 in YAML.
        (by_hours({"from": 1350}), 'sites.edge.price.hours[0].from: must be a full hour, 0 to 24, or a time in quotes'),
        (by_hours({"to": 7.5}), 'sites.edge.price.hours[0].to: must be a full hour, 0 to 24, or a time in quotes'),
        (by_hours({"to": "7:60"}), 'sites.edge.price.hours[0].to: must be a full hour, 0 to 24, or a time in quotes'),
        (by_hours({"to": True}), 'sites.edge.price.hours[0].to: must be a full hour, 0 to 24, or a time in quotes'),
        (
            by_hours({"from": 22, "to": 6}),
            "sites.edge.price.hours[0]: ends before it begins: write two entries, from 22 to 24 and from 0 to 6",
        ),
        (by_hours({"from": 22, "to": 0}), "sites.edge.price.hours[0]: ends at 0, where the day begins"),
        (
            by_hours({"days": "mon-fri", "from": 6}, {"days": "sat"}, {"days": "fri-sun", "to": "6:01"}),
            "sites.edge.price: hours[2] overlaps hours[0]: one moment has one price",
        ),
        (by_hours({"per_kwh": None}), "sites.edge.price.hours[0].per_kwh: is missing"),
        (by_hours({"perkwh": 1}), "sites.edge.price.hours[0].perkwh: unknown key 'perkwh' (did you mean per_kwh?)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_mistake_in_a_price_is_one_line(data: dict[str, Any], line: str) -> None:
    """With the key, and what to write."""
    (found,) = lines(data)
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("price", "line"),
    [
        ({"currency": "EUR", "per_kwh": 21}, "warning: sites.edge.price.per_kwh: 21 EUR for a kWh is very much"),
        (
            {**BERLIN, "hours": [{"per_kwh": 80, "from": 6}]},
            "warning: sites.edge.price.hours[0].per_kwh: 80 EUR for a kWh is very much",
        ),
    ],
)
def test_a_price_in_cents_or_for_a_megawatt_hour_is_doubted(price: dict[str, Any], line: str) -> None:
    """Cents and prices of the day-ahead market, which are for a MWh."""
    (found,) = lines(priced(**price))
    assert found.startswith(line)


@pytest.mark.parametrize("currency", ["JPY", "HUF", "INR", "KRW"])
def test_small_units_of_money_are_not_doubted(currency: str) -> None:
    """A kWh costs some tens of them."""
    assert lines(priced(currency=currency, per_kwh=31)) == []


def test_hours_overlap_where_a_minute_is_in_both() -> None:
    """For all pairs of some spans, by counting the minutes of a week."""
    days = ("mon", "fri-mon", "sat,sun", "tue-thu")
    spans = [(0, "0:30"), ("0:30", 6), (5, 24), ("23:59", 24)]
    entries = [
        Hours.model_validate({"days": day, "from": first, "to": last}) for day, (first, last) in product(days, spans)
    ]

    def minutes(entry: Hours) -> set[int]:
        return {
            day * 1440 + minute
            for day in entry.weekdays
            for minute in range(1440)
            if entry.start <= minute * 60 < entry.end
        }

    counted = [minutes(entry) for entry in entries]
    for (one, ours), (other, theirs) in product(zip(entries, counted, strict=True), repeat=2):
        assert one.overlaps(other) == bool(ours & theirs)


def test_the_highest_mean_price_is_that_of_the_dearest_hours() -> None:
    """0.3 from Friday 22:00 over midnight to Saturday 1:30, else 0.1: 3.5 hours, wherever they are looked for."""
    hours = [{"per_kwh": 0.3, "days": "fri", "from": 22}, {"per_kwh": 0.3, "days": "sat", "to": "1:30"}]
    price = Price.model_validate({**BERLIN, "per_kwh": 0.1, "hours": hours})
    for length, dear in ((1 / 60, 1 / 60), (3.5, 3.5), (24, 3.5), (7 * 24, 3.5), (8 * 24, 7)):
        assert price.most(length * 3600) == pytest.approx(0.1 + 0.2 * dear / length)
    assert Price.model_validate({"currency": "EUR", "query": "p"}).most(3600) is None


def test_a_topology_with_a_price_has_another_hash() -> None:
    """Prometheus' rules are then those of another file."""
    hashes = {sound(priced(currency="EUR", per_kwh=price)).hash for price in (0.1, 0.2)}
    assert len(hashes) == 2


@pytest.mark.parametrize(("name", "changes"), [("Europe/Berlin", 2), ("Asia/Kolkata", 0), ("Etc/GMT-1", 0)])
def test_the_rule_of_a_zone_holds_from_any_year_on(name: str, changes: int) -> None:
    """It does not depend on the year in which rules are generated."""
    found = {clock(name, year) for year in (2026, 2031, 2060)}
    assert len(found) == 1
    assert len(next(iter(found)).changes) == changes
