# SPDX-License-Identifier: Apache-2.0
"""Prices and costs (docs/guides/money.md) in promtool, with numbers worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rules.promtool import Case, node, outlet, run, topology, trace
from tests.rules.recorded import TOPOLOGY, labels, total, values
from tests.rules.test_placements import requests, rows

pytestmark = pytest.mark.unit

X, Y, Z = (f"{number:032x}" for number in (10, 11, 12))

PRICED = f"""
policy: bytes
sites:
  a: {{overhead: 1.5, price: {{currency: EUR, per_kwh: 0.2}}}}
  b: {{price: {{currency: EUR, query: day_ahead}}}}
  c: {{price: {{currency: USD, per_kwh: 0.1}}}}
  d: {{}}
hosts:
  a: {{site: a, power: [{{pdu: p, outlets: ["1"]}}]}}
  b: {{site: b, power: [{{pdu: p, outlets: ["2"]}}]}}
  c: {{site: c, power: [{{pdu: p, outlets: ["3"]}}]}}
  d: {{site: d, power: [{{pdu: p, outlets: ["4"]}}]}}
components:
  a: {{role: ru, traffic: {{ioam: 1}}}}
  b: {{role: upf, traffic: {{ioam: 2}}}}
  c: {{role: upf, traffic: {{ioam: 3}}}}
  d: {{role: upf, traffic: {{ioam: 4}}}}
applications:
  x: {{labels: {{team: red}}, traces: [{{ioam_namespace: 123, id: "{X}"}}], path: [a, b]}}
  y: {{labels: {{team: red}}, traces: [{{ioam_namespace: 123, id: "{Y}"}}], path: [a, c]}}
  z: {{labels: {{team: blue}}, traces: [{{ioam_namespace: 123, id: "{Z}"}}], path: [a, d]}}
"""

WATTS = {"1": 100, "2": 200, "3": 300, "4": 50}


def priced(day_ahead: str) -> dict[str, str]:
    """Each node counts 1000 bytes/s. Of them x has 600 and 500 at a and b, y 200 and 400 at a and c, z 100 and 500."""
    series = {"day_ahead": day_ahead}
    for plug, watts in WATTS.items():
        series |= outlet("p", plug, watts) | node(int(plug), 10, 1000)
    for identifier, number, volume in ((X, 1, 600), (X, 2, 500), (Y, 1, 200), (Y, 3, 400), (Z, 1, 100), (Z, 4, 500)):
        series |= trace(identifier, number, volume / 100, volume)
    return series


# Watts: x 60 and 100, y 20 and 120, z 10 and 25. A watt at a is 1.5 W at the meter, 0.3 EUR/kWh.
Y_COSTS = {'application="y",currency="EUR"': 20 * 0.3 / 1000, 'application="y",currency="USD"': 120 * 0.1 / 1000}


def four_sites() -> Case:
    """Two currencies, a site without a price, and a price that changes and is lost."""
    x = {'application="x",currency="EUR"': 60 * 0.3 / 1000 + 100 * 0.25 / 1000}
    costs = "sum by (application, currency) (application:cost_per_hour)"
    fixed = {'currency="EUR",site="a"': 0.1 * 0.3, 'currency="USD",site="c"': 0.3 * 0.1}
    return Case(
        "four-sites",
        topology(PRICED),
        priced("0.25x15 -0.1x11 stale"),
        {
            (3.5, "site:price_per_kilowatt_hour"): {
                'currency="EUR",site="a"': 0.2,
                'currency="EUR",site="b"': 0.25,
                'currency="USD",site="c"': 0.1,
            },
            (3.5, "site:cost_per_hour"): {**fixed, 'currency="EUR",site="b"': 0.2 * 0.25},
            # z is at d, which has no price; so is a part of unattributed.
            (3.5, costs): {**x, **Y_COSTS},
            (3.5, "application:cost_per_hour"): rows(
                {(name, currency, "network"): cost for name, currency, cost in (
                    ("x", "EUR", 0.043), ("y", "EUR", 0.006), ("y", "USD", 0.012)
                )},
                "application", "currency", "segment",
            ),
            (3.5, "team:application_cost_per_hour"): rows(
                {("EUR", "network", "red"): 0.049, ("USD", "network", "red"): 0.012}, "currency", "segment", "team"
            ),
            # A kWh for which the consumer is paid.
            (6, "site:cost_per_hour"): {**fixed, 'currency="EUR",site="b"': 0.2 * -0.1},
            (6, costs): {'application="x",currency="EUR"': 0.018 - 0.01, **Y_COSTS},
            # Without b's price x is a gap; y is not at b.
            (9, "site:cost_per_hour"): fixed,
            (9, costs): Y_COSTS,
            (9, "team:application_cost_per_hour"): {},
        },
    )  # fmt: skip


def odd_prices(name: str, values: dict[str, str], believed: float | None = None) -> Case:
    """A query that does not give one number gives a gap, also in the cost."""
    series = priced("_x40") | values
    there = {} if believed is None else {'currency="EUR",site="b"': believed}
    return Case(
        name,
        topology(PRICED),
        series,
        {
            (8, 'site:price_per_kilowatt_hour{site="b"}'): there,
            (8, "sum by (application, currency) (application:cost_per_hour)"): {
                **({} if believed is None else {'application="x",currency="EUR"': 0.018 + 0.1 * believed}), **Y_COSTS
            },
        },
    )  # fmt: skip


SERVED = """
sites: {north: {overhead: 1.5, price: {currency: EUR, per_kwh: 0.3}}, south: {price: {currency: USD, per_kwh: 0.2}}}
hosts:
  a: {site: north, power: [{pdu: p, outlets: ["1"]}]}
  b: {site: south, power: [{pdu: p, outlets: ["2"]}]}
