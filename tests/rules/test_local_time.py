# SPDX-License-Identifier: Apache-2.0
"""Local time in PromQL against Python's zoneinfo, and prices by hours on the days on which clocks change."""

import json
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulepath_rules import zones
from joulepath_rules.adapters.local_time import LOCAL, within
from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from joulepath_topology.clocks import clock
from joulepath_topology.hours import DAYS, Hours
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

FIRST = 2026
ZONES = (
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "UTC",
)
"""Both hemispheres, half an hour of summer, quarters of hours, changes on Thursdays, at midnight and at no time."""


def changes(zone: ZoneInfo, year: int) -> list[int]:
    """The seconds at which the offset changes in a year, found hour by hour; and the new year in UTC."""
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    found = [start]
    before = None
    for moment in range(start, start + 366 * 86400, 1800):
        now = datetime.fromtimestamp(moment, zone).utcoffset()
        if before is not None and now != before:
            found.append(moment)
        before = now
    return found


def local(zone: ZoneInfo, moment: int) -> int:
    """The seconds that clocks show, by Python."""
    offset = datetime.fromtimestamp(moment, zone).utcoffset()
    assert offset is not None
    return moment + int(offset.total_seconds())


def at(expr: str, moment: int) -> str:
    """The query as it is at a moment, whenever it is asked."""
    return f"last_over_time(({expr})[500ms:1s] @ {moment})"


def ask(promtool: Path, folder: Path, queries: Iterable[tuple[str, float | None]]) -> None:
    """Each query gives this value, or nothing."""
    samples = [(query, [] if value is None else [{"labels": "{}", "value": value}]) for query, value in queries]
    tests = [{"expr": query, "eval_time": "0s", "exp_samples": expected} for query, expected in samples]
    test = {"interval": "1m", "promql_expr_test": tests}
    (folder / "test.yaml").write_text(json.dumps({"tests": [test]}))
    run = [str(promtool), "test", "rules", str(folder / "test.yaml")]
    result = subprocess.run(run, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[:2000]


@pytest.mark.parametrize("name", ZONES)
def test_the_clock_shows_what_zoneinfo_shows(name: str, promtool: Path, tmp_path: Path) -> None:
    """Around each change and each new year, also after the years on which the rule was found."""
    zone, expr = ZoneInfo(name), zones.local(clock(name, FIRST))
    moments = [
        change + step
        for year in (FIRST, FIRST + 1, FIRST + 2, 2052, 2099)
        for change in changes(zone, year)
        for step in (-50400, -7200, -3600, -1800, -1, 0, 1, 1800, 3600, 7200, 50400)
    ]
    ask(promtool, tmp_path, ((at(expr, moment), local(zone, moment)) for moment in moments))


def clock_hands(zone: ZoneInfo, moment: int) -> tuple[str, int]:
    """The day of the week and the second of the day, by Python."""
    now = datetime.fromtimestamp(moment, zone)
    return DAYS[now.isoweekday() % 7], now.hour * 3600 + now.minute * 60 + now.second


def spans(days: Iterable[str], first: int, last: int) -> Hours:
    """Hours in minutes of the day."""
    words = {"days": list(days), "from": f"{first // 60}:{first % 60:02}", "to": f"{last // 60}:{last % 60:02}"}
    return Hours.model_validate(words)


some_hours = st.tuples(
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1]).map(sorted),
    st.integers(int(datetime(FIRST, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2054, 1, 1, tzinfo=UTC).timestamp())),
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(some_hours, min_size=40, max_size=40), name=st.sampled_from(ZONES))
def test_hours_hold_when_the_clock_on_the_wall_says_so(
    drawn: list[tuple[set[str], list[int], int]], name: str, promtool: Path, tmp_path: Path
) -> None:
    """Any days and minutes, at any moment, and at both ends of the hours of that day."""
    zone, expr = ZoneInfo(name), zones.local(clock(name, FIRST))
    queries = []
    for days, (first, last), moment in drawn:
        midnight = moment - clock_hands(zone, moment)[1]
        for then in (moment, midnight + first * 60, midnight + last * 60 - 1, midnight + last * 60):
            day, second = clock_hands(zone, then)
            inside = day in days and first * 60 <= second < last * 60
            rows = within(name, spans(days, first, last)).replace(f'{LOCAL}{{time_zone="{name}"}}', f"({expr})")
            queries.append((at(f"vector(1) and on () ({rows})", then), 1 if inside else None))
    ask(promtool, tmp_path, queries)


CONTRACT = """
sites:
  s:
    price:
      currency: EUR
      per_kwh: 0.19
      time_zone: Europe/Berlin
      hours:
        - {days: mon-fri, from: 6, to: 22, per_kwh: 0.27}
        - {days: sun, from: 2, to: 3, per_kwh: -0.05}
        - {days: "sat, sun", from: "22:30", per_kwh: 0.11}
hosts: {h: {site: s, power: [{watts: 100}]}}
components: {h: {role: device}}
"""


def paid(moment: int) -> float:
    """The price by the contract, by a clock on the wall in Berlin."""
    day, second = clock_hands(ZoneInfo("Europe/Berlin"), moment)
    hour = second / 3600
    if day in {"mon", "tue", "wed", "thu", "fri"}:
        return 0.27 if 6 <= hour < 22 else 0.19
    if day == "sun" and 2 <= hour < 3:
        return -0.05
    return 0.11 if hour >= 22.5 else 0.19


@pytest.mark.parametrize(("month", "sunday", "nights"), [(3, 29, 0), (10, 25, 2)], ids=["march", "october"])
def test_the_price_follows_the_clock_when_it_changes(
    month: int, sunday: int, nights: int, promtool: Path, tmp_path: Path
) -> None:
    """The rules of a contract from the Thursday before the last Sunday to the Wednesday after it, each half hour.

    The hour from 2:00 to 3:00 has the negative price: it is left out in March, and comes twice in October.
    """
    changed = int(datetime(FIRST, month, sunday, tzinfo=UTC).timestamp())
    moments = range(changed - 3 * 86400, changed + 3 * 86400, 1800)
    assert sum(paid(moment) < 0 for moment in moments) == 2 * nights
    rules = [rule for group in generate(topology(CONTRACT)) for rule in group.rules if isinstance(rule, Rule)]
    exprs = {rule.record: rule.expr for rule in rules}
    clocks = f'last_over_time({LOCAL}{{topology="joulepath",time_zone="Europe/Berlin"}}[500ms])'
    price = exprs["adapter:price_per_kwh:last"].replace(clocks, f"({exprs[LOCAL]})")
    assert LOCAL not in price
    # A row stands for the time half a window, 1 minute, before it.
    ask(promtool, tmp_path, ((at(price, moment + 60), paid(moment)) for moment in moments))
