# SPDX-License-Identifier: Apache-2.0
"""Each kind of budget through a month in promtool. Its clock begins on Thursday, 1 January 1970.

Rows come every 2 minutes and rules are evaluated once an hour, so a month takes seconds. All sums are by hand.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from joulepath_rules.rule import Alert, Group
from tests.rules.promtool import Case, run, topology
from tests.rules.recorded import labels, values

ONLY = frozenset({"history", "budgets"})

PLANT = """
interval: 2m
window: 8m
sites: {mast: {grams_per_kwh: 360}, edge: {grams_per_kwh: 360, market: {grams_per_kwh: 36}}}
hosts:
  ru-1: {site: mast, power: [{pdu: pdu-1, outlets: ["1"]}]}
  upf-1: {site: edge, power: [{pdu: pdu-1, outlets: ["2"]}]}
components:
  ru-1: {role: ru, traffic: {anchor: upf-1}}
  upf-1: {role: upf, traffic: {ioam: 4}}
applications:
  a: {traces: [{ioam_namespace: 123, id: "0a"}], path: [ru-1, upf-1], labels: {team: x}}
  b: {traces: [{ioam_namespace: 123, id: "0b"}], path: [upf-1], labels: {team: x}}
  c: {traces: [{ioam_namespace: 123, id: "0c"}], path: [upf-1], labels: {team: y}}