components:
  qwen: {role: model, hosts: [a, b], requests: vllm}
applications:
  x: {models: [qwen]}
"""


def served() -> Case:
    """A request and a token of a model on hosts with two currencies."""
    return Case(
        "served",
        topology(SERVED),
        {**outlet("p", "1", 600), **outlet("p", "2", 100), **requests("qwen", "x", 0.01, 0.1)},
        {
            (8, "application:cost_per_inference"): {
                'application="x",currency="EUR"': 0.6 * 1.5 * 0.3 / 36, 'application="x",currency="USD"': 0.1 * 0.2 / 36
            },
            (8, "application:cost_per_token"): {
                'application="x",currency="EUR"': 0.6 * 1.5 * 0.3 / 360,
                'application="x",currency="USD"': 0.1 * 0.2 / 360,
            },
            # The meters' energy times the price: all applications, with unattributed.
            (8, "sum by (currency) (application:cost_per_hour) - on (currency) sum by (currency) (site:cost_per_hour)"):
                {'currency="EUR"': 0, 'currency="USD"': 0},
        },
    )  # fmt: skip


CONTRACT = """
sites:
  s:
    overhead: 1.5
    price:
      currency: EUR
      per_kwh: 0.2
      time_zone: Europe/Berlin
      hours: [{days: wed-thu, from: 1, to: "1:05", per_kwh: -0.1}, {days: fri-tue, per_kwh: 9}]
