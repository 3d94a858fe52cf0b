# SPDX-License-Identifier: Apache-2.0
"""Budgets: their form, their needs, and how fast they can burn."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import yaml

from joulepath_topology.burning import alarms, ceiling
from joulepath_topology.clocks import clock
from tests.rules.promtool import topology
from tests.topology.examined import lines

pytestmark = pytest.mark.unit

PLANT = """
sites:
  mast: {grams_per_kwh: 360, price: {currency: EUR, per_kwh: 0.2}}
  edge:
    grams_per_kwh: 360
    overhead: 1.5
    price: {currency: EUR, per_kwh: 0.1, time_zone: Europe/Berlin, hours: [{to: 6, per_kwh: 0.3}]}
  shed: {}
  yard: {grams_per_kwh: 1, price: {currency: GBP, per_kwh: 0.2}}
hosts:
  ru-1: {site: mast, max_watts: 100, power: [{pdu: p, outlets: ["1"]}]}
  upf-1: {site: edge, max_watts: 200, power: [{pdu: p, outlets: ["2"]}]}
  shed-1: {site: shed, power: [{pdu: p, outlets: ["3"]}]}
  yard-1: {site: yard, max_watts: 10, power: [{pdu: p, outlets: ["4"]}]}
components:
  ru-1: {role: ru, traffic: {anchor: upf-1}}
  upf-1: {role: upf, traffic: {ioam: 4}}
  shed-1: {role: switch, traffic: {anchor: upf-1}}
applications:
  a: {traces: [{ioam_namespace: 1, id: "0a"}], path: [ru-1, upf-1], labels: {team: x}}
  b: {traces: [{ioam_namespace: 1, id: "0b"}], path: [shed-1, upf-1], labels: {team: y}}
