# SPDX-License-Identifier: Apache-2.0
"""The bars of closed hours, as Grafana asks for them at full hours: the factory's watts for an hour, worked by hand."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath_dashboards.queries import filled
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import Case, run, topology

pytestmark = pytest.mark.unit

MINUTES = 155


def by_minute(text: str) -> str:
    """Samples of the factory, a minute apart instead of 15 s."""
    if not text.startswith("0+"):
        return text.replace("x40", f"x{MINUTES}")
    step = 4 * float(text.removeprefix("0+").removesuffix("x40"))
    return f"0+{step!r}x{MINUTES}"


def test_a_bar_stands_for_the_hour_that_ends_there(promtool: Path, tmp_path: Path) -> None:
    """The factory's sites have 380 and 150 g/kWh; a draws 42.5 W at the first and 80.5 W at the second."""
    panels = json.loads((ROOT / "grafana" / "dashboards" / "end-to-end.json").read_text())["panels"]
    queries = {
        panel["title"]: filled(target["expr"])
        for panel in panels
        for target in panel.get("targets", ())
        if ":1h" in target["expr"]
    }
    assert list(queries) == ["Energy by hour", "CO2 by hour"]
    wanted = {
        "Energy by hour": {"a": 123, "b": 88.5, "unattributed": 188.5},
        "CO2 by hour": {"a": 28.225, "b": 18.335, "unattributed": 36.44},
    }
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (120, queries[title]): {f'application="{name}"': value for name, value in rows.items()}
        for title, rows in wanted.items()
    }
    expect[150, "vector(1)"] = {"": 1}  # until then rules are evaluated
    series = {name: by_minute(text) for name, text in factory.everything().items()}
    plant = topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY)
    run(promtool, tmp_path, [Case("hours", plant, series, expect, step=60)])


def test_a_settled_hour_stands_where_the_recorded_one_does(promtool: Path, tmp_path: Path) -> None:
    """Of the hour until minute 120: recorded three minutes later, and settled at its very end, in two segments each."""
    panels = json.loads((ROOT / "grafana" / "dashboards" / "carbon.json").read_text())["panels"]
    recorded, settled, sci = (
        filled(target["expr"]) for panel in panels for target in panel.get("targets", ()) if ":1h" in target["expr"]
    )
    own = 'topology="joulepath",application="a"'
    series = {f"application:sci_grams:1h{{{own}}}": "_x123 90 stale"}
    for segment, now, then in (("network", 20, 18), ("model", 10, 11)):
        labels = f'{own},segment="{segment}",basis="location"'
        series[f"application:co2_grams:1h{{{labels}}}"] = f"_x123 {now} stale"
        series[f'application:settled_co2_grams:1h{{{labels},state="settled"}}'] = f"_x120 {then} stale"
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (120, recorded): {'application="a"': 30},
        (120, settled): {'application="a"': 29},
        (120, sci): {'application="a"': 90},
        **{(180, query): {} for query in (recorded, settled, sci)},
    }
    plant = topology(factory.TOPOLOGY)
    run(promtool, tmp_path, [Case("settled", plant, series, expect, step=60, only=frozenset({"nothing"}))])
