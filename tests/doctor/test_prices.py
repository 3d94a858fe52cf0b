# SPDX-License-Identifier: Apache-2.0
"""Findings about prices: a query without a price, with several, with none that is a number; sites without one."""

from collections.abc import Mapping

import pytest

from joulepath_doctor.checks import periods, sites, sources
from joulepath_doctor.context import context
from joulepath_topology import Topology
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

PLANT = topology("""
sites:
  a: {price: {currency: EUR, query: 'day_ahead{zone="DE"}'}}
  b: {price: {currency: EUR, per_kwh: 0.2}}
  c: {}
  empty: {}
hosts:
  a: {site: a, power: [{watts: 1}]}
  b: {site: b, power: [{watts: 1}]}
  c: {site: c, power: [{watts: 1}]}
components: {a: {role: device}}
""")

DE = {"zone": "DE"}
GRID = "{grid_zone: DE, source: ember}"
UNKNOWN = "an application with watts there has no CO2. State grams_per_kwh, or grid_zone and source"


def factors(one: str, other: str) -> Topology:
    """A host at each of two sites."""
    return topology(f"""
sites: {{a: {one}, b: {other}}}
hosts:
  a: {{site: a, power: [{{watts: 1}}]}}
  b: {{site: b, power: [{{watts: 1}}]}}
components: {{a: {{role: device}}}}
""")


def findings(queries: Mapping[str, Rows], paths: Mapping[str, list[str]] | None = None) -> list[str]:
    """Where, what and why, of all checks that concern prices."""
    with answering(queries, paths) as server:
        about = context(PLANT, server, 3600, clock(NOW, NOW))
        found = [*sources.check(about), *(one for one in periods.check(about) if one.kind.id == "price/absent")]
        return [f"{one.where}: {one.kind.id}: {one.message}" for one in found]


ABSENT = "sites: price/absent: c without a price: an application with watts there has no cost. State a price, or 0"


@pytest.mark.parametrize("value", [0.25, 0.0, -0.1])
def test_any_number_is_a_price(value: float) -> None:
    """Also a negative one. A site without a price is told while others have one, unless nothing stands there."""
    assert findings({"^day_ahead": [(DE, value)]}) == [ABSENT]


def test_a_price_that_was_there_is_stale() -> None:
    """The price of the day-ahead market ends when nothing fetches it any more."""
    (stale, _) = findings({r"^present_over_time\(day_ahead.*1h": [(DE, 1)]})
    assert stale.startswith('sites.a.price.query: source/stale: day_ahead{zone="DE"} was last seen')


def test_a_price_that_never_was_is_absent() -> None:
    """With the names that are there."""
    (absent, _) = findings({}, {"label/__name__/values": ["dayahead"]})
    assert absent.startswith("sites.a.price.query: source/absent: ")


def test_several_prices_are_ambiguous_unless_they_agree() -> None:
    """Two exporters of one price are well."""
    twice: Rows = [({"job": "x"}, 0.2), ({"job": "y"}, 0.2)]
    assert findings({"^day_ahead": twice}) == [ABSENT]
    (several, _) = findings({"^day_ahead": [*twice, ({"job": "z"}, 0.3)]})
    assert several.endswith("source/ambiguous: the query gives 3 prices, from 0.2 to 0.3: choose one by its labels")


def test_a_price_that_is_not_a_number_is_named() -> None:
    """NaN, as of a mean over nothing, in the words of the server."""
    (odd, _) = findings({"^day_ahead": [(DE, float("nan"))], r"^present_over_time": [(DE, 1)]})
    assert odd == "sites.a.price.query: source/no-amount: the query gives NaN or infinite now: a price is a number"


@pytest.mark.parametrize(
    ("query", "answers", "others"),
    [
        ("day_ahead", {"^day_ahead": [({"currency": "EUR"}, 0.2)]}, ""),
        ("day_ahead", {"^day_ahead": [({}, 0.2)]}, ""),
        ("day_ahead", {"^day_ahead": [({"currency": "SEK"}, 0.2)]}, "SEK"),
        # The answer has lost the label of the series.
        ("max(day_ahead)", {"^max": [({}, 0.2)], "^day_ahead": [({"currency": "SEK"}, 0.2)]}, "SEK"),
        ("max(day_ahead)", {"^max": [({}, 0.2)], "^day_ahead": [({"currency": "EUR"}, 0.2)]}, ""),
        (
            "max(day_ahead)",
            {"^max": [({}, 0.2)], "^day_ahead": [({"currency": name}, 0.2) for name in ("EUR", "SEK", "DKK")]},
            "DKK and SEK",
        ),
        # It is converted, and the answer says so.
        (
            'label_replace(day_ahead / 11, "currency", "EUR", "", "")',
            {"^label_replace": [({"currency": "EUR"}, 0.2)], "^day_ahead": [({"currency": "SEK"}, 2.2)]},
            "",
        ),
    ],
)
def test_a_price_in_another_currency_is_found(query: str, answers: Mapping[str, Rows], others: str) -> None:
    """By the label of the answer, else of the series that the query reads."""
    plant = topology(f"""
sites: {{a: {{price: {{currency: EUR, query: '{query}'}}}}}}
hosts: {{a: {{site: a, power: [{{watts: 1}}]}}}}
components: {{a: {{role: device}}}}
""")
    with answering(answers) as server:
        told = [
            (one.kind.id, one.where, one.message) for one in sites.check(context(plant, server, 3600, clock(NOW, NOW)))
        ]
    if others:
        ((kind, where, message),) = told
        assert (kind, where) == ("price/currency", "sites.a.price.query")
        assert message.startswith(f"reads prices in {others}, and the currency is EUR: ")
    else:
        assert told == []


def test_a_site_without_a_factor_beside_others_is_a_note() -> None:
    """An application with watts at both has no CO2 at all, so the reason must stand somewhere."""
    with answering({}) as server:
        house = [
            [one.message for one in periods.check(context(plant, server, 3600, clock(NOW, NOW)))]
            for plant in (factors("{grams_per_kwh: 344}", "{}"), factors("{}", "{}"), factors(GRID, GRID))
        ]
    assert house == [
        [f"b without a carbon factor: {UNKNOWN}"],
        [],
        [],
    ]