"""


TWICE = "burn: [{part: 5%, within: 1h}, {part: 9%, within: 1h, severity: critical}]"


def plant(budget: str) -> Any:
    """The plant with one budget."""
    return yaml.safe_load(PLANT + f"budgets: {{z: {{{budget}}}}}")


@pytest.mark.parametrize(
    ("budget", "line"),
    [
        ("energy: 1kWh, per: day", "budgets.z: needs one of application, site, label"),
        (
            "application: a, site: mast, energy: 1kWh, per: day",
            "budgets.z: has application and site: only one of application, site, label can stand in one entry",
        ),
        ("application: a, enrgy: 1kWh, per: day", "budgets.z.enrgy: unknown key 'enrgy' (did you mean energy?)"),
        ("application: a, per: day", "budgets.z: needs one of energy, co2, cost"),
        ("application: a, energy: 1kWh, co2: 1kg, per: day", "budgets.z: has energy and co2: write a budget for each"),
        ("application: a, energy: 1kWh", "budgets.z: needs one of per, window"),
        (
            "application: a, energy: 1kWh, per: 7d",
            "budgets.z.per: must be 'hour', 'day', 'week' or 'month'; a time such as 7d",
        ),
        (
            "host: ru-1, energy: 1kWh, per: day",
            "budgets.z: a host cannot have a budget: an application, a site or a label",
        ),
        ("application: a, energy: 1kWh, per: day, severity: page", "budgets.z: severity is one of the labels: write"),
        ("application: a, energy: 1kWh, per: day, window: 7d", "budgets.z: has per and window: keep one of them"),
        ("application: a, energy: 1kWh, window: 90m", "budgets.z.window: must be whole hours, 2h to 31d"),
        (
            "application: a, energy: 1kWh, window: 7d, time_zone: Europe/Berlin",
            "budgets.z: has a window and a time_zone: a window is as long everywhere, so leave the time_zone out",
        ),
        (
            "application: a, co2: 1, per: day",
            "budgets.z.co2: must be a mass of CO2 with its unit, such as 2kg, 500g or 1t",
        ),
        ("application: a, cost: 3, per: day", "budgets.z.cost: must be an amount with its currency, such as 3 EUR"),
        ("application: a, energy: 1kWh, basis: market, per: day", "budgets.z: basis belongs to co2"),
        (
            "application: a, energy: 1kWh, per: day, labels: {host: h}",
            "budgets.z.labels.host: 'host' is a word of the rules or of Prometheus: choose another name",
        ),
        (
            "team: x, energy: 1kWh, per: day, labels: {team: y}",
            "budgets.z: 'team' stands under labels, and the budget has it already",
        ),
        (
            "application: a, energy: 1kWh, per: day, burn: [{part: 5, within: 2h}]",
            "budgets.z.burn[0].part: must be a part of the budget, such as 5%, at most 100%",
        ),
        (
            "application: a, energy: 1kWh, per: day, burn: [{part: 10%, within: 1h}, {part: 20%, within: 60m}]",
            "budgets.z: burn[1] has the time and the severity of burn[0], so that nothing tells their alerts apart: ",
        ),
        (
            f"team: x, energy: 1J, per: day, labels: {{severity: page}}, {TWICE}",
            "budgets.z: burn[1] has the time and the severity of burn[0]",
        ),
        (
            "application: a, energy: 1kWh, per: day, labels: {alertstate: x}",
            "budgets.z.labels.alertstate: 'alertstate' is a word of the rules or of Prometheus: choose another name",
        ),
        # Names.
        (
            "application: c, energy: 1kWh, per: day",
            "budgets.z.application: there is no application 'c' under applications",
        ),
        ("site: c, energy: 1kWh, per: day", "budgets.z.site: there is no site 'c' under sites"),
        (
            "team: z, energy: 1kWh, per: day",
            "budgets.z.team: no application has the label team with the value 'z': its values are x, y",
        ),
        (
            "label: {slice: x}, energy: 1kWh, per: day",
            "budgets.z.slice: no application has the label slice with the value 'x': their labels are team",
        ),
        # Factors.
        (
            "team: y, co2: 1kg, per: day",
            "budgets.z.co2: site 'shed' has no carbon factor: give it grams_per_kwh, or grid_zone and source",
        ),
        ("application: a, co2: 1kg, basis: market, per: day", "budgets.z.co2: site '"),
        ("application: b, cost: 3 EUR, per: day", "budgets.z.cost: site 'shed' has no price: give it one in EUR"),
        (
            "site: yard, cost: 3 EUR, per: day",
            "budgets.z.cost: site 'yard' has its price in GBP, and a budget counts one currency",
        ),
        (
            "application: a, cost: 3 USD, per: day",
            "budgets.z.cost: sites 'edge', 'mast' have their prices in EUR, and a budget counts one currency",
        ),
        # 300 W * 24 h = 7.2 kWh. In an hour 0.1 kWh * 360 g + 0.2 kWh * 1.5 * 360 g = 144 g.
        (
            "team: x, energy: 7.2kWh, per: day",
            "budgets.z.energy: cannot be exceeded: the hosts of 'x' draw at most 300 W, 7.2 kWh in each day",
        ),
        (
            "application: a, co2: 145g, per: hour",
            "budgets.z.co2: cannot be exceeded: the hosts of 'a' come to at most 144 g",
        ),
        # 0.1 kW * 0.2 EUR * 24 + 0.2 kW * 1.5 * (0.3 EUR * 6 + 0.1 EUR * 18) = 1.56 EUR, though 0.11 EUR in an hour.
        (
            "application: a, cost: 1.57 EUR, per: day",
            "budgets.z.cost: cannot be exceeded: the hosts of 'a' come to at most 1.56 EUR in each day",
        ),
        # In 12 hours, 68.6 % of 1.4 EUR: 0.1 kW * 0.2 EUR * 12 + 0.3 kW * (0.3 EUR * 6 + 0.1 EUR * 6) = 0.96 EUR.
        (
            "application: a, cost: 1.4 EUR, per: day, burn: [{part: 60%, within: 11h}, {part: 69%, within: 12h}]",
            "budgets.z.burn[1].part: can never be used in 12h: that is 1.38 times as fast as the budget lasts, and",
        ),
        # 7.2 kWh in 2 kWh are 3.6 at most; half of it in 3 hours are 4 times.
        (
            "application: a, energy: 2kWh, per: day, burn: [{part: 5%, within: 2h}, {part: 50%, within: 3h}]",
            "budgets.z.burn[1].part: can never be used in 3h: that is 4 times as fast as the budget lasts, and",
        ),
        (
            "application: a, energy: 2kWh, per: day, burn: [{part: 1%, within: 20m}]",
            "budgets.z.burn[0].within: must be at least twelve windows, here 24m",
        ),
        (
            "application: a, energy: 2kWh, per: day, burn: [{part: 1%, within: 25h}]",
            "budgets.z.burn[0].within: is longer than the period, 1 day",
        ),
    ],
)
def test_a_budget_that_makes_no_sense_is_one_line(budget: str, line: str) -> None:
    found = lines(plant(budget))
    assert [each for each in found if not each.startswith(line)] == []
    assert found


def test_a_price_below_0_makes_no_budget_unreachable() -> None:
    """The mast may be off while edge costs 0.3 kW * (0.3 EUR * 6 + 0.1 EUR * 18) = 1.08 EUR a day."""
    data = plant("application: a, cost: 1 EUR, per: day")
    data["sites"]["mast"]["price"]["per_kwh"] = -0.2
    assert lines(data) == []
    data["sites"]["edge"]["price"] = {"currency": "EUR", "per_kwh": -1}
    (found,) = lines(data)
    assert found.startswith("budgets.z.cost: cannot be exceeded: the hosts of 'a' come to at most 0 EUR in each day")


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        # 50 W for 24 h are 1.2 kWh; 80 W * 1.5 * 24 h * 0.1 EUR/kWh, the lowest price, are 0.288 EUR.
        ("site: mast, energy: 1.2kWh, per: day", ["those of 'mast' come to 1.2 kWh"]),
        ("site: mast, energy: 1.3kWh, per: day", []),
        ("site: edge, cost: 0.28 EUR, per: day", ["those of 'edge' come to 0.288 EUR"]),
        ("site: edge, cost: 0.29 EUR, per: day", []),
        ("site: shed, energy: 1J, per: day", []),
        ("application: a, energy: 1J, per: day", []),
    ],
)
def test_a_budget_that_idle_hosts_use_up_is_doubted(budget: str, words: list[str]) -> None:
    """Of a site: the share of an application in idle power is not known beforehand."""
    data = plant(budget)
    data["hosts"]["ru-1"]["static_watts"] = 50
    data["hosts"]["upf-1"]["static_watts"] = 80
    found = lines(data)
    assert len(found) == len(words)
    for line, end in zip(found, words, strict=True):
        quantity = "energy" if "energy" in budget else "cost"
        assert line.startswith(
            f"warning: budgets.z.{quantity}: is used up by idle hosts: with their `static_watts` alone"
        )
        assert line.endswith(end)


@pytest.mark.parametrize(
    ("zone", "longest"), [("Asia/Kolkata", "15m"), ("Australia/Lord_Howe", "15m"), ("Asia/Kathmandu", "450s")]
)
def test_parts_of_hours_need_a_window_that_closes_them(zone: str, longest: str) -> None:
    budget = plant(f"application: a, energy: 1kWh, per: day, time_zone: {zone}")
    assert lines({**budget, "window": longest}) == []
    (found,) = lines({**budget, "window": "16m"})
    part = "30m" if longest == "15m" else "15m"
    assert found.startswith(
        f"budgets.z.time_zone: is not whole hours from UTC: its days begin at full {part}, which needs a `window` of "
        f"at most {longest}"
    )


def test_every_zone_begins_its_days_at_a_quarter_hour() -> None:
    """All of the database, in winter and in summer: the rules record quarters, halves and whole hours."""
    moments = [datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7)]
    offsets = {at.astimezone(ZoneInfo(name)).utcoffset() for name in available_timezones() for at in moments}
    assert {offset.total_seconds() % 900 for offset in offsets if offset is not None} == {0}
    names = ("Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham")
    assert [clock(name).grain for name in names] == [3600, 1800, 1800, 900, 900]


def rows(budget: str) -> list[tuple[float, float, float, str]]:
    """Part, minutes, factor and severity of its alerts."""
    ours = topology(PLANT + f"budgets: {{z: {{{budget}}}}}")
    (own,) = ours.budgets.values()
    return [(each.part, each.long / 60, each.factor, each.severity) for each in alarms(ours, own)]


def test_alerts_about_burning_follow_from_the_period() -> None:
    """Without a ceiling: sloth's parts, at the same factors whatever the period is; the shed has none."""
    month = [
        (0.02, 62, 14.4, "critical"), (0.05, 372, 6, "critical"), (0.1, 1488, 3, "warning"), (0.1, 4464, 1, "warning"),
    ]  # fmt: skip
    assert rows("team: y, energy: 1kWh, per: month") == month
    # Short times: a week's first one is 70 s, a day's second one 60 s, and the window is 2 minutes.
    assert rows("team: y, energy: 1kWh, per: week") == [
        (0.05, 84, 6, "critical"), (0.1, 336, 3, "warning"), (0.1, 1008, 1, "warning"),
    ]  # fmt: skip
    assert rows("team: y, energy: 1kWh, window: 1d") == [(0.1, 48, 3, "warning"), (0.1, 144, 1, "warning")]
    assert rows("team: y, energy: 1kWh, per: hour") == []


