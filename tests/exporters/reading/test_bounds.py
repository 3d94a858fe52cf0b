# SPDX-License-Identifier: Apache-2.0
"""How many rows of a device count, for how long, and how long their names are."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.log import Once
from joulepath.reading.bounds import FORGET_SECONDS, MAX_LABEL, MAX_LINES, Quota, Rows, Teller, label
from joulepath.reading.target import State, Target
from tests.exporters.reading.test_poller import Watts

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)  # halves of surrogate pairs, too


def test_a_short_label_stays_as_it_is() -> None:
    assert label("outlet 7") == "outlet 7"
    assert label("Zähler") == "Zähler"
    assert label("a" * MAX_LABEL) == "a" * MAX_LABEL


def test_long_labels_that_begin_alike_stay_apart() -> None:
    first, second = label("a" * 60_000 + "1"), label("a" * 60_000 + "2")
    assert len(first) == len(second) == MAX_LABEL
    assert first != second


def test_text_that_looks_like_a_cut_label_stays_apart_from_it() -> None:
    cut = label("a" * 200)
    assert label(cut) != cut


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert label("\ud800").encode()
    assert label("\ud800") != label("\ud801") != label("?")


@given(TEXT, TEXT)
def test_two_texts_never_become_one_label(one: str, other: str) -> None:
    assert (label(one) == label(other)) == (one == other)
    assert len(label(one)) <= MAX_LABEL
    label(one).encode()


def test_rows_beyond_the_limit_wait_until_others_are_gone_for_an_hour() -> None:
    rows: Rows[str] = Rows(2)
    assert not rows.take(["a", "b"], 0.0)
    assert rows.take(["b", "c"], 10.0) == {"c"}
    assert rows.take(["b", "c"], FORGET_SECONDS - 1) == {"c"}
    assert not rows.forgotten
    assert not rows.take(["b", "c"], FORGET_SECONDS)  # `a` was there at 0 s
    assert rows.forgotten == {"a"}
    assert set(rows.known) == {"b", "c"}


def test_a_device_that_was_silent_for_hours_returns_with_known_rows() -> None:
    rows: Rows[str] = Rows(2)
    rows.take(["a", "b"], 0.0)
    assert not rows.take(["a", "b"], 10 * FORGET_SECONDS)
    assert not rows.forgotten


def test_rows_that_have_counters_already_count_from_the_first_poll() -> None:
    rows = Rows(2, ["a", "b"])
    assert rows.take(["c"], 1e6) == {"c"}
    assert not rows.take(["c"], 1e6 + FORGET_SECONDS)
    assert rows.forgotten == {"a", "b"}


def test_too_many_rows_are_logged_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    teller = Teller("pdu-1", 2)
    for second in range(0, 100, 10):
        teller.tell({("outlet", "9"), ("outlet", "8")}, second)
    teller.tell((), 100)
    teller.tell((), 110)
    assert [record.getMessage() for record in caplog.records] == [
        "pdu-1: 2 rows are left out, more than 2 within an hour, outlet 8 among them: does it rename its rows?",
        "pdu-1: no row is left out any more",
    ]


def test_the_memory_of_lines_is_bounded() -> None:
    once = Once(3)
    assert once.is_new("a")
    assert not once.is_new("a")
    for number in range(10):
        assert once.is_new(str(number))
    assert len(once._lines) == 3


def test_lines_about_rows_are_bounded_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    now = 5.0
    quota = Quota("bmc-1", lambda: now)
    assert sum(quota.admits() for _ in range(1000)) == MAX_LINES
    assert [record.getMessage() for record in caplog.records] == [
        "bmc-1: further lines about its rows are left out for an hour"
    ]
    now += 3600.0
    assert quota.admits()


def test_a_counter_restarts_when_its_row_returns_after_an_hour() -> None:
    state: State[Watts] = State(Target("pdu-1", None, 10.0))  # type: ignore[arg-type]  # its source is never read
    both, one = Watts({"a": 100.0, "b": 50.0}), Watts({"b": 50.0})
    for second in (0, 10):
        state.succeeded(both, second, second, 0.0)
    assert state.snapshot.energy["a"].joules == 1000
    for second in range(20, 3610, 10):
        state.succeeded(one, second, second, 0.0)
    assert state.snapshot.energy["a"].joules == 1000
    state.succeeded(one, 3610, 3610, 0.0)
    assert "a" not in state.snapshot.energy
    for second in (3620, 3630):
        state.succeeded(both, second, second, 0.0)
    assert state.snapshot.energy["a"].joules == 1000  # of the ten seconds since
    assert state.snapshot.energy["a"].measured_seconds == 10
    assert state.snapshot.energy["b"].measured_seconds == 3630
