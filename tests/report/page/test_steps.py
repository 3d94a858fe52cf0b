# SPDX-License-Identifier: Apache-2.0
"""The time series of the chart: gaps stay gaps, and many steps become days."""

import pytest

from joulepath_report.model import Step
from joulepath_report.page.looks import OTHERS, Looks
from joulepath_report.page.steps import Gap, bars, gaps

pytestmark = pytest.mark.unit

HOUR = 3600.0
LOOKS = Looks({"a": "look-0", OTHERS: "look-others"}, hidden=2)


def test_times_that_no_step_covers_are_gaps() -> None:
    steps = [Step(begin, 10, "a", 1.0) for begin in (20, 30, 50)]
    assert gaps(steps, 0, 70) == [Gap(0, 20), Gap(40, 50), Gap(60, 70)]
    assert gaps(steps, 20, 40) == []


def test_without_any_step_the_whole_period_is_a_gap() -> None:
    assert gaps([], 5, 9) == [Gap(5, 9)]


def test_applications_without_a_look_are_added_up() -> None:
    steps = [Step(0, 10, "a", 1.0), Step(0, 10, "b", 2.0), Step(0, 10, "c", 4.0)]
    assert bars(steps, LOOKS) == [Step(0, 10, OTHERS, 6.0), Step(0, 10, "a", 1.0)]


def test_a_day_has_the_mean_of_what_is_known_of_it() -> None:
    """17 days of 24 hours; of the first day 6 hours are known, 3 of them at 10 W, and 3 at 20 W."""
    steps = [Step(hour * HOUR, HOUR, "a", 10.0 if hour < 3 else 20.0) for hour in range(6)]
    steps += [Step(day * 24 * HOUR + hour * HOUR, HOUR, "a", 7.0) for day in range(1, 17) for hour in range(24)]
    days = bars(steps, LOOKS)
    assert days[:2] == [Step(0, 24 * HOUR, "a", 15.0), Step(24 * HOUR, 24 * HOUR, "a", 7.0)]
    assert len(days) == 17


def test_a_day_without_a_step_stays_a_gap() -> None:
    steps = [Step(hour * HOUR, HOUR, "a", 1.0) for hour in range(24 * 20) if not 48 <= hour < 72]
    found = bars(steps, LOOKS)
    assert gaps(found, 0, 20 * 24 * HOUR) == [Gap(48 * HOUR, 72 * HOUR)]
