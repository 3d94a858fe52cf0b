# SPDX-License-Identifier: Apache-2.0
"""The choice between sources of one chassis: the best one, through bad minutes, and never one of something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.choice.best import (
    GONE_SECONDS,
    MEANS,
    PATIENCE_SECONDS,
    QUALITY,
    RETRY_SECONDS,
    RETURN_POLLS,
    Choice,
)

pytestmark = pytest.mark.unit

BOTH = {"dcmi": 210.0, "psu_input": 220.0}


def chosen(
    choice: Choice, polls: list[dict[str, float]], seconds: float = 10.0, began: float = 0.0
) -> list[str | None]:
    return [choice.choose(readings, began + seconds * number) for number, readings in enumerate(polls)]


def test_a_bad_minute_is_a_gap_and_not_another_source() -> None:
    bad = [{"psu_input": 220.0}] * 6
    assert chosen(Choice(), [BOTH, *bad, BOTH]) == ["dcmi", *[None] * 6, "dcmi"]


def test_another_takes_its_place_after_long_and_gives_it_back() -> None:
    polls = [BOTH, *[{"psu_input": 220.0}] * 12, *[BOTH] * 5]
    waited = int(PATIENCE_SECONDS / 60)
    gap, worse = [None] * waited, ["psu_input"] * (12 - waited + RETURN_POLLS - 1)
    assert chosen(Choice(), polls, 60) == ["dcmi", *gap, *worse, *["dcmi"] * (6 - RETURN_POLLS)]


def test_one_good_reading_does_not_bring_a_better_source_back() -> None:
    choice = Choice()
    assert chosen(choice, [{"psu_input": 220.0}, BOTH, {"psu_input": 220.0}, BOTH, BOTH])[-1] == "psu_input"
    assert chosen(choice, [BOTH], began=100) == ["dcmi"]


def test_a_source_that_exists_and_is_busy_is_waited_for_from_the_start() -> None:
    choice = Choice()
    only = {"psu_input": 220.0}
    assert [choice.choose(only, at, {"dcmi"}) for at in (0.0, 60.0)] == [None, None]
    assert choice.choose(only, PATIENCE_SECONDS, {"dcmi"}) == "psu_input"
    assert Choice().choose({"dcmi": 210.0}, 0.0, {"psu_input"}) == "dcmi"


@pytest.mark.parametrize("watts", [840.0, 105.0])
def test_a_source_that_measures_something_else_takes_no_place(watts: float) -> None:
    """Supplies of four nodes beside DCMI of one; a supply of two."""
    choice = Choice()
    assert choice.choose({"dcmi": 210.0, "psu_input": watts}, 0.0) == "dcmi"
    assert {choice.choose({"psu_input": watts}, at) for at in (10.0, 700.0, GONE_SECONDS - 1)} == {None}
    assert choice.choose({"psu_input": watts}, GONE_SECONDS + 10) == "psu_input"


def test_supplies_far_above_the_systems_own_sensor_feed_several_nodes() -> None:
    choice = Choice()
    assert chosen(choice, [{"psu_input": 840.0, "sdr": 208.0}, {"psu_input": 830.0}]) == ["sdr", None]
    within = [{"psu_input": 840.0, "sdr": 600.0}, {"psu_input": 840.0, "sdr": 0.0}]
    assert [chosen(Choice(), [one]) for one in within] == [["psu_input"], ["psu_input"]]


def test_supplies_that_came_to_more_during_a_step_alone_are_taken_again() -> None:
    choice = Choice()
    assert choice.choose({"psu_input": 840.0, "sdr": 400.0}, 0.0) == "sdr"
    sources = [choice.choose({"psu_input": 840.0, "sdr": 800.0}, at) for at in (60.0, 70.0, 80.0, 90.0)]
    assert sources[-1] == "psu_input"


def test_a_step_of_the_load_between_two_readings_is_forgotten() -> None:
    choice = Choice()
    chosen(choice, [{"dcmi": 210.0, "psu_input": 400.0}, {"dcmi": 400.0, "psu_input": 410.0}])
    assert choice.choose({"psu_input": 400.0}, 20.0) is None
    assert choice.choose({"psu_input": 400.0}, 20.0 + PATIENCE_SECONDS) == "psu_input"


def test_zero_watts_are_believed_beside_other_nodes_supplies_only() -> None:
    """A node that is off: the other three still take power from the supplies."""
    assert (
        chosen(Choice(), [{"dcmi": 210.0, "psu_input": 840.0}, *[{"dcmi": 0.0, "psu_input": 630.0}] * 2])[-1] == "dcmi"
    )
    assert chosen(Choice(), [BOTH, *[{"dcmi": 0.0, "psu_input": 215.0}] * 5])[1:] == [None] * 5


def test_better_sources_are_retried_while_a_worse_one_is_in_use() -> None:
    choice = Choice()
    choice.choose({"psu_input": 220.0}, 0.0)
    asked = 0
    for at in range(10, 610, 10):
        asked += choice.asks("dcmi", float(at))
        choice.choose({"psu_input": 220.0}, float(at))
        assert not choice.asks("sdr", at + 1.0)
    assert asked == 600 / RETRY_SECONDS


SOURCES = st.dictionaries(st.sampled_from(QUALITY), st.floats(0, 1000), max_size=4)


@given(st.lists(st.tuples(SOURCES, st.floats(1, 400)), max_size=40))
def test_a_worse_source_comes_only_after_the_better_was_away_for_long(
    polls: list[tuple[dict[str, float], float]],
) -> None:
    choice = Choice()
    now = last = 0.0
    for readings, seconds in polls:
        now += seconds
        before = choice.current
        source = choice.choose(readings, now)
        assert source is None or source in readings
        after = choice.current
        if before is not None and after is not None and QUALITY.index(after) > QUALITY.index(before):
            assert now - last >= PATIENCE_SECONDS
        if before is not None and readings.get(before) and source is not None:
            assert QUALITY.index(source) <= QUALITY.index(before)
        if source is not None:
            last = now
    assert set(QUALITY) >= MEANS