def test_alerts_that_cannot_be_reached_take_longer() -> None:
    """300 W * 744 h = 223.2 kWh of 150 kWh: 1.488 at most. (1 + 1.488) / 2 = 1.244; 2 % go in 0.02 * 744 h / 1.244."""
    found, factor = rows("application: a, energy: 150kWh, per: month"), pytest.approx(1.244, rel=1e-3)
    assert found == [
        (0.02, 718, factor, "critical"), (0.05, 1795, factor, "critical"), (0.1, 3589, factor, "warning"),
        (0.1, 4464, 1, "warning"),
    ]  # fmt: skip
    assert all(minutes == -(-part * 744 * 60 // 1.244) for part, minutes, *_ in found[:3])


def test_the_most_that_can_be_drawn_has_the_overhead_and_the_highest_price() -> None:
    ours = topology(
        PLANT + "budgets: {e: {site: edge, energy: 1J, per: day}, c: {site: edge, co2: 1g, per: day}, "
        "m: {site: edge, cost: 1 EUR, per: day}, s: {site: shed, energy: 1J, per: day}}"
    )
    most = {name: ceiling(ours, budget) for name, budget in ours.budgets.items()}
    assert most == {
        "e": 200,
        "c": pytest.approx(200 * 1.5 * 360 / 3.6e6),
        "m": pytest.approx(200 * 1.5 * 0.3 / 3.6e6),
        "s": None,
    }
