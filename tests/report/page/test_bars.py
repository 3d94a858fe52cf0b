# SPDX-License-Identifier: Apache-2.0
"""The time series of the chart: gaps stay gaps, and small applications are one."""

import pytest

from joulepath_report.model import Step
from joulepath_report.page.bars import Gap, bars, gaps
from joulepath_report.page.looks import OTHERS, Looks

pytestmark = pytest.mark.unit

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


def test_a_rest_shorter_than_a_step_is_not_a_gap() -> None:
    """A period from 7 s to 36 s, in steps of 10 s that begin at full tens."""
    assert gaps([Step(10, 10, "a", 1.0), Step(20, 10, "a", 1.0)], 7, 36) == []


def test_a_step_in_which_hosts_were_missing_is_marked() -> None:
    steps = [Step(0, 10, "a", 1.0), Step(10, 10, "a", 0.5, known=0.5), Step(20, 10, "a", 1.0, known=0.96)]
    assert gaps(bars(steps, LOOKS), 0, 30) == [Gap(10, 20)]
    assert gaps(bars(steps[1:2], LOOKS), 10, 20) == [Gap(10, 20)]
