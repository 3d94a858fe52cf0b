# SPDX-License-Identifier: Apache-2.0
"""Budgets in promtool: its clock starts at midnight UTC of the first of a month."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules import factory
from tests.rules.promtool import Case, run, topology
from tests.rules.recorded import TOPOLOGY, Pieces, row, total, values

pytestmark = pytest.mark.unit

BUDGETS = """
budgets:
  a-hour: {application: a, energy: 100kJ, per: hour}
  a-day: {application: a, energy: 1kWh, per: day}
  a-month: {application: a, energy: 1MWh, per: month}
"""

ONLY = frozenset({"history", "budgets", "alerts"})


Expected = Mapping[tuple[float, str], Mapping[str, float]]
"""The expected answer to (minute, query): a value for each budget."""


def case(name: str, series: Mapping[str, str], expect: Expected, **more: Any) -> Case:
    """Budgets over rows that the chain recorded once a minute."""
    rows = {
        place: {f'application="a",budget="{each}",per="{each.removeprefix("a-")}"': wanted[each] for each in wanted}
        for place, wanted in expect.items()
    }
    text = TOPOLOGY + more.pop("budgets", BUDGETS)
    return Case(name, topology(text), series, dict(rows), step=60, only=ONLY, **more)


def each(value: float) -> dict[str, float]:
    """All three budgets have this value."""
    return dict.fromkeys(("a-hour", "a-day", "a-month"), value)


def both(ru: Pieces, upf: Pieces) -> dict[str, str]:
    """Application a at both of its components."""
    return {**row("a", "ru-1", ru), **row("a", "upf-1", upf)}


def test_only_known_time_counts_towards_a_budget(promtool: Path, tmp_path: Path) -> None:
    """Once a minute. A row at minute m is a mean of 4 minutes; the first is there once half of them was measured."""
    upf: Pieces = [(400, 30.0)]
    cases = [
        # 60 + 30 W from the first minute on. In the second hour the running one counts alone.
        case(
            "steady",
            both([(400, 60.0)], upf),
            {
                (1, "budget:energy_joules"): each(90 * 60),
                (60, "budget:energy_joules"): each(90 * 3600),
                (61, "budget:energy_joules"): {"a-hour": 90 * 60, "a-day": 90 * 3660, "a-month": 90 * 3660},
                (190, "budget:energy_joules"): {"a-hour": 90 * 600, "a-day": 90 * 11400, "a-month": 90 * 11400},
                (190, "budget:coverage:ratio"): {"a-hour": 1, "a-day": 1, "a-month": 1},
            },
        ),
        # First row at 3:01, so measured since 3:00 at least. The budget is not charged for the night.
        case(
            "first-hour",
            both([(181, None), (120, 60.0)], [(181, None), (120, 30.0)]),
            {
                (180, "budget:energy_joules"): {},
                (180, "budget:coverage:ratio"): {"a-hour": 0, "a-day": 0, "a-month": 0},
                (210, "budget:energy_joules"): {
                    "a-hour": 90 * 1800,
                    "a-day": 90 * 1800,
                    "a-month": 90 * 1800,
                },
                (210, "budget:coverage:ratio"): {"a-hour": 1, "a-day": 30 / 210, "a-month": 30 / 210},
                # 3:00 to 4:00 is closed.
                (250, "budget:energy_joules"): {"a-hour": 90 * 600, "a-day": 90 * 70 * 60, "a-month": 90 * 70 * 60},
            },
        ),
        # Shares unknown from 11 to 39: charged with the mean while it lasts and after it.
        case(
            "capture-away",
            both([(11, 60.0), (29, None), (60, 60.0)], [(11, 30.0), (29, None), (60, 30.0)]),
            {
                (39, "budget:energy_joules"): each(90 * 39 * 60),
                (39, "budget:projected_joules"): {
                    "a-hour": 90 * 3600,
                    "a-day": 90 * 86400,
                    "a-month": 90 * 31 * 86400,
                },
                (59, "budget:energy_joules"): each(90 * 59 * 60),
                (59, "budget:coverage:ratio"): each(30 / 59),
            },
        ),
        # Each component has its own mean: ru-1 (10 * 60 + 10 * 120) / 20 = 90 W over 30 minutes, upf-1 30 W.
        case(
            "one-meter-dark",
            both([(11, 60.0), (10, None), (60, 120.0)], upf),
            {
                (30, "budget:energy_joules"): each(120 * 1800),
                (30, "budget:coverage:ratio"): each(2 / 3),
            },
        ),
        # 0 W is known: 20 idle minutes are not charged with the mean of the 10 busy ones.
        case(
            "idle-first",
            both([(21, 0.0), (60, 60.0)], [(21, 0.0), (60, 30.0)]),
            {(30, "budget:energy_joules"): each(90 * 600)},
        ),
        # Gone for good at 10: a gap until the period ends; a period that never knew it has no energy.
        case(
            "gone",
            both([(11, 60.0)], [(11, 30.0)]),
            {
                (30, "budget:energy_joules"): each(90 * 1800),
                (90, "budget:energy_joules"): dict.fromkeys(("a-day", "a-month"), 90 * 90 * 60),
                (90, "budget:coverage:ratio"): {"a-hour": 0, "a-day": 1 / 9, "a-month": 1 / 9},
            },
        ),
        # Unknown from 0:51 to 1:10: the second hour is charged from its start, for the hour before was measured.
        case(
            "gap-across-the-hour",
            both([(51, 60.0), (20, None), (60, 60.0)], upf),
            {
                (80, "budget:energy_joules"): {"a-hour": 90 * 1200, "a-day": 90 * 4800, "a-month": 90 * 4800},
                (80, "budget:coverage:ratio"): {"a-hour": 1 / 2, "a-day": 3 / 4, "a-month": 3 / 4},
            },
        ),
        # ru-1 joins the path by a reload at 0:30: its first row is at 0:31.
        case(
            "component-added",
            both([(31, None), (60, 60.0)], upf),
            {
                (30, "budget:energy_joules"): {},
                (30, "budget:coverage:ratio"): each(0),
                (60, "budget:energy_joules"): each(30 * 3600 + 60 * 1800),
                (60, "budget:coverage:ratio"): each(1 / 2),
            },
        ),
        # old-1 leaves the path after 20 minutes at 20 W: what it used stays, and no more is added.
        case(
            "component-removed",
            {**both([(200, 60.0)], upf), **row("a", "old-1", [(21, 20.0)])},
            {
                (60, "budget:energy_joules"): each(90 * 3600 + 20 * 1200),
                (130, "budget:energy_joules"): {
                    "a-hour": 90 * 600,
                    "a-day": 90 * 130 * 60 + 20 * 1200,
                    "a-month": 90 * 130 * 60 + 20 * 1200,
                },
            },
        ),
    ]
    run(promtool, tmp_path, cases)


def test_a_budget_is_charged_from_meters_and_packets(promtool: Path, tmp_path: Path) -> None:
    """The factory's a draws 123 W; its ioam exporter is away from 10 to 40 while the meters are read."""
    series = {}
    for name, text in factory.everything().items():
        step = 4 * float(text.removeprefix("0+").removesuffix("x40")) if text.startswith("0+") else 0.0
        series[name] = f"0+{step!r}x70" if step else text.replace("x40", "x70")
        if name.startswith("ioam"):
            series[name] = f"0+{step!r}x10 _x29 {40 * step!r}+{step!r}x30"
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (minute, "budget:energy_joules"): {
            f'application="a",budget="a-{per}",per="{per}"': 123 * minute * 60 for per in ("hour", "day", "month")
        }
        for minute in (9, 39, 59)
    }
    spaced = topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY + BUDGETS)
    run(promtool, tmp_path, [Case("factory", spaced, series, expect, step=60)])


