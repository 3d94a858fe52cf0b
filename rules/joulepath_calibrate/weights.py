# SPDX-License-Identifier: Apache-2.0
"""Joules for a token of a prompt and for a generated one: non-negative least squares of power over both rates.

Intervals are those of least squares without the bound, of which the part above 0 is stated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from joulepath_calibrate.enough import check_count, check_steady
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.linear import Fit, bend, fit
from joulepath_calibrate.noise import Array
from joulepath_calibrate.windows import TokenWindow

MOST_CORRELATION = 0.95
"""Of both rates: the variance of each weight is then ten times that for rates that do not vary together."""


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


def estimate(windows: Sequence[TokenWindow]) -> Weights:
    """The joules for each token. Raises RefusedError."""
    check_count(windows, "look back further")
    _, watts, asked, told = np.array(windows).T
    if np.ptp(watts) == 0:
        raise RefusedError(f"power was {watts[0]:.3g} W all the time: check that it is that of this model")
    _separate(asked, told)
    design = np.column_stack([np.ones_like(watts), asked, told])
    linear = fit(design, watts)
    check_steady(linear.noise, "run for longer")
    other = bend(linear, design, watts)
    base, per_input, per_output = _not_negative(design, watts)
    answer = _interval(linear, other, np.array([0, 0, 1.0]), per_output)
    if answer.low <= 0:
        raise RefusedError(
            f"a generated token has {answer.value:.3g} J, {answer.low:.3g} to {answer.high:.3g} J, and may cost "
            "nothing: run more requests with long answers"
        )
    prompt = _interval(linear, other, np.array([0, 1.0, 0]), per_input)
    if prompt.high <= 0:
        raise RefusedError("power falls when prompts have more tokens: check that the power is that of this model")
    ratio = per_input / per_output
    relative = _interval(linear, other, np.array([0, 1, -ratio]) / per_output, ratio, about=ratio)
    return Weights(_bounded(prompt), answer, _bounded(relative), base, windows, other is not None)


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


def _not_negative(design: Array, watts: Array) -> tuple[float, float, float]:
    scale = np.abs(design).max(axis=0)
    found, _ = nnls(design / scale, watts)
    base, asked, told = found / scale
    return float(base), float(asked), float(told)


def _interval(linear: Fit, other: Fit | None, gradient: Array, value: float, about: float = 0.0) -> Estimate:
    """The interval of a sum of the coefficients; wider by how much the sum depends on a bend, where one shows."""
    centre = about + float(gradient @ linear.coefficients)
    reach = linear.reach(gradient)
    if other is not None:
        reach += abs(float(gradient @ other.coefficients[:3]) + about - centre)
    return Estimate(value, min(centre - reach, value), max(centre + reach, value))


def _bounded(estimate: Estimate) -> Estimate:
    return Estimate(estimate.value, max(estimate.low, 0.0), estimate.high)
