# SPDX-License-Identifier: Apache-2.0
"""The energy of one GPU, against numbers worked out by hand and a GPU of known power."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.gpu.meter import COUNTER, MOST_WATTS, POWER, STILL_SECONDS, Meter

pytestmark = pytest.mark.unit


def test_the_steps_of_the_counter_count() -> None:
    meter = Meter()
    for at, joules in ((0.0, 5000.0), (1.0, 5300.0), (3.5, 6050.0)):
        meter.add(at, joules, 299.0)
    assert meter.energy == (1050.0, 3.5)  # 300 J in 1 s and 750 J in 2.5 s
    assert meter.source == COUNTER


def test_a_counter_that_restarts_loses_its_interval() -> None:
    """The driver was loaded anew between 1 s and 2 s: the energy in between is not known."""
    meter = Meter()
    for at, joules in ((0.0, 5000.0), (1.0, 5300.0), (2.0, 20.0), (3.0, 320.0)):
        meter.add(at, joules, 299.0)
    assert meter.energy == (600.0, 2.0)


def test_a_jump_adds_nothing() -> None:
    meter = Meter()
    for at, joules in ((0.0, 0.0), (1.0, 300.0), (2.0, 9_000_000.0), (3.0, 9_000_300.0)):
        meter.add(at, joules, 299.0)
    assert meter.energy == (600.0, 2.0)


def test_a_slow_counter_counts_when_it_moves() -> None:
    """It moves every 2 s, and is read every second: no reading has half of a step."""
    meter = Meter()
    seen = []
    for at, joules in enumerate((0.0, 0.0, 600.0, 600.0, 1200.0)):
        meter.add(float(at), joules, None)
        seen.append(meter.energy)
    assert seen == [(0.0, 0.0), (0.0, 0.0), (600.0, 2.0), (600.0, 2.0), (1200.0, 4.0)]


def test_power_is_integrated_without_a_counter() -> None:
    """100 W and 300 W, 2 s apart: 400 J by the trapezoid rule."""
    meter = Meter()
    meter.add(0.0, None, 100.0)
    meter.add(2.0, None, 300.0)
    assert meter.energy == (400.0, 2.0)
    assert meter.source == POWER


def test_a_dead_counter_gives_way_to_power() -> None:
    """It stands at 7 J while the GPU draws 50 W: from 10 s on power counts, and nothing is invented for before."""
    meter = Meter()
    for at in range(21):
        meter.add(float(at), 7.0, 50.0)
    assert meter.source == POWER
    assert meter.energy == (500.0, 10.0)
    assert STILL_SECONDS == 10


def test_energy_is_never_counted_by_both() -> None:
    """The counter stands for 20 s and then shows all of their 1000 J: those were integrated already."""
    meter = Meter()
    for at in range(21):
        meter.add(float(at), 7.0, 50.0)
    before = meter.energy
    meter.add(21.0, 1057.0, 50.0)
    assert meter.energy == before
    assert meter.source == COUNTER
    meter.add(22.0, 1107.0, 50.0)
    assert meter.energy == (before.joules + 50, before.measured_seconds + 1)


def test_a_gpu_that_was_lost_has_a_gap() -> None:
    meter = Meter()
    meter.add(0.0, 1000.0, 50.0)
    meter.add(1.0, 1050.0, 50.0)
    meter.interrupt()
    meter.add(60.0, 4000.0, 50.0)
    meter.add(61.0, 4050.0, 50.0)
    assert meter.energy == (100.0, 2.0)


def test_a_gpu_without_either_has_no_energy() -> None:
    meter = Meter()
    meter.add(0.0, None, None)
    meter.add(1.0, None, None)
    assert meter.source == ""
    assert meter.energy == (0.0, 0.0)


@given(
    st.lists(
        st.tuples(
            st.floats(0.2, 8.0),  # seconds to the next reading
            st.sampled_from(["counter", "power", "both", "neither", "reload", "lost", "frozen"]),
        ),
        max_size=60,
    ),
    st.floats(1.0, 1000.0),
)
def test_joules_and_seconds_are_those_of_one_power(turns: list[tuple[float, str]], watts: float) -> None:
    """A GPU that always draws `watts`: whatever fails, joules are `watts` times the measured seconds."""
    meter, at, loaded = Meter(), 0.0, 0.0
    frozen: float | None = None
    last = meter.energy
    for wait, turn in turns:
        at += wait
        if turn in ("lost", "reload"):
            meter.interrupt()
            frozen = None
            loaded = at if turn == "reload" else loaded  # from 0 again
            continue
        frozen = (frozen if frozen is not None else (at - loaded) * watts) if turn == "frozen" else None
        joules = frozen if frozen is not None else (at - loaded) * watts
        meter.add(
            at,
            None if turn in ("power", "neither") else joules,
            None if turn in ("counter", "neither") else watts,
        )
        assert meter.energy >= last
        last = meter.energy
        assert meter.energy.joules == pytest.approx(watts * meter.energy.measured_seconds, rel=1e-6, abs=1e-3)
    assert meter.energy.measured_seconds <= at + 1e-6
    assert watts < MOST_WATTS