def test_a_new_day_starts_at_0(promtool: Path, tmp_path: Path) -> None:
    """30 W from 23:00 to midnight, 60 W after it: the new day has its figure at once and nothing of the old one."""
    rows: Pieces = [(1381, None), (60, 15.0), (30, 30.0)]
    wanted: Expected = {
        (1440, "budget:energy_joules"): {"a-day": 30 * 3600},
        (1441, "budget:energy_joules"): {"a-day": 60 * 60},
        (1460, "budget:energy_joules"): {"a-day": 60 * 1200},
        (1460, "budget:coverage:ratio"): {"a-day": 1},
    }
    day = "budgets: {a-day: {application: a, energy: 1kWh, per: day}}"
    run(promtool, tmp_path, [case("midnight", both(rows, rows), wanted, budgets=day)])


def test_a_component_on_two_hosts_counts_on_each(promtool: Path, tmp_path: Path) -> None:
    """60 W on one host, and 40 W on the other, of which the last half hour is not known: 40 W there all the same."""
    text = TOPOLOGY.replace("  ru-1: {role: ru, traffic", "  ru-1: {role: ru, hosts: [ru-1, ru-2], traffic").replace(
        "components:", '  ru-2: {site: lab, power: [{pdu: pdu-1, outlets: ["3"]}]}\ncomponents:'
    )
    series = both([(61, 60.0)], [(61, 30.0)])
    (first,) = (name for name in series if 'component="ru-1"' in name)
    series[first.replace('host="ru-1"', 'host="ru-2"')] = values([(31, 40.0), (30, None)])
    ours = topology(text + BUDGETS.split("  a-day", maxsplit=1)[0])
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (60, "budget:energy_joules"): {'application="a",budget="a-hour",per="hour"': 130 * 3600},
        (60, "budget:coverage:ratio"): {'application="a",budget="a-hour",per="hour"': 0.5},
    }
    run(promtool, tmp_path, [Case("hosts", ours, series, expect, step=60, only=ONLY)])


