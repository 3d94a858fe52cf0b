# SPDX-License-Identifier: Apache-2.0
"""The line with errors in both variables against two libraries, and the curve against what errors in load do."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
import york
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath_calibrate.curve import CENTRE, fit

pytestmark = pytest.mark.unit


def points(seed: int, noise: float = 0.05, bend: float = 0.0, count: int = 400) -> tuple[list[float], list[float]]:
    """Loads with an error of `noise`, and watts of 100 + 150 u + bend u^2 with an error of 4 W."""
    drawn = random.Random(seed)
    true = [drawn.uniform(0.1, 0.9) for _ in range(count)]
    watts = [100 + 150 * one + bend * one**2 + drawn.gauss(0, 4) for one in true]
    return [one + drawn.gauss(0, noise) for one in true], watts


def line(x: Sequence[float], y: Sequence[float], ratio: float) -> list[float]:
    """Slope and intercept."""
    curve = fit(x, y, 1, ratio)
    return [float(curve.coefficients[1]), curve.value(curve.at(0))]


@pytest.mark.parametrize("noise", [0.001, 0.02, 0.1])
def test_the_line_is_the_one_of_orthogonal_distance_regression(noise: float) -> None:
    odr = pytest.importorskip("scipy.odr", reason="scipy has it until 1.18")
    x, y = points(1, noise)
    theirs = odr.ODR(odr.RealData(x, y, sx=noise, sy=4.0), odr.unilinear, beta0=[1.0, 1.0]).run()
    assert line(x, y, 4 / noise) == pytest.approx(list(theirs.beta), rel=1e-4)


@given(st.integers(0, 1000), st.floats(0.001, 0.1), st.floats(0.5, 10))
@settings(max_examples=50)
def test_the_line_is_that_of_york(seed: int, load_error: float, power_error: float) -> None:
    """Whatever the errors are said to be, whether this is right or not."""
    x, y = points(seed)
    theirs = york.fit(x, y, sx=load_error, sy=power_error, check_autocorrelation=False)
    assert line(x, y, power_error / load_error) == pytest.approx([theirs.slope, theirs.intercept], rel=1e-4)


def test_without_errors_in_load_it_is_least_squares() -> None:
    x, y = points(2)
    assert line(x, y, math.inf) == pytest.approx(list(np.polyfit(x, y, 1)))
    expected = np.polyfit(np.asarray(x) - CENTRE, y, 3)[::-1]
    assert list(fit(x, y, 3, math.inf).coefficients) == pytest.approx(list(expected))


def test_errors_in_load_do_not_flatten_the_curve() -> None:
    """Mean of 40 fits: least squares finds 4 % less slope, 0.05^2 / (0.8^2 / 12), and 8 % less bend."""
    fits, flat = [], []
    for seed in range(40):
        x, y = points(seed, bend=-200, count=2000)
        fits.append(fit(x, y, 2, 4 / 0.05).coefficients[2])
        flat.append(np.polyfit(x, y, 2)[0])
    assert np.mean(fits) == pytest.approx(-200, abs=6)
    assert np.mean(flat) > -190


def test_a_load_that_is_all_error_has_no_line() -> None:
    drawn = random.Random(3)
    x = [0.5 + drawn.gauss(0, 0.05) for _ in range(400)]
    with pytest.raises(ValueError, match="as large as its changes"):
        fit(x, [100 + drawn.gauss(0, 1) for _ in x], 1, 1.0)