"""

HOUR = 3600

Change = tuple[float, float]
"""A value in the first part of the time, and after it."""


def constant(value: Change, turn: int, end: int) -> str:
    """A row every 2 minutes until hour `end`; the one at the full hour `turn` is still of the first part."""
    first = turn * 30 + 1
    return values([(first, value[0]), (end * 30 - first + 1, value[1])])


def row(application: str, component: str, site: str, watts: Change) -> tuple[str, Change]:
    """The watts of an application at a component."""
    place = labels(application=application, component=component, host=component, segment="network", site=site)
    return f"application_component:power_watts{{{place}}}", watts


def rate(name: str, value: Change, **own: str) -> tuple[str, Change]:
    """A rate that is recorded for an application or a site."""
    return f"{name}{{{labels(**own)}}}", value


ROWS = (
    # W of each application; a has two components.
    row("a", "ru-1", "mast", (60, 120)),
    row("a", "upf-1", "edge", (30, 30)),
    row("b", "upf-1", "edge", (10, 20)),
    row("c", "upf-1", "edge", (5, 5)),
    # g/s and money/h.
    rate("application:co2_grams_per_second", (0.01, 0.02), application="a", segment="network", basis="location"),
    rate("application:co2_grams_per_second", (0.005, 0.005), application="a", segment="model", basis="location"),
    rate("application:co2_grams_per_second", (0.001, 0.001), application="a", segment="network", basis="market"),
    rate("application:co2_grams_per_second", (0.002, 0.002), application="b", segment="network", basis="location"),
    rate("application:cost_per_hour", (0.36, 0.72), application="a", segment="network", currency="EUR"),
    rate("application:cost_per_hour", (9, 9), application="a", segment="network", currency="USD"),
    rate("application:cost_per_hour", (0.04, 0.04), application="b", segment="network", currency="EUR"),
    rate("host:power_watts", (200, 250), host="upf-1", site="edge"),
    rate("host:power_watts", (60, 120), host="ru-1", site="mast"),
    rate("site:co2_grams_per_second", (0.02, 0.025), site="edge", basis="location"),
    rate("site:cost_per_hour", (0.5, 0.5), site="edge", currency="EUR"),
)

# The use of each of them in a second, in both parts of the time.
AMOUNTS: dict[str, tuple[str, Change]] = {
    "application: a, energy: 100kWh": ("budget:energy_joules", (90, 150)),
    "application: a, co2: 100kg": ("budget:co2_grams", (0.015, 0.025)),
    "application: a, co2: 100kg, basis: market": ("budget:co2_grams", (0.001, 0.001)),
    "application: a, cost: 900 EUR": ("budget:cost", (0.36 / 3600, 0.72 / 3600)),
    "team: x, energy: 100kWh": ("budget:energy_joules", (100, 170)),
    "team: x, co2: 100kg": ("budget:co2_grams", (0.017, 0.027)),
    "team: x, cost: 900 EUR": ("budget:cost", (0.4 / 3600, 0.76 / 3600)),
    "site: edge, energy: 100kWh": ("budget:energy_joules", (200, 250)),
    "site: edge, co2: 100kg": ("budget:co2_grams", (0.02, 0.025)),
    "site: edge, cost: 900 EUR": ("budget:cost", (0.5 / 3600, 0.5 / 3600)),
}

Periods = Mapping[str, Mapping[int, tuple[float, float]]]
"""(start, length) in hours of the running period at some hours since the month began."""

MONTH: Periods = {
    # At a midnight it is still the day that ends.
    "per: hour": {250: (249, 1)},
    "per: day": {240: (216, 24), 241: (240, 24), 250: (240, 24)},
    # Monday is 5 January: 96 hours. The first week began 3 days before the first measurement.
    "per: week": {30: (-72, 168), 264: (96, 168), 265: (264, 168), 300: (264, 168)},
    "per: month": {250: (0, 744), 743: (0, 744)},
    # The running hour and 71 before it.
    "window: 3d": {250: (178, 72), 400: (328, 72)},
    # An hour before UTC. The clocks go forward at 01:00 UTC of Sunday, 25 January (577 h).
    "per: day, time_zone: Europe/Berlin": {
        240: (239, 24), 250: (239, 24), 576: (575, 23), 598: (575, 23), 599: (598, 24),
    },
    "per: week, time_zone: Europe/Berlin": {262: (95, 168), 264: (263, 168), 590: (431, 167), 599: (598, 168)},
    "per: month, time_zone: Europe/Berlin": {700: (-1, 743)},
}  # fmt: skip

# The clocks go forward at 01:00 UTC of Sunday, 4 January (73 h).
WEEK: Periods = {
    "per: hour": {30: (29, 1), 100: (99, 1)},
    "per: day": {72: (48, 24), 73: (72, 24), 100: (96, 24)},
    "per: week": {30: (-72, 168), 96: (-72, 168), 97: (96, 168)},
    "per: month": {100: (0, 744)},
    "window: 2d": {30: (-18, 48), 100: (52, 48)},
    "per: day, time_zone: Europe/Berlin": {71: (47, 24), 72: (71, 23), 94: (71, 23), 95: (94, 24)},
    "per: week, time_zone: Europe/Berlin": {94: (-73, 167), 95: (94, 168)},
    "per: month, time_zone: Europe/Berlin": {100: (-1, 743)},
}


# 5:30 and 5:45 hours before UTC. The clocks of Lord Howe are 11 hours before UTC, and 10:30 from 15:00 UTC of Saturday,
# 3 January, on (63 h): they go back by half an hour at 2 in the morning of Sunday.
HALVES: Periods = {
    "per: hour, time_zone: Asia/Kolkata": {30: (29.5, 1), 43: (42.5, 1)},
    "per: day, time_zone: Asia/Kolkata": {18: (-5.5, 24), 19: (18.5, 24), 42: (18.5, 24), 43: (42.5, 24)},
    "per: day, time_zone: Australia/Lord_Howe": {61: (37, 24), 62: (61, 24.5), 85: (61, 24.5), 86: (85.5, 24)},
}
QUARTERS: Periods = {"per: day, time_zone: Asia/Kathmandu": {18: (-5.75, 24), 19: (18.25, 24), 22: (18.25, 24)}}

MONTH_OF_PARTS: Periods = {
    "per: day, time_zone: Asia/Kolkata": {240: (234.5, 24), 259: (258.5, 24)},
    "per: week, time_zone: Asia/Kolkata": {258: (90.5, 168), 259: (258.5, 168)},
    "per: month, time_zone: Asia/Kolkata": {250: (-5.5, 744), 738: (-5.5, 744), 739: (738.5, 672)},
    "per: month, time_zone: Asia/Kathmandu": {738: (-5.75, 744), 739: (738.25, 672)},
}


def used(rates: Change, turn: float, start: float, now: int) -> float:
    """Both parts. The first row is the mean of the 2 minutes before the month; nothing is known before it."""
    first = max(start, -1 / 30)
    return 3600 * (rates[0] * max(min(now, turn) - first, 0) + rates[1] * max(now - max(first, turn), 0))


@dataclass
class Moved(Case):
    """Clocks change on the first Sunday from a day of January on, and in December, in place of March and October."""

    day: int = 25

    def groups(self) -> list[Group]:
        """The rules, with other dates."""
        words = {"bool 3)": "bool 1)", "bool 10)": "bool 12)", "bool 25)": f"bool {self.day})", "bool 4)": "bool 1)"}

        def moved(expr: str) -> str:
            return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], expr)

        rules = [
            (group, [each if isinstance(each, Alert) else replace(each, expr=moved(each.expr)) for each in group.rules])
            for group in super().groups()
        ]
        return [replace(group, rules=tuple(changed)) for group, changed in rules]


def subject(words: str) -> str:
    """The label of that which has the budget."""
    key, value = words.partition(",")[0].split(": ")
    return f'{key}="{value}"'


def kind(words: str) -> str:
    """The label of its kind."""
    if "co2" in words:
        return f'basis="{"market" if "market" in words else "location"}",'
    return 'currency="EUR",' if "cost" in words else ""


def period(words: str) -> str:
    """The labels of its period."""
    name, _, zone = words.partition(", time_zone: ")
    return f'per="{name.partition(": ")[2]}"' + (f',time_zone="{zone}"' if zone else "")


UNITS = {
    "budget:energy_joules": ("joules", 3.6e8),
    "budget:co2_grams": ("co2_grams", 1e5),
    "budget:cost": ("cost", 900),
}


def case(
    name: str, kinds: Iterable[tuple[str, str]], periods: Periods, turn: int, *, day: int = 25, every: int = HOUR
) -> Case:
    """Budgets of these kinds: the used, remaining, projected and covered part."""
    text = "budgets:\n"
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    end = max(now for times in periods.values() for now in times) + 1
    for number, (amount, each) in enumerate(kinds):
        series, rates = AMOUNTS[amount]
        unit, limit = UNITS[series]
        text += f"  b{number}: {{{amount}, {each}}}\n"
        asked = f'{{budget="b{number}"}}'
        ours = f'{subject(amount)},budget="b{number}",{kind(amount)}{period(each)}'
        for now, (start, length) in periods[each].items():
            spent, first = used(rates, turn, start, now), max(start, -1 / 30)
            # The rate of an evaluation at the very change is that of the first part.
            projected = spent + 3600 * (start + length - now) * rates[now > turn]
            wanted = {
                series: spent,
                f"budget:remaining_{unit}": limit - spent,
                f"budget:projected_{unit}": projected,
                "budget:coverage:ratio": (now - first) / (now - start),
            }
            # Sums of thousands of decimal fractions: a billionth of them.
            expect |= {
                (now * 60, f"abs({name}{asked} - {value!r}) <= bool {abs(value) * 1e-9 + 1e-9!r}"): {ours: 1.0}
                for name, value in wanted.items()
            }
    rows = {name: constant(value, turn, end) for name, value in ROWS}
    return Moved(name, topology(PLANT + text), rows, expect, step=120, only=ONLY, every=every, day=day)


@pytest.mark.unit
def test_every_quantity_of_every_subject_adds_up(promtool: Path, tmp_path: Path) -> None:
    """By the day; rates change at 6 in the morning of the second one."""
    days: Periods = {"per: day": {24: (0, 24), 25: (24, 24), 40: (24, 24)}}
    run(promtool, tmp_path, [case("kinds", [(amount, "per: day") for amount in AMOUNTS], days, turn=30)])


@pytest.mark.unit
def test_every_period_adds_up_over_a_change_of_clocks(promtool: Path, tmp_path: Path) -> None:
    """The first days of a month, in UTC and in a time zone, and a rolling window."""
    kinds = [("application: a, co2: 100kg", each) for each in WEEK]
    run(promtool, tmp_path, [case("periods", kinds, WEEK, turn=50, day=4)])


@pytest.mark.unit
def test_days_begin_at_halves_and_quarters_of_hours(promtool: Path, tmp_path: Path) -> None:
    """Rows of 2 minutes fall on halves of hours, and not on quarters: there the rate changes before the midnight."""
    cases = [
        case(name, [("application: a, co2: 100kg", each) for each in periods], periods, turn=turn, day=1, every=every)
        for name, periods, turn, every in (("halves", HALVES, 20, 1800), ("quarters", QUARTERS, 18, 900))
    ]
    run(promtool, tmp_path, cases)


@pytest.mark.long
def test_months_begin_at_halves_and_quarters_of_hours(promtool: Path, tmp_path: Path) -> None:
    """A month of zones that are not whole hours from UTC."""
    kinds = [("team: x, energy: 100kWh", each) for each in MONTH_OF_PARTS]
    run(promtool, tmp_path, [case("parts-month", kinds, MONTH_OF_PARTS, turn=240, every=900)])


@pytest.mark.long
def test_every_kind_adds_up_through_a_month(promtool: Path, tmp_path: Path) -> None:
    """Every amount by the month, and one of each rule's shape by each period."""
    kinds = [(amount, "per: month") for amount in AMOUNTS]
    kinds += [(amount, each) for amount in ("application: a, co2: 100kg", "team: x, energy: 100kWh") for each in MONTH]
    run(promtool, tmp_path, [case("month", dict.fromkeys(kinds), MONTH, turn=240)])
