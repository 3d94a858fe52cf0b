# SPDX-License-Identifier: Apache-2.0
"""The integrator against the exact integral of piecewise linear curves."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.reading.energy import Energy, Integrator

pytestmark = pytest.mark.unit

HOLE = 15.0

# Steps and watts in 1/64, so that floats hold them without rounding and "exact" means equal.
steps = st.integers(1, 64 * 40).map(lambda n: n / 64)
watts = st.integers(0, 64 * 5000).map(lambda n: n / 64)
curves = st.lists(st.tuples(steps, watts), min_size=1, max_size=60)


def readings(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    at = 0.0
    points = []
    for step, value in curve:
        at += step
        points.append((at, value))
    return points


@given(curves)
def test_energy_is_the_integral_of_the_readings_except_over_gaps(
    curve: list[tuple[float, float]],
) -> None:
    integrator = Integrator(HOLE)
    points = readings(curve)
    for at, value in points:
        integrator.add(at, value)
    bridged = [(a, b) for a, b in pairwise(points) if b[0] - a[0] <= HOLE]
    joules = sum((Fraction(p) + Fraction(q)) / 2 * (Fraction(t) - Fraction(s)) for (s, p), (t, q) in bridged)
    seconds = sum(Fraction(t) - Fraction(s) for (s, _), (t, _) in bridged)
    assert integrator.energy.measured_seconds == float(seconds)
    assert integrator.energy.joules == pytest.approx(float(joules), rel=1e-12, abs=0)


@given(curves, st.data())
def test_readings_on_the_line_change_nothing(curve: list[tuple[float, float]], data: st.DataObject) -> None:
    """A curve's energy does not depend on how often its straight parts are read."""
    points = readings([(min(step, HOLE), value) for step, value in curve])
    once, often = Integrator(HOLE), Integrator(HOLE)
    for at, value in points:
        once.add(at, value)
    often.add(*points[0])
    for (s, p), (t, q) in pairwise(points):
        for part in sorted(data.draw(st.sets(st.integers(1, 7), max_size=3))):
            often.add(s + (t - s) * part / 8, p + (q - p) * part / 8)
        often.add(t, q)
    assert often.energy.joules == pytest.approx(once.energy.joules, rel=1e-12)
    assert often.energy.measured_seconds == pytest.approx(once.energy.measured_seconds, rel=1e-12)


@given(
    st.lists(st.tuples(st.floats(-100, 1000, allow_nan=False), st.floats(-5000, 5000, allow_nan=False)), max_size=60)
)
def test_counters_never_go_down_whatever_the_clock_and_the_meter_do(events: list[tuple[float, float]]) -> None:
    integrator = Integrator(HOLE)
    before = Energy()
    for at, value in events:
        integrator.add(at, value)
        assert integrator.energy.joules >= before.joules
        assert integrator.energy.measured_seconds >= before.measured_seconds
        before = integrator.energy


@given(curves)
def test_mean_power_lies_between_the_least_and_the_greatest_reading(curve: list[tuple[float, float]]) -> None:
    integrator = Integrator(HOLE)
    for at, value in readings(curve):
        integrator.add(at, value)
    energy = integrator.energy
    if energy.measured_seconds:
        values = [value for _, value in curve]
        mean = energy.joules / energy.measured_seconds
        assert min(values) - 1e-9 <= mean <= max(values) + 1e-9


def test_a_single_reading_adds_no_energy() -> None:
    integrator = Integrator(HOLE)
    integrator.add(0, 100)
    assert integrator.energy == Energy(0, 0)


def test_a_gap_of_the_allowed_length_is_bridged_and_a_longer_one_is_not() -> None:
    integrator = Integrator(HOLE)
    integrator.add(0, 100)
    integrator.add(15, 100)
    assert integrator.energy == Energy(1500, 15)
    integrator.add(30.001, 100)
    assert integrator.energy == Energy(1500, 15)
    integrator.add(31.001, 300)
    assert integrator.energy == Energy(1700, 16)


def test_power_fed_back_counts_time_and_no_joules() -> None:
    integrator = Integrator(HOLE)
    integrator.add(0, -10)
    integrator.add(5, -20)
    assert integrator.energy == Energy(0, 5)


def test_a_reading_of_the_same_instant_replaces_the_value_only() -> None:
    integrator = Integrator(HOLE)
    integrator.add(0, 100)
    integrator.add(0, 200)
    integrator.add(10, 200)
    assert integrator.energy == Energy(2000, 10)