hosts: {h: {site: s, power: [{pdu: p, outlets: ["1"]}]}}
components: {h: {role: device}}
"""


def by_hours() -> Case:
    """The clock of the tests begins on a Thursday at 1:00 in Berlin; a row stands for the time 1 minute before it."""
    return Case(
        "by-hours",
        topology(CONTRACT),
        outlet("p", "1", 100),
        {
            (4, "site:price_per_kilowatt_hour"): {'currency="EUR",site="s"': -0.1},
            (4, "site:cost_per_hour"): {'currency="EUR",site="s"': 0.1 * 1.5 * -0.1},
            (5.75, "site:price_per_kilowatt_hour"): {'currency="EUR",site="s"': -0.1},
            (6, "site:price_per_kilowatt_hour"): {'currency="EUR",site="s"': 0.2},
            # Derived rules read an evaluation of one to two intervals before.
            (6.5, "application:cost_per_hour"): {
                'application="unattributed",currency="EUR",segment="device"': 0.1 * 1.5 * 0.2
            },
        },
    )


CASES = [
    by_hours(),
    four_sites(),
    odd_prices("nan", {"day_ahead": " ".join(["NaN"] * 40)}),
    odd_prices("infinite", {"day_ahead": " ".join(["Inf"] * 40)}),
    odd_prices("two-prices", {'day_ahead{job="1"}': "0.2x40", 'day_ahead{job="2"}': "0.3x40"}),
    odd_prices("two-exporters", {'day_ahead{job="1"}': "0.2x40", 'day_ahead{job="2"}': "0.2x40"}, 0.2),
    served(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_costs_are_those_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])


watts = st.integers(0, 500)
prices = st.floats(-0.5, 2).map(lambda price: round(price, 4))
parts = st.lists(st.integers(0, 40), min_size=4, max_size=4)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plugs=st.tuples(watts, watts, watts), price=st.tuples(prices, prices, prices), sent=parts)
def test_applications_cost_what_the_meters_counted(
    plugs: tuple[int, int, int], price: tuple[float, float, float], sent: list[int], promtool: Path, tmp_path: Path
) -> None:
    """With `unattributed`, in each currency: watts of the plugs, times overhead, times price; all sites have one."""
    text = PRICED.replace("  d: {}", f"  d: {{price: {{currency: USD, per_kwh: {price[2]}}}}}")
    text = text.replace("per_kwh: 0.2}", f"per_kwh: {price[0]}}}")
    series = {"day_ahead": f"{price[1]}x40", **outlet("p", "1", plugs[0]), **outlet("p", "2", plugs[1])}
    series |= outlet("p", "3", 300) | outlet("p", "4", plugs[2])
    for number in range(1, 5):
        series |= node(number, 10, 100)
    marks = ((X, 1), (X, 2), (Y, 1), (Z, 4))
    for (identifier, number), volume in zip(marks, sent, strict=True):
        series |= trace(identifier, number, 1, volume)
    series |= trace(Y, 3, 1, 20) | trace(Z, 1, 1, 10)
    truth = {
        'currency="EUR"': (plugs[0] * 1.5 * price[0] + plugs[1] * price[1]) / 1000,
        'currency="USD"': (300 * 0.1 + plugs[2] * price[2]) / 1000,
    }
    sums = ("application:cost_per_hour", "site:cost_per_hour", "team:application_cost_per_hour")
    expect: dict[tuple[float, str], Mapping[str, float]] = {(8, f"sum by (currency) ({name})"): truth for name in sums}
    run(promtool, tmp_path, [Case("sums", topology(text), series, expect)])


def cost(application: str, currency: str, segment: str) -> str:
    """The labels of one row of the cost."""
    return f"application:cost_per_hour{{{labels(application=application, currency=currency, segment=segment)}}}"


def test_the_cost_of_an_hour_is_recorded_by_currency(promtool: Path, tmp_path: Path) -> None:
    """The mean of what was known, times an hour, where the energy of that hour is charged as a whole.

    Rows of 4 minutes, once a minute: those of minutes 3 to 62 stand for the first hour, recorded at 1:03.
    """
    series = {
        **total("steady", [(200, 60.0)]),
        cost("steady", "EUR", "network"): values([(63, 0.02), (60, -0.01), (100, 1.0)]),
        # A model abroad is asked in the second half of the second hour: its currency costs nothing before.
        **total("abroad", [(200, 10.0)]),
        cost("abroad", "EUR", "network"): values([(200, 0.04)]),
        cost("abroad", "USD", "model"): values([(93, None), (200, 0.5)]),
        # The price was lost in a half of the second hour.
        **total("gaps", [(200, 60.0)]),
        cost("gaps", "EUR", "network"): values([(63, 0.02), (30, None), (100, 0.06)]),
    }
    hour = "application:cost:1h"
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (62, hour): {},
        (63, f'sum by (application, currency) ({hour}{{application!="gaps"}})'): rows(
            {("steady", "EUR"): 0.02, ("abroad", "EUR"): 0.04}, "application", "currency"
        ),
        (123, f"sum by (application, currency) ({hour})"): rows(
            {
                ("steady", "EUR"): -0.01,
                ("abroad", "EUR"): 0.04,
                ("abroad", "USD"): 0.25,
                ("gaps", "EUR"): 0.06,
            },
            "application",
            "currency",
        ),
    }
    hourly = topology(TOPOLOGY.replace("grams_per_kwh: 360", "price: {currency: EUR, per_kwh: 0.2}"))
    run(promtool, tmp_path, [Case("hours", hourly, series, expect, step=60, only=frozenset({"history"}))])
