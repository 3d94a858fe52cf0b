# SPDX-License-Identifier: Apache-2.0
"""Sums of one chassis' supplies, without those that carry nothing, and the owner of each sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.choice.contradictions import CATCH_UP_SECONDS, Contradictions, PowerStatistics
from joulepath.bmc.choice.supplies import Inputs, contradiction

pytestmark = pytest.mark.unit

PAIR = ("A", "B")


def totals(*polls: dict[str, float], needed: tuple[str, ...] = PAIR) -> list[float | None]:
    inputs = Inputs()
    return [inputs.total(needed, watts) for watts in polls]


def test_the_others_take_over_what_an_unplugged_supply_carried() -> None:
    assert totals({"A": 200, "B": 200}, {"A": 398}, {"A": 120}, {"A": 60, "B": 61}) == [400, 398, 120, 121]
    assert totals({"A": 200, "B": 200}, {"A": 310}) == [400, 310]  # the load fell by a quarter meanwhile


def test_a_silent_supply_that_still_carries_its_part_is_waited_for() -> None:
    assert totals({"A": 200, "B": 200}, {"A": 201}, {"A": 199}, {"A": 200, "B": 199}) == [400, None, None, 399]
    six = dict.fromkeys("ABCDEF", 360.0)
    five = dict.fromkeys("ABCDE", 361.0)
    assert totals(six, five, needed=tuple("ABCDEF")) == [2160, None]


def test_a_supply_never_read_is_left_out_only_if_it_states_that_it_is_idle() -> None:
    assert totals({"A": 200}, {"A": 200}) == [None, None]
    assert Inputs().total(PAIR, {"A": 200}, {"B"}) == 200
    assert Inputs().total(PAIR, {}, {"A", "B"}) is None


def test_a_spare_that_takes_two_watts_is_not_waited_for() -> None:
    assert totals({"A": 300, "B": 2}, {"A": 301}) == [302, 301]


@given(st.lists(st.dictionaries(st.sampled_from("ABC"), st.floats(1, 2000)), max_size=20))
def test_a_total_is_the_sum_of_the_readings_or_absent(polls: list[dict[str, float]]) -> None:
    inputs = Inputs()
    for watts in polls:
        total = inputs.total(tuple("ABC"), watts)
        assert total is None or total == pytest.approx(sum(watts.values()))
        assert total is not None or watts.keys() != set("ABC")


@pytest.mark.parametrize(
    ("readings", "total", "reason"),
    [
        ([420, 420], 210, "above_total"),  # of four nodes
        ([462, 453], 204, "above_total"),
        ([894] * 4, 894, "repeats_total"),
        ([635] * 4, 708, "repeats_total"),  # the mean of all outputs, at each
        ([0, 0], 300, "zero_while_on"),
        ([0, 90], 221, ""),
        ([119, 124], 216, ""),
        ([7], None, ""),
        ([0], 0, ""),
    ],
)
def test_supplies_of_other_nodes_contradict_the_total_by_a_reason(
    readings: list[float], total: float | None, reason: str
) -> None:
    assert contradiction({str(number): watts for number, watts in enumerate(readings)}, total) == reason


PAST = PowerStatistics(low=203, high=205, interval=300)


def test_a_reading_beyond_its_own_statistics_is_rejected() -> None:
    contradictions = Contradictions()
    assert [contradictions.rejects("node", 915, PAST, at) for at in (0, 10, 10_000)] == [True] * 3
    assert not contradictions.rejects("node", 915, None, 0)
    assert not contradictions.rejects("node", 230, PAST, 0)


def test_a_load_step_is_believed_until_the_statistics_should_show_it() -> None:
    contradictions = Contradictions()
    assert not contradictions.rejects("node", 204, PAST, 0)
    until = 10 + PAST.interval + CATCH_UP_SECONDS
    assert [contradictions.rejects("node", 915, PAST, at) for at in (10, 100, until - 1, until)] == [
        False,
        False,
        False,
        True,
    ]
    assert not contradictions.rejects("node", 915, PowerStatistics(203, 915, 300), until + 1)
    since_reset = PowerStatistics(low=203, high=205, interval=1e7)
    assert not contradictions.rejects("node", 204, since_reset, 1000)
    assert [contradictions.rejects("node", 915, since_reset, 1000 + at) for at in (1, 1262)] == [False, True]