def alert(name: str, severity: str, minute: int, summary: str, *descriptions: str) -> dict[str, Any]:
    """The expectation for promtool of an alert of a-hour."""
    ours = {"application": "a", "budget": "a-hour", "per": "hour", "severity": severity, "topology": "joulepath"}
    ours["quantity"] = "energy"
    return {
        "eval_time": f"{minute}m",
        "alertname": name,
        "exp_alerts": [
            {
                "exp_labels": ours,
                "exp_annotations": {
                    "summary": summary,
                    "description": description,
                    "runbook": f"docs/reference/alerts.md#{name.lower()}",
                },
            }
            for description in descriptions
        ],
    }


def exceeded(minute: int, *descriptions: str) -> dict[str, Any]:
    """The budget is used up."""
    return alert("EnergyBudgetExceeded", "critical", minute, "Budget a-hour is used up", *descriptions)


def projected(minute: int, *descriptions: str) -> dict[str, Any]:
    """The budget will be used up."""
    return alert("EnergyBudgetProjected", "warning", minute, "Budget a-hour is about to be used up", *descriptions)


def test_alerts_fire_before_and_after_a_budget_is_used(promtool: Path, tmp_path: Path) -> None:
    """90 W reach 100 kJ after 18.5 minutes, and 324 kJ in an hour; unknown time counts, and the alert says so."""
    coming = "At the present rate the running period (hour) comes to 324% of the energy that it allows."
    used = "108% of the energy that it allows was used in the running period (hour)."
    share = " Only {} of the time was measured; gaps after the first measurement are charged with the mean."
    steady: Pieces = [(62, 60.0), (40, 0.0)]
    away: Pieces = [(6, 60.0), (34, None), (30, 60.0)]
    hour = BUDGETS.split("  a-day", maxsplit=1)[0]
    cases = [
        case(
            "alerts",
            {**both(steady, [(62, 30.0), (40, 0.0)]), **total("a", [(62, 90.0), (40, 0.0)])},
            {},
            budgets=hour,
            alerts=[
                projected(9),
                projected(15, coming),
                exceeded(15),
                exceeded(20, used),
                projected(20),
                # 2 minutes at 90 W and then 0 W, which is a measurement.
                exceeded(90),
                projected(90),
            ],
        ),
        case(
            "alerts-in-the-dark",
            {**both(away, [(6, 30.0), (34, None), (30, 30.0)]), **total("a", [(6, 90.0), (34, None), (30, 90.0)])},
            {},
            budgets=hour,
            alerts=[
                projected(16, coming + share.format("31.25%")),
                exceeded(20, used + share.format("25%")),
            ],
        ),
    ]
    run(promtool, tmp_path, cases)


