# SPDX-License-Identifier: Apache-2.0
"""Readings of devices that take longer than their interval to answer."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from joulepath.reading.target import State, Target

pytestmark = pytest.mark.unit


class Watts:
    watts: Mapping[Any, float] = {"a": 100.0}
    rows: Collection[Any] = ("a",)
    rejected: Mapping[str, int] = {}


def state() -> State[Watts]:
    return State(Target("slow", None, 10.0))  # type: ignore[arg-type]  # its source is never read


def test_the_pace_of_a_slow_device_sets_its_gaps_and_its_age_limit() -> None:
    slow = state()
    for turn in range(5):
        slow.succeeded(Watts(), 60.0 * turn, 60.0 * turn + 55, 0.0)
    assert slow.snapshot.energy["a"].measured_seconds == 4 * 60
    assert slow.snapshot.energy["a"].joules == 4 * 60 * 100
    assert slow.snapshot.max_age == 180


def test_one_stall_does_not_make_a_device_slow() -> None:
    quick = state()
    for began, ended in ((0, 1), (10, 11), (20, 110), (120, 121)):
        quick.succeeded(Watts(), began, ended, 0.0)
    # From 10.5 s to the middle of the stall at 65 s is a hole of 54.5 s, and from there to 120.5 s another.
    assert quick.snapshot.energy["a"].measured_seconds == 10
    assert quick.snapshot.max_age == 30
