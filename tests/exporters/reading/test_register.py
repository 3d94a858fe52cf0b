# SPDX-License-Identifier: Apache-2.0
"""Energy registers: what is counted through a wrap, a reset, a jump and another device."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.reading.energy import MAX_WATTS
from joulepath.reading.register import Register

pytestmark = pytest.mark.unit

WATT_HOUR = 3600.0
END = 2**32


def count_steps(*steps: tuple[float, int, str], scale: float = WATT_HOUR, wraps_at: int = END) -> list[float]:
    """Counters after readings (at seconds, steps of the register, device)."""
    at, first, device = steps[0]
    register = Register(first * scale, at, device)
    return [register.add(raw * scale, at, device, step=scale, wraps_at=wraps_at) for at, raw, device in steps]


def test_a_register_is_published_as_it_is() -> None:
    assert count_steps((0, 7, "a"), (5, 7, "a"), (10, 8, "a")) == [7 * WATT_HOUR, 7 * WATT_HOUR, 8 * WATT_HOUR]


@pytest.mark.parametrize("end", [2**31, 2**32, 2**64, 9999001])
def test_a_wrap_goes_on(end: int) -> None:
    before, after = count_steps((0, end - 2, "a"), (36, 1, "a"), wraps_at=end)
    assert after - before == pytest.approx(3 * WATT_HOUR, abs=end * WATT_HOUR * 1e-15)


def test_a_register_goes_on_after_a_wrap() -> None:
    counters = count_steps((0, END - 1, "a"), (36, 0, "a"), (72, 5, "a"), (108, 5, "a"))
    assert counters == [(END - 1) * WATT_HOUR, END * WATT_HOUR, (END + 5) * WATT_HOUR, (END + 5) * WATT_HOUR]


def test_a_reset_adds_nothing() -> None:
    """5 kWh set back to 0 is not a wrap: 4 TWh did not flow in 5 s. A counter that fell would count its value again."""
    counters = count_steps((0, 5000, "a"), (5, 0, "a"), (10, 1, "a"), (15, 2, "a"))
    assert counters == [5000 * WATT_HOUR, 5000 * WATT_HOUR, 5001 * WATT_HOUR, 5002 * WATT_HOUR]


def test_a_reset_after_a_wrap_adds_nothing_either() -> None:
    counters = count_steps((0, END - 1, "a"), (36, 3, "a"), (10_000, 3000, "a"), (10_005, 1, "a"), (10_010, 2, "a"))
    assert counters[-3:] == [(END + 3000) * WATT_HOUR, (END + 3000) * WATT_HOUR, (END + 3001) * WATT_HOUR]


def test_a_reset_differs_from_a_wrap_by_the_energy_that_could_have_flowed() -> None:
    """0.1 kWh at 163 W tick every 37 min: the time since the last poll would be too short."""
    scale = 360000.0
    before, after = count_steps((0, END - 1, "a"), (2200, END - 1, "a"), (2205, 0, "a"), scale=scale)[1:]
    assert after - before == scale


def test_a_jump_adds_nothing() -> None:
    counters = count_steps((0, 10, "a"), (5, 900_000_000, "a"), (3605, 900_000_100, "a"))
    assert counters == pytest.approx([10 * WATT_HOUR, 10 * WATT_HOUR, 110 * WATT_HOUR])


@pytest.mark.parametrize("other", [0, 2, 499, 500, 501, 800, END - 1])
def test_another_device_at_the_same_address_adds_nothing(other: int) -> None:
    """Neither where its register is lower nor where it is higher, and what it counts from then on is added."""
    assert count_steps((0, 500, "a"), (5, other, "b"), (10, other + 1, "b")) == [
        500 * WATT_HOUR,
        500 * WATT_HOUR,
        501 * WATT_HOUR,
    ]


@pytest.mark.parametrize("glitch", [0, 3, 490, 100_000, 2**31 - 1, END - 1])
def test_a_glitch_of_one_poll_adds_nothing_and_loses_nothing(glitch: int) -> None:
    at = [(0, 50_000, "a"), (5, glitch, "a"), (10, 50_001, "a"), (15, 50_002, "a")]
    assert count_steps(*at) == [50_000 * WATT_HOUR, 50_000 * WATT_HOUR, 50_001 * WATT_HOUR, 50_002 * WATT_HOUR]


def test_a_glitch_is_reported() -> None:
    register = Register(50_000 * WATT_HOUR, 0.0, "a")
    register.add(0.0, 5.0, "a", step=WATT_HOUR, wraps_at=END)
    assert register.doubted
    register.add(50_000 * WATT_HOUR, 10.0, "a", step=WATT_HOUR, wraps_at=END)
    assert not register.doubted


def test_a_register_that_stood_still_for_days_has_counted_no_days_at_once() -> None:
    """An idle outlet of a PDU without serial numbers, swapped for one at 20 MWh."""
    assert count_steps((0, 500, "a"), (864_000, 500, "a"), (864_005, 20_000_000, "a"))[-1] == 500 * WATT_HOUR


def increase(counters: list[float]) -> float:
    """The increase() of Prometheus: each fall is a reset to 0."""
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(counters))


@given(
    st.lists(
        st.tuples(st.floats(1, 600), st.integers(0, 100), st.sampled_from(["", "", "", "swap", "reset", "glitch"])),
        min_size=1,
        max_size=60,
    ),
    st.lists(st.integers(0, END - 1), min_size=60, max_size=60),
    st.sampled_from([1.0, 0.1, 360.36, WATT_HOUR, 360_000.0]),
)
def test_swaps_resets_and_glitches_add_nothing_and_never_let_it_fall(
    steps: list[tuple[float, int, str]], firsts: list[int], step: float
) -> None:
    """No more than flowed is counted, whatever happens."""
    at, raw, device, flowed = 0.0, firsts[0], 0, 0.0
    register = Register(raw * step, at, device)
    counters = [register.joules]
    for (seconds, most, event), other in zip(steps, firsts, strict=False):
        at += seconds
        ticks = min(most, int(MAX_WATTS * seconds / step))
        if event == "swap":
            device, raw, ticks = device + 1, other, 0
        elif event == "reset" and raw > 0 and (END - raw) * step > MAX_WATTS * 40_000:
            raw, ticks = 0, 0
        raw = (raw + ticks) % END
        flowed += ticks * step
        shown = other if event == "glitch" and (other - raw) * step > MAX_WATTS * 40_000 else raw
        counters.append(register.add(shown * step, at, device, step=step, wraps_at=END))
    assert counters == sorted(counters)
    assert increase(counters) <= flowed * (1 + 1e-9) + 1e-3 * step + END * step * 1e-15


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


def beside_watts(
    *steps: tuple[float, float, float | None], scale: float = WATT_HOUR, wraps_at: int = END
) -> list[tuple[float, bool]]:
    """Watt hours counted since the start and whether the reading was doubted, after (at seconds, steps, most watts)."""
    at, first, _ = steps[0]
    register = Register(first * scale, at, "a")
    counters = []
    for then, raw, most in steps:
        counter = register.add(raw * scale, then, "a", step=scale, wraps_at=wraps_at, most=most)
        counters.append((round(counter / WATT_HOUR - first, 6), register.doubted))
    return counters


@pytest.mark.parametrize("glitch", [400, 1_000, 65_535])
@pytest.mark.parametrize("wraps_at", [2**16, END])
def test_a_glitch_of_an_idle_register_is_bounded_by_the_watts_beside_it(glitch: int, wraps_at: int) -> None:
    """1 MW for the 37 minutes since the last tick would be 600 kWh."""
    polls = [(5.0 * poll, 7, 400.0) for poll in range(444)]
    readings = [(at + 2220.0, raw, 400.0) for at, raw in ((0, glitch), (5, 7), (10, 8))]
    assert beside_watts(*polls, *readings, wraps_at=wraps_at)[-3:] == [(0, True), (0, False), (1, False)]


def test_a_short_register_wraps_only_if_enough_energy_can_have_flowed() -> None:
    """Of a register of 16 bits in Wh, 1 MW would count through the end within four minutes."""
    polls = [(5.0 * poll, 30_000, 400.0) for poll in range(444)]
    assert beside_watts(*polls, (2220, 0, 400), (2225, 0, 400), (2230, 1, 400), wraps_at=2**16)[-3:] == [
        (0, True),
        (0, False),
        (1, False),
    ]


def test_energy_that_flowed_during_a_gap_counts() -> None:
    """The device could not be read for an hour, in which 50 kW flowed; before and after it drew little."""
    assert beside_watts((0, 10, 400), (5, 10, 400), (3605, 50_010, 400), (3610, 50_011, 400))[-2:] == [
        (50_000, False),
        (50_001, False),
    ]


def test_watts_in_another_unit_do_not_stop_a_register_for_good() -> None:
    """20 kW, published as 20 W, tick 28 Wh in 5 s: what they admit is 5.6 Wh."""
    counters = beside_watts(*[(5.0 * poll, 28 * poll, 4_080.0) for poll in range(6)])
    assert counters == [(0, False), (0, True), (56, False), (84, False), (112, False), (140, False)]