def test_labels_of_a_budget_are_on_its_alerts(promtool: Path, tmp_path: Path) -> None:
    """Its severity takes the place of the alert's own, and a budget without one keeps that."""
    text = """
budgets:
  mine: {application: a, energy: 100kJ, per: hour, labels: {severity: page, cost_center: "4711"}}
  plain: {application: a, energy: 100kJ, per: hour}
"""
    plain = exceeded(20, "108% of the energy that it allows was used in the running period (hour).")
    (one,) = plain["exp_alerts"]
    firing = [
        {
            "exp_labels": {**one["exp_labels"], "budget": name, **own},
            "exp_annotations": {**one["exp_annotations"], "summary": f"Budget {name} is used up"},
        }
        for name, own in (("mine", {"severity": "page", "cost_center": "4711"}), ("plain", {}))
    ]
    rows: Pieces = [(62, 60.0)]
    checks = [{**plain, "exp_alerts": firing}]
    run(promtool, tmp_path, [case("own", both(rows, [(62, 30.0)]), {}, budgets=text, alerts=checks)])


pieces = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([None, None, 0.0, 20.0, 75.5])), min_size=3, max_size=12
)


def energy(rows: Pieces, start: int, now: int) -> tuple[float, float] | None:
    """The least and the most that minutes `start` to `now` may be charged with: mean * time since it was measured.

    Of the first known hour the time after the first row may be known in part only.
    """
    known: dict[int, float] = {}
    minute = 0
    for count, watts in rows:
        if watts is not None:
            known.update(dict.fromkeys(range(minute, minute + count), watts))
        minute += count
    inside = {minute: watts for minute, watts in known.items() if start < minute <= now}
    if not inside:
        return None
    mean = sum(inside.values()) / len(inside)
    if any(start - 60 < minute <= start for minute in known):
        return mean * (now - start) * 60, mean * (now - start) * 60
    first = min(inside)
    end = min((first + 59) // 60 * 60, now)
    dark = sum(minute not in known for minute in range(first, end + 1))
    begin = first - 1 if first - 1 > start + 4 else start
    return mean * (now - first + 1 - dark) * 60, mean * (now - begin) * 60


@settings(max_examples=6)
@given(ru=pieces, upf=pieces)
def test_energy_is_the_mean_of_known_time(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, ru: Pieces, upf: Pieces
) -> None:
    """Whatever gaps there are, and however late the start is."""
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    for now in (7, 31, 58, 62, 80, 119, 124, 150):
        for name, start in (("a-hour", (now - 1) // 60 * 60), ("a-day", 0)):
            parts = [energy(rows, start, now) for rows in (ru, upf)]
            series = f'budget:energy_joules{{budget="{name}"}}'
            if None in parts:
                expect[now, series] = {}
                continue
            least, most = (sum(part[bound] for part in parts if part) for bound in (0, 1))
            expect[now, f"{series} - clamp({series}, {least - 0.01!r}, {most + 0.01!r})"] = {name: 0}
    two = BUDGETS.split("  a-month", maxsplit=1)[0]
    run(promtool, tmp_path_factory.mktemp("budgets"), [case("gaps", both(ru, upf), expect, budgets=two)])
