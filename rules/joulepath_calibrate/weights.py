# SPDX-License-Identifier: Apache-2.0
"""Joules for a token of a prompt and for a generated one: non-negative least squares of power over both rates.

Intervals are those of least squares without the bound, of which the part above 0 is stated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.noise import Array, Noise
from joulepath_calibrate.windows import TokenWindow

LEAST_WINDOWS = 60
LEAST_INDEPENDENT = 20
MOST_CORRELATION = 0.95
"""Of both rates: the variance of each weight is then ten times that for rates that do not vary together."""
BENT = 0.995
"""Confidence at which power counts as other than a weighted sum. A lower one would widen intervals by chance."""


@dataclass(frozen=True)
class Weights:
    """The cost of tokens in a run."""

    input: Estimate
    """J for a token of a prompt."""
    output: Estimate
    """J for a generated token."""
    ratio: Estimate
    """The former divided by the latter."""
    base: float
    """Watts without any token."""
    windows: Sequence[TokenWindow]
    bent: bool
    """Whether power is not a weighted sum of both rates."""


@dataclass(frozen=True)
class _Fit:
    coefficients: Array
    noise: Noise
    inverse: Array

    def reach(self, gradient: Array, confidence: float = 0.95) -> float:
        """Half the interval of a sum of the coefficients."""
        weights = gradient @ self.inverse @ self.noise.design.T
        return self.noise.reach(weights, weights * self.noise.residuals, confidence)


def estimate(windows: Sequence[TokenWindow]) -> Weights:
    """The joules for each token. Raises RefusedError."""
    if len(windows) < LEAST_WINDOWS:
        raise RefusedError(f"has {len(windows)} windows, needs {LEAST_WINDOWS}: look back further")
    _, watts, asked, told = np.array(windows).T
    _separate(asked, told)
    design = np.column_stack([np.ones_like(watts), asked, told])
    linear = _fit(design, watts)
    if linear.noise.independent < LEAST_INDEPENDENT:
        raise RefusedError(
            f"power drifts: its {len(windows)} windows tell as much as {linear.noise.independent:.0f} independent "
            f"ones, needs {LEAST_INDEPENDENT}: run for longer"
        )
    curved = _fit(np.column_stack([design, (linear.noise.fitted - watts.mean()) ** 2]), watts)
    bent = abs(curved.coefficients[3]) > curved.reach(np.array([0, 0, 0, 1.0]), BENT)
    base, per_input, per_output = _not_negative(design, watts)
    answer = _interval(linear, curved, np.array([0, 0, 1.0]), per_output, bent=bent)
    if answer.low <= 0:
        raise RefusedError(
            f"a generated token has {answer.value:.3g} J, {answer.low:.3g} to {answer.high:.3g} J, and may cost "
            "nothing: run more requests with long answers"
        )
    prompt = _interval(linear, curved, np.array([0, 1.0, 0]), per_input, bent=bent)
    if prompt.high <= 0:
        raise RefusedError("power falls when prompts have more tokens: check that the power is that of this model")
    ratio = per_input / per_output
    relative = _interval(linear, curved, np.array([0, 1, -ratio]) / per_output, ratio, bent=bent, about=ratio)
    return Weights(_bounded(prompt), answer, _bounded(relative), base, windows, bent)


def _separate(asked: Array, told: Array) -> None:
    """Refuses rates that do not change, or only together."""
    for rate, what in ((asked, "tokens of prompts"), (told, "generated tokens")):
        if np.ptp(rate) == 0:
            raise RefusedError(f"the rate of {what} did not change: run requests of several lengths")
    together = float(np.corrcoef(asked, told)[0, 1])
    if abs(together) > MOST_CORRELATION:
        raise RefusedError(
            f"prompts and answers changed together (correlation {together:.2f}, at most {MOST_CORRELATION:g}): run "
            "long prompts with short answers for a time, then short ones with long ones"
        )


def _fit(design: Array, watts: Array) -> _Fit:
    scale = np.abs(design).max(axis=0)
    scaled = design / scale
    inverse = np.linalg.inv(scaled.T @ scaled) / np.outer(scale, scale)
    coefficients = inverse @ design.T @ watts
    fitted = design @ coefficients
    return _Fit(coefficients, Noise(scaled, fitted, watts - fitted), inverse * scale)


def _not_negative(design: Array, watts: Array) -> tuple[float, float, float]:
    scale = np.abs(design).max(axis=0)
    found, _ = nnls(design / scale, watts)
    base, asked, told = found / scale
    return float(base), float(asked), float(told)


def _interval(linear: _Fit, curved: _Fit, gradient: Array, value: float, *, bent: bool, about: float = 0.0) -> Estimate:
    """The interval of a sum of the coefficients; for a bend wider, by how much the sum depends on it."""
    centre = about + float(gradient @ linear.coefficients)
    reach = linear.reach(gradient)
    if bent:
        reach += abs(float(gradient @ curved.coefficients[:3]) + about - centre)
    return Estimate(value, min(centre - reach, value), max(centre + reach, value))


def _bounded(estimate: Estimate) -> Estimate:
    return Estimate(estimate.value, max(estimate.low, 0.0), estimate.high)
