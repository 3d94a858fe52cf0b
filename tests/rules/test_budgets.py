# SPDX-License-Identifier: Apache-2.0
"""Budgets in promtool, whose clock starts at midnight UTC of the first of a month."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from tests.rules import factory
from tests.rules.promtool import Case, run, topology

pytestmark = pytest.mark.unit

BUDGETS = """
budgets:
  a-hour: {application: a, energy: 100kJ, per: hour}
  b-hour: {application: b, energy: 300kJ, per: hour}
  b-day: {application: b, energy: 3kWh, per: day}
  b-month: {application: b, energy: 1MWh, per: month}
"""


def alert(minute: int, name: str, *firing: tuple[str, str, str, str]) -> dict[str, Any]:
    """What promtool expects of an alert: application, budget, severity and its description."""
    words = {
        "EnergyBudgetExceeded": "{} has used up budget {}",
        "EnergyBudgetProjected": "{} is about to exceed budget {}",
    }
    return {
        "eval_time": f"{minute}m",
        "alertname": name,
        "exp_alerts": [
            {
                "exp_labels": {"application": application, "budget": budget, "per": "hour", "severity": severity},
                "exp_annotations": {"summary": words[name].format(application, budget), "description": description},
            }
            for application, budget, severity, description in firing
        ],
    }


def test_energy_of_the_running_period(promtool: Path, tmp_path: Path) -> None:
    """Once a minute: edge-1 is silent from 10:00 to 15:00, b's robot is away from 30:00 on.

    a, 123 W, at 20:00: 123 W * 1200 s = 147,600 J, the silent minutes at the mean of the rest.
    b, 88.5 W, at 28:00: 88.5 * 1680 = 148,680 J; with 88.5 W until 60:00 it would be 318,600 J of 300 kJ.
    b at 55:00: 88.5 W for 30 minutes, 159,300 J, and then 0 W, which is a measurement and counts.
    """
    series = {}
    for name, values in factory.everything().items():
        step = 4 * float(values.removeprefix("0+").removesuffix("x40")) if values.startswith("0+") else 0
        series[name] = f"0+{step!r}x80" if step else values.replace("x40", "x80")
        if "pdu-2" in name:
            series[name] = f"0+{step!r}x10 _x4 {10 * step!r}+{step!r}x70"
        if factory.B in name:
            series[name] = f"0+{step!r}x30 {30 * step!r}x50"

    def rows(per: str, budgets: dict[str, tuple[str, float]]) -> dict[str, float]:
        return {
            f'application="{application}",budget="{budget}",per="{per}"': joules
            for application, (budget, joules) in budgets.items()
        }

    used = ("a", "a-hour", "critical", "147.6kJ were used in the running hour, more than the budget.")
    coming = ("b", "b-hour", "warning", "At the present power the running hour comes to 318.6kJ.")
    b_hour = 'budget:energy_joules{budget="b-hour"}'
    case = Case(
        "budgets",
        topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY + BUDGETS),
        series,
        {
            (9, 'budget:energy_joules{budget="a-hour"}'): rows("hour", {"a": ("a-hour", 123 * 540)}),
            (20, 'budget:energy_joules{per="hour"}'): rows(
                "hour", {"a": ("a-hour", 147_600), "b": ("b-hour", 106_200)}
            ),
            (20, 'budget:energy_joules{per="day"}'): rows("day", {"b": ("b-day", 106_200)}),
            (20, 'budget:limit_joules{per="month"}'): rows("month", {"b": ("b-month", 3.6e9)}),
            (20, 'budget:length_seconds{per="month"}'): {'per="month"': 31 * 86400},
            (20, 'budget:projected_joules{budget="a-hour"}'): rows("hour", {"a": ("a-hour", 442_800)}),
            # To 2 %: the silence is filled with a mean, and the window smears the end.
            (55, f"abs({b_hour} / 159300 - 1) < bool 0.02"): rows("hour", {"b": ("b-hour", 1)}),
            # A new hour has begun.
            (65, 'budget:energy_joules{budget="a-hour"}'): rows("hour", {"a": ("a-hour", 123 * 300)}),
            (65, b_hour): rows("hour", {"b": ("b-hour", 0)}),
        },
        alerts=[
            alert(9, "EnergyBudgetExceeded"),
            alert(9, "EnergyBudgetProjected"),
            alert(20, "EnergyBudgetExceeded", used),
            alert(28, "EnergyBudgetProjected", coming),
            alert(65, "EnergyBudgetExceeded"),
        ],
        step=60,
    )
    run(promtool, tmp_path, [case])


def test_a_slow_chain_is_met_by_every_step(promtool: Path, tmp_path: Path) -> None:
    """At 2 min the chain and the budgets may be evaluated 90 s apart, as Prometheus spreads its groups."""
    slow = topology("interval: 2m\nwindow: 8m" + factory.TOPOLOGY + BUDGETS)
    budgets = [group for group in generate(slow) if group.name == "budgets"]
    (tmp_path / "budgets.rules.yaml").write_text(write(budgets, slow.hash))
    series = {'application:power_watts{application="a",segment="network"}': "_ 123 _ _"}
    for component in ("ru-1", "du-1", "upf-1"):
        for application, watts in (("a", 41), ("unattributed", 10)):
            labels = f'application="{application}",component="{component}"'
            series[f"application_component:power_watts{{{labels}}}"] = f"_ {watts} _ _"
    queries = {'budget:energy_joules{budget="a-hour"}': 123 * 1200, 'budget:projected_joules{budget="a-hour"}': 442_800}
    test = {
        "interval": "30s",
        "input_series": [{"series": name, "values": " ".join([values] * 12)} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round(sum({query}))",
                "eval_time": "20m",
                "exp_samples": [{"labels": "{}", "value": joules}],
            }
            for query, joules in queries.items()
        ],
    }
    path = tmp_path / "budgets.test.yaml"
    path.write_text(json.dumps({"rule_files": ["budgets.rules.yaml"], "evaluation_interval": "2m", "tests": [test]}))
    result = subprocess.run([str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
