# SPDX-License-Identifier: Apache-2.0
"""Energy registers: what is counted through a wrap, a reset, a jump and another device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.pdu.register import MAX_WATTS, Register

pytestmark = pytest.mark.unit

WATT_HOUR = 3600.0
END = 2**32


def counted(*steps: tuple[float, int, str], scale: float = WATT_HOUR, wraps_at: int = END) -> list[float]:
    """Counters after readings (at seconds, steps of the register, device)."""
    at, first, device = steps[0]
    register = Register(first * scale, at, device)
    return [register.add(raw * scale, at, device, step=scale, wraps_at=wraps_at) for at, raw, device in steps]


def test_a_register_is_published_as_it_is() -> None:
    assert counted((0, 7, "a"), (5, 7, "a"), (10, 8, "a")) == [7 * WATT_HOUR, 7 * WATT_HOUR, 8 * WATT_HOUR]


@pytest.mark.parametrize("end", [2**31, 2**32, 2**64, 9999001])
def test_a_wrap_goes_on(end: int) -> None:
    before, after = counted((0, end - 2, "a"), (36, 1, "a"), wraps_at=end)
    assert after - before == pytest.approx(3 * WATT_HOUR, abs=end * WATT_HOUR * 1e-15)


def test_a_register_goes_on_after_a_wrap() -> None:
    counters = counted((0, END - 1, "a"), (36, 0, "a"), (72, 5, "a"), (108, 5, "a"))
    assert counters == [(END - 1) * WATT_HOUR, END * WATT_HOUR, (END + 5) * WATT_HOUR, (END + 5) * WATT_HOUR]


def test_a_reset_begins_anew() -> None:
    """5 kWh set back to 0 is no wrap: 4 TWh did not flow in 5 s."""
    assert counted((0, 5000, "a"), (5, 0, "a"), (10, 1, "a")) == [5000 * WATT_HOUR, 0, WATT_HOUR]


def test_a_reset_after_a_wrap_begins_anew_too() -> None:
    counters = counted((0, END - 1, "a"), (36, 3, "a"), (10_000, 3000, "a"), (10_005, 1, "a"))
    assert counters[-1] == WATT_HOUR


def test_a_reset_is_told_from_a_wrap_by_what_could_have_flowed_since_the_last_change() -> None:
    """0.1 kWh at 163 W tick every 37 min: the time since the last poll would be too short."""
    scale = 360000.0
    before, after = counted((0, END - 1, "a"), (2200, END - 1, "a"), (2205, 0, "a"), scale=scale)[1:]
    assert after - before == scale


def test_a_jump_adds_nothing() -> None:
    counters = counted((0, 10, "a"), (5, 900_000_000, "a"), (3605, 900_000_100, "a"))
    assert counters == pytest.approx([10 * WATT_HOUR, 10 * WATT_HOUR, 110 * WATT_HOUR])


@pytest.mark.parametrize(("other", "counter"), [(2, 2), (800, 500)])
def test_another_device_at_the_same_address_adds_nothing(other: int, counter: int) -> None:
    """A lower register is a counter that begins anew, a higher one goes on from where the first was."""
    assert counted((0, 500, "a"), (5, other, "b"))[-1] == counter * WATT_HOUR


@given(st.lists(st.tuples(st.floats(1, 3600), st.integers(0, 40)), min_size=1, max_size=60), st.integers(0, END - 1))
def test_no_energy_is_lost_or_invented_whatever_the_register_wraps(steps: list[tuple[float, int]], first: int) -> None:
    at, raw, truth = 0.0, first, first * WATT_HOUR
    register = Register(raw * WATT_HOUR, at, "a")
    for seconds, ticks in steps:
        at, raw, truth = at + seconds, (raw + ticks) % END, truth + ticks * WATT_HOUR
        counter = register.add(raw * WATT_HOUR, at, "a", step=WATT_HOUR, wraps_at=END)
        assert counter == truth


@given(
    st.lists(st.tuples(st.floats(0.1, 1e5), st.integers(0, END - 1), st.sampled_from("ab")), min_size=1, max_size=30)
)
def test_a_counter_rises_by_no_more_than_could_have_flowed(steps: list[tuple[float, int, str]]) -> None:
    at, changed, before = 0.0, 0.0, 0.0
    register = Register(0.0, 0.0, "a")
    for seconds, raw, device in steps:
        at += seconds
        counter = register.add(raw * WATT_HOUR, at, device, step=WATT_HOUR, wraps_at=END)
        assert counter - before <= MAX_WATTS * (at - changed) + WATT_HOUR + 1
        changed, before = (at if counter != before else changed), counter
