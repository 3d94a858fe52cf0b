# SPDX-License-Identifier: Apache-2.0
"""The error of a mean, for noise that is known."""

import math

import numpy as np
import pytest

from joulepath_calibrate.noise import Array, Noise

pytestmark = pytest.mark.unit

COUNT, RUNS = 720, 300


def reach(values: Array) -> float:
    """Half the interval of the mean."""
    ones = np.ones(len(values))
    noise = Noise(ones[:, None], values.mean() * ones, values - values.mean())
    return noise.reach(ones / len(values), noise.residuals / len(values))


def lasting(drawn: np.random.Generator, memory: float) -> Array:
    """Noise of size 1 of which each value keeps a part of the one before."""
    values = drawn.normal(size=COUNT)
    for place in range(1, COUNT):
        values[place] = memory * values[place - 1] + math.sqrt(1 - memory**2) * values[place]
    return values


def coverage(*memories: float) -> float:
    """How often the interval of the mean of a sum of such noises holds 0."""
    held = 0
    for seed in range(RUNS):
        drawn = np.random.default_rng(seed)
        values = sum((lasting(drawn, memory) for memory in memories), np.zeros(COUNT))
        held += abs(values.mean()) <= reach(values)
    return held / RUNS


@pytest.mark.parametrize("memories", [(0.0,), (0.8,), (0.0, 0.0, 0.0, 0.95)])
def test_the_mean_of_noise_is_within_its_interval(memories: tuple[float, ...]) -> None:
    """The last is mostly fast noise over some that is slow: its neighbours are little alike, and it lasts long.

    300 runs: 95 %, give or take 2.5 standard errors of 1.3 %; slow noise may have 3 % less.
    """
    assert 0.95 - 0.032 - 0.03 * (len(memories) > 1) <= coverage(*memories) <= 0.95 + 0.032
