# SPDX-License-Identifier: Apache-2.0
"""Closed hours and budgets on a real Prometheus, which evaluates groups at any time and not at full minutes."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from joulepath_prometheus.client import Prometheus
from joulepath_rules.accounts import AMOUNT, FIRST, SECONDS
from joulepath_rules.accounts import closed as record
from joulepath_rules.budgets import budgets
from joulepath_rules.history import CLOCK, COVERAGE, history
from joulepath_rules.rule import Rule
from tests.rules.backfilled import Sample, served
from tests.rules.promtool import topology
from tests.rules.recorded import TOPOLOGY, labels

pytestmark = pytest.mark.lab

# A UTC midnight. Rows come 7 s after each quarter of a minute, and an hour is recorded 233.4 s after its end.
START = 1_767_225_600
HOURS = 5
PHASE = 7
RECORDED = 233.4

# A row stands for the time half a window before it.
SHIFT = 60

WATTS = (100.0, 300.0, 60.0, 0.0, 25.0)

OURS = topology(
    TOPOLOGY.replace("interval: 1m", "interval: 15s").replace("window: 4m", "window: 2m")
    + "budgets:\n"
    + "".join(
        f"  {per}{number}: {{application: b, energy: 1kWh, per: {per}{zone}}}\n"
        for number, zone in enumerate(("", ", time_zone: Europe/Berlin", ", time_zone: Asia/Kolkata"))
        for per in ("day", "hour")
    )
)


def closed(moment: float) -> int:
    """The hour, from 0 on, that closed last."""
    return int((moment - 120 - START) // 3600) - 1


def known(hour: int) -> float:
    """The known part of an hour."""
    return 2 / 3 if hour == 2 else 1.0


def evaluations() -> Iterator[float]:
    """When the group may be evaluated first after each hour closed, 2 minutes after its end; and much later."""
    for hour in range(1, HOURS + 1):
        end = START + 3600 * hour
        yield from (end + 120, end + 120.001, end + RECORDED, end + 3719.9)


def totals() -> Iterator[Sample]:
    """Application a changes at each full hour; it is not known for 20 minutes of the third hour."""
    series = f"application:power_watts{{{labels(application='a', segment='network')}}}"
    for moment in range(START + PHASE, START + HOURS * 3600 + SHIFT, 15):
        hour, second = divmod(moment - SHIFT - START, 3600)
        if hour >= 0 and not (hour == 2 and second < 1200):
            yield series, WATTS[hour], moment
    for at in evaluations():
        yield f"{CLOCK}{{{labels()}}}", 0, at
    for at in evaluations():
        yield f"{COVERAGE}{{{labels(application='a')}}}", known(closed(at)), at


def values(server: Prometheus, query: str, moment: float) -> list[float]:
    """The values that the query gives at that time."""
    return [sample.value for sample in server.query(query, moment)]


def test_a_recorded_hour_is_a_utc_hour(prometheus: Path, promtool: Path, tmp_path: Path) -> None:
    """Whenever the group is evaluated: the hour that closed 2 minutes ago or more, and all of it."""
    rules = {rule.record: rule.expr for rule in history(OURS, frozenset({"carbon"}))}
    with served(prometheus, promtool, tmp_path, totals()) as server:
        for moment in evaluations():
            hour = closed(moment)
            assert values(server, rules[COVERAGE], moment) == pytest.approx([known(hour)], rel=1e-6)
            energy = values(server, rules["application:energy_joules:1h"], moment)
            assert energy == pytest.approx([WATTS[hour] * 3600], rel=1e-6), moment


def rows() -> dict[float, float]:
    """Watts of application b at its component by time: known from 0:20 on, but for 1:50 to 2:10."""
    times = (START + PHASE + 15 * step for step in range(HOURS * 240))
    return {at: WATTS[int((at - START) // 3600)] for at in times if at - START > 1200 and not 6600 < at - START < 7800}


LENGTHS = {"day": 86400, "hour": 3600}
AHEAD = {"": 0, "Europe/Berlin": 3600, "Asia/Kolkata": 19800}
"""Seconds before UTC, in January."""


def begun(per: str, zone: str, now: float) -> float:
    """When the running period began, one second back, as the rules do it."""
    return (now - 1 + AHEAD[zone]) // LENGTHS[per] * LENGTHS[per] - AHEAD[zone]


# Within an interval, just before and after an hour's end, before and after it is recorded, late in an hour.
MOMENTS = [
    START + offset
    for offset in (1230, 1500.5, 3600.9, 3601.1, 3700, 3834, 5401.2, 7195, 7201.2, 7500, 7900.3, 10799.99, 10802, 17990)
]


def budget_samples(now: float) -> Iterator[Sample]:
    """The series at that time: the rows, their closed hours, and the start of the periods."""
    ours = labels(application="b", component="upf-1", host="upf-1", segment="network", site="lab")
    for at, watts in rows().items():
        if at <= now:
            yield f"application_component:power_watts{{{ours}}}", watts, at
    part = labels(quantity="energy", of="application", application="b", part="b/upf-1/upf-1")
    for name, span in product((AMOUNT, SECONDS, FIRST), (3600, 1800)):
        for end in range(START + span, int(now - RECORDED) + 1, span):
            inside = [watts for at, watts in rows().items() if end - span < at <= end]
            value = {AMOUNT: 15 * sum(inside), SECONDS: 15 * len(inside), FIRST: end - 15 * len(inside)}[name]
            if inside:
                yield f"{record(name, span)}{{{part}}}", value, end + RECORDED
    for per, zone in product(LENGTHS, AHEAD):
        period = labels(per=per, **({"time_zone": zone} if zone else {}))
        yield f"budget:start_seconds{{{period}}}", begun(per, zone, now), now


@pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now - START:g}")
def test_a_budget_counts_each_row_once(prometheus: Path, promtool: Path, tmp_path: Path, now: float) -> None:
    """From the period's start until now, whether the hour that ended last is recorded yet or not."""
    rules = {
        (rule.record, rule.labels["per"], rule.labels.get("time_zone", "")): rule.expr
        for rule in budgets(OURS)
        if isinstance(rule, Rule) and rule.record.startswith("budget_part:")
    }
    with served(prometheus, promtool, tmp_path, budget_samples(now)) as server:
        for per, zone in product(LENGTHS, AHEAD):
            start = begun(per, zone, now)
            inside = {at: watts for at, watts in rows().items() if start < at <= now}
            joules, seconds, first = (values(server, rules[name, per, zone], now) for name in (AMOUNT, SECONDS, FIRST))
            assert joules == pytest.approx([15 * sum(inside.values())] if inside else [])
            assert seconds == pytest.approx([15 * len(inside)] if inside else [])
            earliest = min(at for at in rows() if at > start - 3600)
            if earliest > start:
                # Measured half a window before the first row, or up to an interval later.
                assert earliest - 60 <= first[0] <= earliest - 30
            else:
                assert first[0] <= start
